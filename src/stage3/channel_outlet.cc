#include "src/stage3/channel_outlet.h"

#include <cstring>
#include <string>
#include <utility>

#include "common/python/api.h"

namespace fletbridge::stage3 {
namespace {

// A smaller copy costs less than releasing and acquiring the GIL.
constexpr std::size_t kReleaseGilBytes = 64 * 1024;
constexpr std::size_t kChannelIdBytes = 4;

}  // namespace

bool ChannelOutlet::Send(std::int64_t port, PyObject*, std::string_view payload) {
  const bool is_protocol = port == protocol_port_;
  if (!is_protocol && (port < 0 || port > 0xffffffffLL))
    return RaiseRuntimeError("Dart_PostCObject_DL failed");
  Packet packet;
  std::size_t offset = 0;
  if (is_protocol) {
    if (payload.empty()) return true;  // Flet's client ignores an empty packet
    packet.type = static_cast<PacketType>(static_cast<unsigned char>(payload.front()));
    payload.remove_prefix(1);
    packet.payload = Buffer(payload.size());
  } else {
    packet.type = PacketType::kData;
    packet.payload = Buffer(payload.size() + kChannelIdBytes);
    const auto id = static_cast<std::uint32_t>(port);
    std::memcpy(packet.payload.data(), &id, kChannelIdBytes);
    offset = kChannelIdBytes;
  }
  if (payload.size() < kReleaseGilBytes) {
    if (!payload.empty())
      std::memcpy(packet.payload.data() + offset, payload.data(), payload.size());
  } else {
    PyThreadState* thread = Py().PyEval_SaveThread();
    std::memcpy(packet.payload.data() + offset, payload.data(), payload.size());
    Py().PyEval_RestoreThread(thread);
  }
  const std::size_t size = packet.payload.size();
  for (;;) {
    std::uint32_t room = 0;
    switch (channel_.SendFromPython(std::move(packet), room)) {
      case FfiChannel::Sent::kOk:
      case FfiChannel::Sent::kClosed:  // the UI has closed: Flet's socket server drops it silently
                                       // too
        return true;
      case FfiChannel::Sent::kTooLarge: {
        const std::string text = "refused a packet of " + std::to_string(size) + " bytes, limit " +
                                 std::to_string(channel_.limits().max_packet) +
                                 "; raise it with --max-packet";
        on_refused_(MakeError(Errc::kLimit, text));
        return RaiseRuntimeError(text);
      }
      case FfiChannel::Sent::kFull: {
        PyThreadState* thread = Py().PyEval_SaveThread();
        channel_.WaitForRoom(room);
        Py().PyEval_RestoreThread(thread);
      }
    }
  }
}

}  // namespace fletbridge::stage3
