// Room: src/recording. The control tree of a session that somebody else leads: follows the
// messages of both sides, as they were recorded or pass by. For one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/recording/format.h"
#include "common/wire/control_tree.h"

namespace fletbridge::recording {

// The actions of Flet's messages, as both sides number them.
inline constexpr std::int64_t kRegister = 1;
inline constexpr std::int64_t kPatch = 2;
inline constexpr std::int64_t kEvent = 3;
inline constexpr std::int64_t kProps = 4;
inline constexpr std::int64_t kCall = 5;  // the app's call, the client's answer
inline constexpr std::int64_t kCrash = 6;

// The two halves of a message; nothing if it is none.
struct MessageParts {
  std::int64_t action = 0;
  wire::Map* body = nullptr;
};
[[nodiscard]] std::optional<MessageParts> PartsOf(const wire::Value& message) noexcept;

// Fields of a body; 0, empty and null where they are missing or of another type.
[[nodiscard]] std::int64_t IntIn(const wire::Map& map, std::string_view key) noexcept;
[[nodiscard]] std::string TextIn(const wire::Map& map, std::string_view key);
[[nodiscard]] wire::Map* MapIn(const wire::Map& map, std::string_view key) noexcept;

// For pages, which may be deeper and larger than a message.
inline constexpr wire::DecodeLimits kStateLimits{.max_depth = 2 * wire::kMaxTreeDepth,
                                                 .max_values = std::size_t{1} << 32};

// A value that shares nothing with the one given.
[[nodiscard]] wire::Value Copied(const wire::Value& value);

class SessionTree {
 public:
  // Takes the message up; its containers become part of the tree. A client that registers begins a
  // new tree. An error if it does not fit the tree, which is then no longer the session's.
  // `changed` is given what ControlTree::NoteChanged() tells; nothing of a registration, which
  // changes all.
  [[nodiscard]] Result<> Apply(Direction direction, wire::Value message,
                               std::vector<std::int64_t>* changed = nullptr);
  // Begins with a page that was recorded in the middle of a session.
  void Restore(wire::Value page);
  void Reset() { tree_.reset(); }

  // Null before a client has registered.
  [[nodiscard]] wire::ControlTree* tree() noexcept { return tree_ ? &*tree_ : nullptr; }
  [[nodiscard]] const wire::ControlTree* tree() const noexcept { return tree_ ? &*tree_ : nullptr; }

 private:
  [[nodiscard]] Result<> ApplyToTree(Direction direction, std::int64_t action, wire::Map& body);

  std::optional<wire::ControlTree> tree_;
};

}  // namespace fletbridge::recording
