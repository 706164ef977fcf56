#include "src/legacy/kept_session.h"

#include <algorithm>
#include <utility>

namespace fletbridge::legacy {
namespace {

constexpr std::int64_t kPage = 1;
constexpr std::size_t kMostCrashBytes = std::size_t{64} << 10;

bool IsScalar(const wire::Value& value) {
  return value.AsMap() == nullptr && value.AsList() == nullptr;
}

// What describes the screen and the client. The route is the session's, and the window's state is
// told by events.
std::vector<std::pair<wire::Value, wire::Value>> Differing(const wire::Map& page,
                                                           const wire::Map& before) {
  std::vector<std::pair<wire::Value, wire::Value>> result;
  for (const auto& [key, value] : page.entries) {
    const std::string* name = key.AsText();
    if (name == nullptr || *name == "route" || value.is_nil() || !IsScalar(value)) continue;
    const wire::Value* known = before.Find(*name);
    if (known == nullptr || !(*known == value)) result.emplace_back(key, value);
  }
  return result;
}

}  // namespace

std::vector<Packet> KeptSession::FromApp(const Packet& packet, bool ui_is_there) {
  if (is_lost_) return {};
  switch (codec_->Peek(packet)) {
    case Action::kRegisterClient:
    case Action::kPatchControl:
    case Action::kInvokeMethod:
    case Action::kSessionCrashed:
      break;
    default:
      return {};
  }
  Result<wire::Message> message = codec_->Decode(Sender::kApp, packet.payload.span());
  if (!message) {
    is_lost_ = true;
    return {};
  }
  if (const auto* answer = std::get_if<wire::RegisterAnswer>(&*message)) {
    session_id_ = answer->session_id;
    if (!answer->error.empty()) is_lost_ = true;  // main() does not run: there is nothing to keep
    flat_ = {};
    flat_.Take(answer->flat);
  }
  if (const auto* call = std::get_if<wire::InvokeMethod>(&*message))
    return OnCall(*call, packet, ui_is_there);
  if (std::holds_alternative<wire::SessionCrashed>(*message)) {
    if (!ui_is_there && packet.payload.size() <= kMostCrashBytes)
      crash_ = Buffer(packet.payload.span());
    return {};
  }
  if (const auto* flat = std::get_if<wire::FlatPatch>(&*message)) flat_.Take(*flat);
  if (!session_.Apply(*message)) is_lost_ = true;
  return {};
}

void KeptSession::FromUi(const Packet& packet) {
  if (is_lost_) return;
  const Action action = codec_->Peek(packet);
  if (action == Action::kInvokeMethod) {
    // Skimmed: what is in the result is the app's alone to understand.
    EndCall(std::string(codec_->Skim(packet).call_id));
    return;
  }
  if (action != Action::kRegisterClient && action != Action::kUpdateControlProps) return;
  Result<wire::Message> message = codec_->Decode(Sender::kClient, packet.payload.span());
  if (const auto* update = message ? std::get_if<wire::UpdateProps>(&*message) : nullptr)
    flat_.Take(*update);
  if (!message || !session_.Apply(*message)) is_lost_ = true;
  if (action == Action::kRegisterClient) {
    calls_.clear();
    call_bytes_ = 0;
    crash_ = {};
  }
}

std::vector<Packet> KeptSession::OnCall(const wire::InvokeMethod& call, const Packet& packet,
                                        bool ui_is_there) {
  if (calls_.size() >= kMostCalls) {
    if (ui_is_there) return {};
    return Unanswerable({call.control_id, call.call_id, {}});
  }
  const bool fits = packet.payload.size() <= kMostCallBytes - call_bytes_;
  if (!fits && !ui_is_there) return Unanswerable({call.control_id, call.call_id, {}});
  calls_.push_back(
      {call.control_id, call.call_id, fits ? Buffer(packet.payload.span()) : Buffer()});
  call_bytes_ += calls_.back().packet.size();
  return {};
}

void KeptSession::EndCall(const std::string& call_id) {
  const auto at = std::find_if(calls_.begin(), calls_.end(),
                               [&](const Call& call) { return call.call_id == call_id; });
  if (at == calls_.end()) return;
  call_bytes_ -= at->packet.size();
  calls_.erase(at);
}

// The app's handler that waits gets an error; else it would wait for ever. Nothing for a control
// that has gone: Flet would end the connection.
std::vector<Packet> KeptSession::Unanswerable(const Call& call) const {
  if (session_.Find(call.control_id) == nullptr) return {};
  return codec_->Encode(wire::MethodResult{
      call.control_id, call.call_id, {}, "no UI is connected to the broker to answer this call"});
}

std::vector<Packet> KeptSession::UiGone() {
  std::vector<Packet> result;
  for (const Call& call : calls_) {
    if (call.packet.size() != 0) continue;
    for (Packet& packet : Unanswerable(call)) result.push_back(std::move(packet));
  }
  std::erase_if(calls_, [](const Call& call) { return call.packet.size() == 0; });
  return result;
}

std::optional<KeptSession::Return> KeptSession::Rejoin(const Packet& registration) {
  if (codec_->Peek(registration) != Action::kRegisterClient) return {};
  Result<wire::Message> message = codec_->Decode(Sender::kClient, registration.payload.span());
  auto* client = message ? std::get_if<wire::Register>(&*message) : nullptr;
  if (client == nullptr) return {};
  Return result;
  const wire::Map* known = session_.Find(kPage);
  const wire::Map* page = client->page.AsMap();
  if (known != nullptr && page != nullptr) {
    auto props = std::make_shared<wire::Map>();
    props->entries = Differing(*page, *known);
    if (!props->entries.empty()) {
      wire::Message update = wire::UpdateProps{kPage, wire::Value(std::move(props))};
      result.to_app = codec_->Encode(update);
      if (!session_.Apply(update)) is_lost_ = true;
    }
  }
  wire::RegisterAnswer answer{session_id_, session_.page(), ""};
  if (SpeaksText(codec_->generation())) answer.flat = flat_.All();
  result.to_ui = codec_->Encode(answer);
  if (crash_.size() != 0) result.to_ui.push_back({PacketType::kControl, std::exchange(crash_, {})});
  for (const Call& call : calls_) {
    if (session_.Find(call.control_id) != nullptr)
      result.to_ui.push_back({PacketType::kControl, Buffer(call.packet.span())});
  }
  return result;
}

}  // namespace fletbridge::legacy
