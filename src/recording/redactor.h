// Room: src/recording. Takes secrets out of packets before they are written: what is typed into
// password fields, the values of what --redact names, and the session's own id. It follows the
// control tree to know which field a value belongs to. A field that was secret once stays so, for
// apps that show a password by turning the field into a plain one.
//
// A packet that cannot be read might hold anything: its content is left out.
//
// For one thread at a time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/wire/codec.h"
#include "common/wire/session.h"
#include "src/recording/format.h"

namespace fletbridge::recording {

// What stands in place of a text, whatever its length was.
inline constexpr std::string_view kMask = "[masked]";

class Redactor {
 public:
  // A name is a control's key, data or label, or a key in a map: of an event's data, of a call's
  // arguments, of a property.
  explicit Redactor(std::vector<std::string> names);
  // What the packets are written in; the newest generation where nothing is said.
  void SpeakAs(const wire::Codec& codec) noexcept { codec_ = &codec; }

  struct Outcome {
    std::uint8_t flags = 0;         // kMasked, kWithheld
    std::optional<Buffer> payload;  // in place of the packet's own, if there are flags
  };
  [[nodiscard]] Outcome Pass(Direction direction, PacketType type,
                             std::span<const std::byte> payload);
  void NewSession();

  // The page as it stands, masked; nothing before the app has answered a registration.
  [[nodiscard]] std::optional<Buffer> State();
  // The app has drawn something: the session's first state has passed.
  [[nodiscard]] bool drawn() const noexcept { return drawn_; }

 private:
  void FindSecrets(const wire::Value& value);
  void LookAt(const wire::Map& control);
  void LearnValue(std::int64_t id);
  void SweepValues();
  [[nodiscard]] bool IsNamed(const wire::Value& value) const;
  [[nodiscard]] bool IsSecret(const wire::Map& control) const;
  // These say whether anything was replaced.
  bool MaskLeaves(wire::Value& value) const;
  bool MaskNamed(wire::Value& value) const;
  // For each kind of message.
  bool Mask(wire::Register& message);
  bool Mask(wire::RegisterAnswer& message);
  bool Mask(wire::Patch& message);
  bool Mask(wire::FlatPatch& message);
  bool Mask(wire::ControlEvent& message);
  bool Mask(wire::UpdateProps& message);
  bool Mask(wire::InvokeMethod& message);
  bool Mask(wire::MethodResult& message);
  template <class Any>
  bool Mask(Any&) {
    return false;
  }
  bool Mask(wire::Value& value, bool all) const {
    return all ? MaskLeaves(value) : MaskNamed(value);
  }

  const std::vector<std::string> names_;
  const wire::Codec* codec_ = &wire::Newest();
  wire::Session session_;
  std::set<std::int64_t> secret_;  // ids of controls
  // What secret controls hold now, as bytes of the wire: by control, and how many hold it.
  std::map<std::int64_t, std::string> value_of_;
  std::map<std::string, std::size_t> values_;
  std::size_t sweep_at_ = 256;          // values of controls that have gone are dropped then
  std::set<std::string> secret_calls_;  // calls whose answer is secret; each is, where they
  bool all_calls_secret_ = false;       // are too many to remember
  bool drawn_ = false;
  bool lost_ = false;  // the tree is no longer the session's
};

}  // namespace fletbridge::recording
