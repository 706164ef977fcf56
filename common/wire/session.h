// Room: common/wire. What one session of an app has come to, by the messages of both sides: the
// control tree, the calls that wait for their results, and whether the client is registered. For a
// client itself, and for all who look on: recordings, their replay and comparison, the translator.
// Knows nothing of bytes and generations.
//
// For one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/control_tree.h"
#include "common/wire/flat_tree.h"
#include "common/wire/message.h"

namespace fletbridge::wire {

// For pages, which may be deeper and larger than a message.
inline constexpr DecodeLimits kStateLimits{.max_depth = 2 * kMaxTreeDepth,
                                           .max_values = std::size_t{1} << 32};
// A value that shares nothing with the one given.
[[nodiscard]] Value Copied(const Value& value);

// The app's calls that wait for their results. Bounded by number and by the length of names: those
// beyond are not known here.
class PendingCalls {
 public:
  struct Call {
    std::int64_t control_id = 0;
    std::string name;
  };
  void Begin(std::string_view call_id, std::int64_t control_id, std::string_view name);
  // Null if it is not known.
  [[nodiscard]] const Call* Find(std::string_view call_id) const;
  void End(std::string_view call_id);
  void Clear() noexcept { calls_.clear(); }

 private:
  std::map<std::string, Call, std::less<>> calls_;
};

class Session {
 public:
  // Takes the message up; its values become part of the tree. A client that registers begins a new
  // session. False if it changes no page: there is none, or not the control. An error if it does
  // not fit the tree, which is then no longer the session's.
  // `changed` is given what ControlTree::NoteChanged() tells; nothing of a registration, which
  // changes all.
  [[nodiscard]] Result<bool> Apply(Message& message, std::vector<std::int64_t>* changed = nullptr);
  // Makes of what generations 0 and 1 say (FlatPatch, texts) what the others would say; once for
  // each message, and Apply() does it by itself. Whoever needs the message in that form before asks
  // here.
  [[nodiscard]] Result<> Settle(Message& message);
  // Begins with a page that was recorded in the middle of a session.
  void Restore(Value page);
  void Reset();

  // Null before a client has registered.
  [[nodiscard]] ControlTree* tree() noexcept { return tree_ ? &*tree_ : nullptr; }
  [[nodiscard]] const ControlTree* tree() const noexcept { return tree_ ? &*tree_ : nullptr; }
  // The page as a value, which shares its containers with the tree; nil where there is none.
  [[nodiscard]] Value page() const;
  // Null if there is none, or no tree.
  [[nodiscard]] Map* Find(std::int64_t id) const { return tree_ ? tree_->Find(id) : nullptr; }
  // The app has answered the registration.
  [[nodiscard]] bool registered() const noexcept { return registered_; }
  [[nodiscard]] const PendingCalls& calls() const noexcept { return calls_; }

 private:
  Result<bool> On(Register& message);
  Result<bool> On(RegisterAnswer& message);
  Result<bool> On(Patch& message);
  Result<bool> On(UpdateProps& message);
  Result<bool> On(InvokeMethod& message);
  Result<bool> On(MethodResult& message);
  template <class Any>
  Result<bool> On(Any&) {
    return false;
  }

  std::optional<ControlTree> tree_;
  std::optional<FlatTree> flat_;  // made when generation 0 or 1 is spoken
  PendingCalls calls_;
  bool registered_ = false;
};

}  // namespace fletbridge::wire
