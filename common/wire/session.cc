#include "common/wire/session.h"

#include <utility>

namespace fletbridge::wire {
namespace {

constexpr std::size_t kMostCalls = 4096;
constexpr std::size_t kLongestName = 100;

}  // namespace

Value Copied(const Value& value) {
  const Result<Value> copy = Decode(Encode(value).span(), kStateLimits);
  return copy ? *copy : Value();
}

void PendingCalls::Begin(std::string_view call_id, std::int64_t control_id, std::string_view name) {
  if (call_id.empty() || call_id.size() > kLongestName || name.size() > kLongestName ||
      calls_.size() >= kMostCalls)
    return;
  calls_.emplace(call_id, Call{control_id, std::string(name)});
}

const PendingCalls::Call* PendingCalls::Find(std::string_view call_id) const {
  const auto call = calls_.find(call_id);
  return call == calls_.end() ? nullptr : &call->second;
}

void PendingCalls::End(std::string_view call_id) {
  if (const auto call = calls_.find(call_id); call != calls_.end()) calls_.erase(call);
}

Result<bool> Session::Apply(Message& message, std::vector<std::int64_t>* changed) {
  if (Result<> settled = Settle(message); !settled) return settled.error();
  if (tree_) tree_->NoteChanged(changed);
  Result<bool> applied = std::visit([this](auto& content) { return On(content); }, message);
  if (tree_) tree_->NoteChanged(nullptr);
  return applied;
}

Result<> Session::Settle(Message& message) {
  auto* flat = std::get_if<FlatPatch>(&message);
  auto* update = std::get_if<UpdateProps>(&message);
  if (!tree_ || (flat == nullptr && (update == nullptr || !update->texts))) return {};
  if (!flat_) flat_.emplace(tree_->page());
  if (update != nullptr) return flat_->Type(*update), Result<>();
  Result<Patch> patch = flat_->Place(std::move(*flat));
  if (!patch) return patch.error();
  message = std::move(*patch);
  return {};
}

Result<bool> Session::On(Register& message) {
  Restore(message.page);
  return true;
}

Result<bool> Session::On(RegisterAnswer& message) {
  registered_ = true;
  if (!tree_) return false;
  tree_->NoteChanged(nullptr);
  if (Result<> merged = tree_->Register(std::move(message.page_patch)); !merged)
    return merged.error();
  if (message.flat.changes.empty()) return true;
  if (!flat_) flat_.emplace(tree_->page());
  Result<Patch> patch = flat_->Place(std::move(message.flat));
  if (!patch) return patch.error();
  return tree_->Apply(*patch);
}

Result<bool> Session::On(Patch& message) {
  if (!tree_) return false;
  return tree_->Apply(message);
}

Result<bool> Session::On(UpdateProps& message) {
  Map* control = Find(message.id);
  const Map* props = message.props.AsMap();
  if (control == nullptr || props == nullptr) return false;
  for (const auto& [name, value] : props->entries) {
    if (name.AsText() != nullptr) tree_->SetProperty(*control, *name.AsText(), value);
  }
  return true;
}

Result<bool> Session::On(InvokeMethod& message) {
  calls_.Begin(message.call_id, message.control_id, message.name);
  return false;
}

Result<bool> Session::On(MethodResult& message) {
  calls_.End(message.call_id);
  return false;
}

void Session::Restore(Value page) {
  Reset();
  tree_.emplace(std::move(page));
}

void Session::Reset() {
  tree_.reset();
  flat_.reset();
  calls_.Clear();
  registered_ = false;
}

Value Session::page() const {
  return tree_ ? Value(std::shared_ptr<Map>(std::shared_ptr<Map>(), &tree_->page())) : Value();
}

}  // namespace fletbridge::wire
