// Room: tests/fuzz. The reader of JSON and the messages of wire generation 1: whatever comes, a
// value is read back as it was written, a message is read or refused in one line, and a session
// takes it or refuses it; what it has become is written again and read once more.
//
// An input: messages, one a line; one that begins with a blank is the client's.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <variant>

#include "common/wire/codec.h"
#include "common/wire/json.h"
#include "common/wire/session.h"

namespace {

using namespace fletbridge;
using namespace fletbridge::wire;

constexpr DecodeLimits kLimits{.max_depth = 64, .max_values = 4096};

void Require(bool holds) {
  if (!holds) std::abort();
}

void ReadBackWhatIsWritten(std::string_view text) {
  const Result<Value> value = FromJson(text, kLimits);
  if (!value) return Require(!value.error().context.empty());
  const std::string once = ToJson(*value);
  const Result<Value> again = FromJson(once, kLimits);
  Require(again.has_value());
  Require(ToJson(*again) == once);
}

void Take(Session& session, Sender sender, std::string_view text) {
  const Codec& codec = *CodecOf(Generation::kG1);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text.data(), text.size()));
  static_cast<void>(codec.Peek(bytes));
  static_cast<void>(codec.Skim({PacketType::kControl, Buffer(bytes)}));
  static_cast<void>(codec.Check(bytes));
  Result<Message> message = codec.Decode(sender, bytes, Reading::kStrict, kLimits);
  if (!message) return Require(!message.error().context.empty());
  for (const Packet& packet : codec.Encode(*message))
    Require(codec.Decode(sender, packet.payload.span(), Reading::kLenient).has_value());
  if (const Result<bool> ok = session.Apply(*message); !ok) Require(!ok.error().context.empty());
  // What has become part of the tree is no longer the message's, but for a patch's places.
  if (!std::holds_alternative<Patch>(*message)) return;
  for (const Packet& packet : Newest().Encode(*message))
    Require(Newest().Check(packet.payload.span()).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  Session session;
  session.Restore(Value::MapOf({{"_c", "Page"}, {"_i", kPageId}}));
  while (!in.empty()) {
    const std::size_t end = std::min(in.find('\n'), in.size());
    std::string_view line = in.substr(0, end);
    in.remove_prefix(std::min(end + 1, in.size()));
    const bool client = line.starts_with(' ');
    if (client) line.remove_prefix(1);
    ReadBackWhatIsWritten(line);
    Take(session, client ? Sender::kClient : Sender::kApp, line);
  }
  return 0;
}
