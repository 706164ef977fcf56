#include "common/wire/translator.h"

#include <optional>
#include <string_view>
#include <utility>

#include "common/base/counted.h"
#include "common/wire/peek.h"
#include "common/wire/value_scanner.h"

namespace fletbridge {

// What generation 3 has and generation 2 has not (flet-protocol, 4.1 and 8). The other way round
// there is nothing.
struct Translator::Rule {
  Sender sender;
  Action action;
  std::string_view event;  // of a control event; empty: any
  const char* kind;
};

const Translator::Rule Translator::kOnlyInG3[] = {
    {Sender::kApp, Action::kPythonOutput, {}, "lines of output (python_output)"},
    {Sender::kClient, Action::kControlEvent, "data_channel_open", "data channels"},
};

namespace {

constexpr std::size_t kBodyAt = 2;  // behind 92 and the action
// Calls beyond, or of longer names, are not watched: what a peer may make us hold.
constexpr std::size_t kMaxCalls = 64;
constexpr std::size_t kMaxName = 100;

// A text of less than 64 KiB at the beginning of `in`; nothing if it is none.
std::optional<std::string_view> ShortText(std::span<const std::byte> in) {
  if (in.empty()) return std::nullopt;
  const auto head = std::to_integer<unsigned>(in[0]);
  std::size_t at = 1;
  std::size_t size = head & 0x1f;
  if (head == 0xd9 && in.size() > 1) {
    at = 2;
    size = std::to_integer<std::size_t>(in[1]);
  } else if (head == 0xda && in.size() > 2) {
    at = 3;
    size = std::to_integer<std::size_t>(in[1]) << 8 | std::to_integer<std::size_t>(in[2]);
  } else if ((head & 0xe0) != 0xa0) {
    return std::nullopt;
  }
  if (in.size() < at + size) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(in.data()) + at, size);
}

// The text under `key` in the body of a whole message.
std::string_view BodyText(const Packet& packet, std::string_view key) {
  std::span<const std::byte> in = packet.payload.span().subspan(kBodyAt);
  if (in.empty() || (in[0] & std::byte{0xf0}) != std::byte{0x80}) return {};
  const std::size_t entries = std::to_integer<std::size_t>(in[0] & std::byte{0x0f});
  in = in.subspan(1);
  for (std::size_t i = 0; i < entries; ++i) {
    const bool found = ShortText(in) == key;
    for (const bool is_value : {false, true}) {
      if (is_value && found) return ShortText(in).value_or(std::string_view());
      const Result<std::size_t> length = wire::ValueLength(in);
      if (!length) return {};
      in = in.subspan(*length);
    }
  }
  return {};
}

Error Malformed(const std::string& sender, const std::string& what) {
  return MakeError(Errc::kPeerMisbehaved, "the " + sender + " sent a malformed message: " + what);
}

// Whether the error with which a client has answered a call is that it has no such method: Flet's
// "Unknown FilePicker method: …", or what it says of a control that it does not have.
bool SaysUnknown(std::string_view error) {
  const std::string_view line = error.substr(0, error.find('\n'));
  const std::size_t unknown = line.find("nknown ");
  return (unknown != std::string_view::npos &&
          line.find("method", unknown) != std::string_view::npos) ||
         line.find("No invoke method listeners") != std::string_view::npos ||
         line.find("does not know the method") != std::string_view::npos;
}

}  // namespace

const char* FletOf(Generation generation) noexcept {
  switch (generation) {
    case Generation::kG1:
      return "Flet 0.4 to 0.28";
    case Generation::kG2:
      return "Flet 0.70 to 0.85";
    case Generation::kG3:
      return "Flet 0.86 and later";
    case Generation::kUnknown:
      break;
  }
  return "an unknown Flet";
}

Translator::Translator(Generation app, Generation client,
                       std::function<void(const std::string& line)> warn)
    : app_(app),
      client_(client),
      active_(app != client && app != Generation::kUnknown && client != Generation::kUnknown),
      warn_(std::move(warn)) {}

Result<bool> Translator::ToClient(const Packet& packet) {
  return Pass(packet, Sender::kApp, client_);
}

Result<bool> Translator::ToApp(const Packet& packet) { return Pass(packet, Sender::kClient, app_); }

Result<bool> Translator::Pass(const Packet& packet, Sender sender, Generation to) {
  if (!active_) return true;
  const Action action = PeekAction(packet);
  if (action == Action::kInvokeMethod) WatchCall(packet, sender);
  if (to == Generation::kG3) return true;  // what generation 2 says, 3 understands
  if (packet.type == PacketType::kData) return Refuse("data channels", sender, to);
  if (packet.type != PacketType::kControl) {
    return Refuse("packets of type " + std::to_string(static_cast<unsigned>(packet.type)), sender,
                  to);
  }
  const std::string who = sender == Sender::kApp ? "app" : "client";
  const std::span<const std::byte> payload = packet.payload.span();
  const Result<std::size_t> length = wire::ValueLength(payload);
  if (!length) return Malformed(who, length.error().context);
  if (*length != payload.size()) {
    return Malformed(who,
                     Counted(payload.size() - *length, "byte follows", "bytes follow") + " it");
  }
  if (payload[0] != std::byte{0x92}) return Malformed(who, "it is not [action, body]");
  for (const Rule& rule : kOnlyInG3) {
    if (rule.sender != sender || rule.action != action) continue;
    if (rule.event.empty() || BodyText(packet, "name") == rule.event)
      return Refuse(rule.kind, sender, to);
  }
  return true;
}

void Translator::WatchCall(const Packet& packet, Sender sender) {
  const std::string_view id = BodyText(packet, "call_id");
  if (id.empty() || id.size() > kMaxName) return;
  if (sender == Sender::kApp) {
    const std::string_view name = BodyText(packet, "name");
    if (calls_.size() < kMaxCalls && name.size() <= kMaxName) calls_.emplace(id, name);
    return;
  }
  const auto call = calls_.find(std::string(id));
  if (call == calls_.end()) return;
  const std::string name = std::move(call->second);
  calls_.erase(call);
  const std::string_view error = BodyText(packet, "error");
  if (!SaysUnknown(error) || refused_.size() >= kMaxCalls ||
      !refused_.insert("call " + name).second)
    return;
  if (warn_) {
    warn_("the app's call \"" + name + "\" failed at its client of " + FletOf(client_) +
          ", which does not know it: " + std::string(error.substr(0, error.find('\n'))));
  }
}

bool Translator::Refuse(const std::string& kind, Sender sender, Generation to) {
  if (refused_.insert(kind).second && warn_) {
    const bool from_app = sender == Sender::kApp;
    warn_(std::string("the ") + (from_app ? "app" : "client") + " uses " + kind + ", which its " +
          (from_app ? "client" : "app") + " of " + FletOf(to) +
          " does not have: dropped; use a Flet of 0.86 or later on both sides");
  }
  return false;
}

}  // namespace fletbridge
