// Room: common/wire. How one generation of Flet speaks: its framing on a byte stream and its
// messages (message.h) as packets. Each generation implements this interface once and stands in
// the list of codecs; whoever reads or writes messages does it through the codec of the side that
// they come from or go to.
//
// Bytes from a peer are not trusted: sizes that they declare are checked before anything is
// allocated. Codecs have no state and live for ever; any thread.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/transport/generation.h"
#include "common/wire/framing.h"
#include "common/wire/message.h"

namespace fletbridge::wire {

// What is read of a message that is only passed on. The texts lie in its packet; empty where it has
// none, or none that can be told.
struct Outline {
  Action action = Action::kNone;
  std::string_view name;  // of an event or a call
  std::string_view call_id;
  std::string_view error;
};

// A client of a session must understand all that the app says; whoever only looks on takes a field
// that is missing or of another type for an empty one.
enum class Reading { kStrict, kLenient };

class Codec {
 public:
  virtual ~Codec() = default;
  [[nodiscard]] virtual Generation generation() const noexcept = 0;
  [[nodiscard]] virtual const char* flet() const noexcept = 0;  // "Flet 0.70 to 0.85"

  // ---- On a byte stream

  // Whether a client that begins with these bytes speaks it; kPerhaps: that needs more of them.
  enum class Match { kNo, kPerhaps, kYes };
  [[nodiscard]] virtual Match Recognize(std::span<const std::byte> first) const noexcept = 0;
  [[nodiscard]] virtual std::unique_ptr<FrameReader> MakeReader(std::size_t max_payload) const = 0;
  // Writes what goes before the payload and returns its size; nothing if the generation has no
  // place for such a packet.
  [[nodiscard]] virtual std::optional<std::size_t> Frame(PacketType type, std::size_t payload_bytes,
                                                         FrameHeader& header) const noexcept = 0;

  // ---- Messages

  // No more than which kind it is.
  [[nodiscard]] Action Peek(const Packet& packet) const noexcept {
    return packet.type == PacketType::kControl ? Peek(packet.payload.span()) : Action::kNone;
  }
  [[nodiscard]] virtual Action Peek(std::span<const std::byte> control) const noexcept = 0;
  [[nodiscard]] virtual Outline Skim(const Packet& packet) const noexcept = 0;
  // Whether the payload of a control packet is exactly one message, by its form alone.
  [[nodiscard]] virtual Result<> Check(std::span<const std::byte> payload) const = 0;
  // Anything but one well-formed message is kPeerMisbehaved.
  [[nodiscard]] virtual Result<Message> Decode(Sender sender, std::span<const std::byte> payload,
                                               Reading reading = Reading::kStrict,
                                               const DecodeLimits& limits = {}) const = 0;
  // The packets that say it, mostly one.
  [[nodiscard]] virtual std::vector<Packet> Encode(const Message& message) const = 0;
  // For a message that needs one packet.
  [[nodiscard]] Buffer EncodeOne(const Message& message) const;
  // The message as it is written, as one value for people.
  [[nodiscard]] virtual Result<Value> Show(std::span<const std::byte> payload) const = 0;

  // ---- Beside other generations

  // Both write the same messages alike.
  [[nodiscard]] virtual bool WritesAs(const Codec& other) const noexcept { return this == &other; }
  // What it has no word for, in words for people; empty if it can say the message.
  [[nodiscard]] virtual std::string Lacks(PacketType, const Outline&) const { return {}; }
};

[[nodiscard]] Error MalformedMessage(Sender sender, const std::string& what);

// Of all generations, the oldest first.
using CodecList = std::span<const Codec* const>;
[[nodiscard]] CodecList Codecs() noexcept;
// The one that has all that the others have, and that clients in this process speak.
[[nodiscard]] const Codec& Newest() noexcept;
// Null for kUnknown, and for a generation that is not in the list.
[[nodiscard]] const Codec* CodecOf(Generation generation, CodecList codecs = Codecs()) noexcept;
// The newest where it is not known.
[[nodiscard]] const Codec& CodecOrNewest(Generation generation) noexcept;

}  // namespace fletbridge::wire
