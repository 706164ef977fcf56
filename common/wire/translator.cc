#include "common/wire/translator.h"

#include <string_view>
#include <utility>
#include <vector>

namespace fletbridge {
namespace {

constexpr std::size_t kMostWarnings = 64;
// Of what `fletd` lets the app say before it has answered the client: parts of the first page.
constexpr std::size_t kMostHeldBytes = std::size_t{64} << 20;

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

// One whose values that enter the tree are not those of the message given.
wire::Message Unshared(const wire::Message& message) {
  wire::Message copy = message;
  if (auto* registration = std::get_if<wire::Register>(&copy)) {
    registration->page = wire::Copied(registration->page);
  } else if (auto* answer = std::get_if<wire::RegisterAnswer>(&copy)) {
    answer->page_patch = wire::Copied(answer->page_patch);
  } else if (auto* update = std::get_if<wire::UpdateProps>(&copy)) {
    update->props = wire::Copied(update->props);
  } else if (auto* patch = std::get_if<wire::Patch>(&copy)) {
    for (wire::Change& change : patch->changes) change.value = wire::Copied(change.value);
  }
  return copy;
}

}  // namespace

Translator::Translator(const wire::Codec* app, const wire::Codec* client,
                       std::function<void(const std::string& line)> warn)
    : app_(app),
      client_(client),
      active_(app != client && app != nullptr && client != nullptr),
      alike_(active_ && app->WritesAs(*client)),
      warn_(std::move(warn)) {}

Result<> Translator::ToClient(Packet&& packet, const Pass& pass) {
  if (!active_ || app_->generation() != Generation::kG0)
    return Take(std::move(packet), Sender::kApp, pass);
  const bool is_answer = app_->Peek(packet) == Action::kRegisterClient;
  if (!is_registering_ && !is_answer) return Take(std::move(packet), Sender::kApp, pass);
  if (!is_answer) {
    if (packet.payload.size() > kMostHeldBytes - held_bytes_)
      return MakeError(Errc::kLimit, "the app said too much before its broker had answered");
    held_bytes_ += packet.payload.size();
    held_.push_back(std::move(packet));
    return {};
  }
  is_registering_ = false;
  held_bytes_ = 0;
  Result<> taken = Take(std::move(packet), Sender::kApp, pass);
  for (Packet& held : std::exchange(held_, {})) {
    if (taken) taken = Take(std::move(held), Sender::kApp, pass);
  }
  return taken;
}

Result<> Translator::ToApp(Packet&& packet, const Pass& pass) {
  if (active_ && client_->Peek(packet) == Action::kRegisterClient) {
    is_registering_ = true;
    held_.clear();
    held_bytes_ = 0;
  }
  return Take(std::move(packet), Sender::kClient, pass);
}

Result<> Translator::Take(Packet&& packet, Sender sender, const Pass& pass) {
  if (!active_) return pass(std::move(packet)), Result<>();
  const wire::Codec& from = sender == Sender::kApp ? *app_ : *client_;
  const wire::Codec& to = sender == Sender::kApp ? *client_ : *app_;
  wire::Outline message;
  message.action = from.Peek(packet);
  if (message.action == Action::kInvokeMethod) WatchCall(message = from.Skim(packet), sender);
  // The newest has all that the others have.
  if (alike_ && &to == &wire::Newest()) return pass(std::move(packet)), Result<>();
  if (message.action == Action::kControlEvent) message = from.Skim(packet);
  if (packet.type == PacketType::kControl && alike_) {
    if (Result<> whole = from.Check(packet.payload.span()); !whole)
      return wire::MalformedMessage(sender, whole.error().context);
  }
  if (const std::string kind = to.Lacks(packet.type, message); !kind.empty())
    return Refuse(kind, sender), Result<>();
  if (packet.type == PacketType::kControl && !alike_) return Rewrite(packet, sender, pass);
  return pass(std::move(packet)), Result<>();
}

Result<> Translator::Rewrite(const Packet& packet, Sender sender, const Pass& pass) {
  const bool from_app = sender == Sender::kApp;
  const wire::Codec& from = from_app ? *app_ : *client_;
  Result<wire::Message> message = from.Decode(sender, packet.payload.span());
  if (!message) return message.error();
  // The two have the same tree, and name what belongs to whom.
  if (SpeaksText(app_->generation()) && SpeaksText(client_->generation())) {
    for (Packet& written : (from_app ? *client_ : *app_).Encode(*message)) pass(std::move(written));
    return {};
  }
  if (Result<> settled = session_.Settle(*message); !settled) return settled.error();
  if (auto* result = std::get_if<wire::MethodResult>(&*message);
      result && result->control_id == 0) {
    if (const auto* call = session_.calls().Find(result->call_id); call != nullptr)
      result->control_id = call->control_id;
  }
  // One copy becomes part of the tree, by which its changes find their places; the other is
  // written.
  wire::Message taken = Unshared(*message);
  if (Result<bool> applied = session_.Apply(taken); !applied) return applied.error();
  if (auto* patch = std::get_if<wire::Patch>(&*message)) {
    wire::Patch& placed = std::get<wire::Patch>(taken);
    for (std::size_t i = 0; i < placed.changes.size(); ++i)
      placed.changes[i].value = std::move(patch->changes[i].value);
    *patch = std::move(placed);
  }
  // For a client that wants the controls within the page.
  if (auto* answer = std::get_if<wire::RegisterAnswer>(&*message);
      answer && !answer->flat.changes.empty())
    answer->page_patch = session_.page();
  std::vector<Packet> written = (from_app ? *client_ : *app_).Encode(*message);
  for (Packet& one : written) {
    one.goes_on = &one != &written.back();
    pass(std::move(one));
  }
  return {};
}

void Translator::WatchCall(const wire::Outline& message, Sender sender) {
  if (sender == Sender::kApp) return calls_.Begin(message.call_id, 0, message.name);
  const wire::PendingCalls::Call* call = calls_.Find(message.call_id);
  if (call == nullptr) return;
  const std::string name = call->name;
  calls_.End(message.call_id);
  if (!SaysUnknown(message.error) || refused_.size() >= kMostWarnings ||
      !refused_.insert("call " + name).second)
    return;
  if (warn_) {
    warn_("the app's call \"" + name + "\" failed at its client of " + client_->flet() +
          ", which does not know it: " +
          std::string(message.error.substr(0, message.error.find('\n'))));
  }
}

void Translator::Refuse(const std::string& kind, Sender sender) {
  if (!refused_.insert(kind).second || !warn_) return;
  const bool from_app = sender == Sender::kApp;
  warn_(std::string("the ") + (from_app ? "app" : "client") + " uses " + kind + ", which its " +
        (from_app ? "client" : "app") + " of " + (from_app ? *client_ : *app_).flet() +
        " does not have: dropped; use a Flet of 0.86 or later on both sides");
}

}  // namespace fletbridge
