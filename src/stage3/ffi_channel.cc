#include "src/stage3/ffi_channel.h"

#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace fletbridge::stage3 {
namespace asio = boost::asio;

namespace {

// After so many packets the loop's other work comes first.
constexpr int kBatch = 256;
constexpr std::uint32_t kChannelIdBytes = 4;

void Wake(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd, &one, sizeof one);
}

void Clear(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof count);
}

}  // namespace

// The loop's end of to_ui_; shared with handlers that are under way.
struct FfiChannel::Reader : std::enable_shared_from_this<Reader> {
  Reader(FfiChannel& owner, asio::io_context& io)
      : channel(&owner), wake(io, ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void Wait() {
    waiting = true;
    wake.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](boost::system::error_code error) {
                      self->waiting = false;
                      if (error || self->channel == nullptr) return;
                      Clear(self->wake.native_handle());
                      self->Deliver();
                    });
  }

  void Deliver() {
    if (waiting || channel == nullptr) return;
    for (int i = 0; i < kBatch; ++i) {
      if (channel == nullptr || paused.load()) return;
      Packet packet;
      if (!channel->to_ui_.Pop(packet)) {
        if (channel->to_ui_.PrepareToSleep()) {
          Wait();
          return;
        }
        continue;
      }
      const std::size_t size = packet.payload.size();
      channel->HandToSink(std::move(packet));
      if (channel != nullptr && channel->to_ui_.Release(size)) {
        channel->room_epoch_.fetch_add(1);
        channel->room_epoch_.notify_all();
      }
    }
    channel->loop_.Post([self = shared_from_this()] { self->Deliver(); });
  }

  FfiChannel* channel;
  asio::posix::stream_descriptor wake;
  std::atomic<bool> paused{false};
  bool waiting = false;
};

FfiChannel::FfiChannel(EventLoop& loop, const FlowLimits& limits, PacketSink& sink,
                       std::int64_t protocol_port)
    : loop_(loop),
      sink_(sink),
      protocol_port_(protocol_port),
      to_ui_(limits),
      reader_(std::make_shared<Reader>(*this, loop.io())),
      inbox_(limits, [&loop, reader = reader_] {
        loop.Post([reader] {
          if (reader->channel != nullptr) reader->channel->sink_.OnWritable();
        });
      }) {
  inbox_.Open();  // what is sent before the app listens waits for it
}

FfiChannel::~FfiChannel() { reader_->channel = nullptr; }

SendResult FfiChannel::Send(Packet&& packet) {
  Message message;
  if (packet.type == PacketType::kData) {
    // A data channel has a port of its own, which is its id, and no type byte. What is too short to
    // name one, Flet drops on sockets as well.
    if (packet.payload.size() < kChannelIdBytes) return SendResult::kAccepted;
    std::uint32_t id = 0;
    std::memcpy(&id, packet.payload.data(), kChannelIdBytes);
    message.port = id;
    message.skip = kChannelIdBytes;
  } else {
    message.port = protocol_port_;
    message.prefix = static_cast<std::int16_t>(packet.type);
  }
  message.payload = std::move(packet.payload);
  const SendResult result = inbox_.Push(std::move(message));
  if (result != SendResult::kAccepted) packet.payload = message.payload.TakeBuffer();
  return result;
}

void FfiChannel::PauseReceiving() { reader_->paused.store(true); }

void FfiChannel::ResumeReceiving() {
  if (!reader_->paused.exchange(false)) return;
  loop_.Post([reader = reader_] { reader->Deliver(); });
}

void FfiChannel::Start() { reader_->Deliver(); }

void FfiChannel::NewSession() {
  sessions_to_skip_.fetch_add(1);
  inbox_.PushNewClient();
}

void FfiChannel::Close() {
  CloseToPython();
  inbox_.Shut();
  reader_->paused.store(false);
  for (Packet packet; to_ui_.Pop(packet);) {
    const std::size_t size = packet.payload.size();
    HandToSink(std::move(packet));
    [[maybe_unused]] const bool room = to_ui_.Release(size);
  }
}

void FfiChannel::HandToSink(Packet&& packet) {
  if (packet.type == PacketType::kNewSession) {
    sessions_to_skip_.fetch_sub(1);
  } else if (sessions_to_skip_.load() == 0) {
    sink_.OnPacket(std::move(packet));
  }
}

void FfiChannel::CloseToPython() {
  to_ui_.Close();
  room_epoch_.fetch_add(1);
  room_epoch_.notify_all();
}

FfiChannel::Sent FfiChannel::SendFromPython(Packet&& packet, std::uint32_t& room) {
  room = room_epoch_.load();  // before the push: what gets room after it changes the count
  bool wake = false;
  switch (to_ui_.Push(std::move(packet), wake)) {
    case SendResult::kAccepted:
      if (wake) Wake(reader_->wake.native_handle());
      return Sent::kOk;
    case SendResult::kFull:
      return Sent::kFull;
    case SendResult::kTooLarge:
      return Sent::kTooLarge;
    case SendResult::kClosed:
      break;
  }
  return Sent::kClosed;
}

void FfiChannel::WaitForRoom(std::uint32_t room) { room_epoch_.wait(room); }

void FfiChannel::NewSessionBegun() {
  if (to_ui_.PushMarker(Packet{PacketType::kNewSession, {}})) Wake(reader_->wake.native_handle());
}

}  // namespace fletbridge::stage3
