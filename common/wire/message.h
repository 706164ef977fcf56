// Room: common/wire. What an app of Flet and its client may say to each other, as values that are
// the same for all wire generations. A codec (codec.h) reads them from packets and writes them.
// Knows nothing of bytes, framing and sockets.
//
// Values; for one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/wire/value.h"

namespace fletbridge {

// The kinds of messages. A side is answered by the kind that it has used itself.
enum class Action : std::uint8_t {
  kNone = 0,  // a data packet, or none that can be told
  kRegisterClient = 1,
  kPatchControl = 2,
  kControlEvent = 3,
  kUpdateControlProps = 4,
  kInvokeMethod = 5,
  kSessionCrashed = 6,
  kPythonOutput = 7,
};
enum class Sender : std::uint8_t { kApp, kClient };

namespace wire {

// ---- A client says

struct Register {
  std::string session_id;  // of the session that it comes back to; mostly empty
  std::string page_name;
  Value page;  // what it knows of the page: a map of properties
};
struct ControlEvent {
  std::int64_t target = 0;
  std::string name;  // "click"
  Value data;
};
// What the client has changed by itself, such as a text that was typed.
struct UpdateProps {
  std::int64_t id = 0;
  Value props;         // a map
  bool texts = false;  // each is text, as before Flet 0.70: FlatTree tells what it means
};
struct MethodResult {
  std::int64_t control_id = 0;  // 0 where the generation does not name it
  std::string call_id;
  Value result;
  std::optional<std::string> error;
};

// ---- An app says

// Changes as generations 0 and 1 say them: a control's children lie in one list, whatever they are
// to it, and every property is text. FlatTree makes a Patch of them.
struct FlatChange {
  enum class Kind {
    kAdd,      // `control` of `type` into `parent`; with `at` there, else at the end
    kSet,      // properties of `control`; an empty text takes one away
    kClean,    // all that `control` holds
    kTakeOut,  // `control` itself
  };
  Kind kind = Kind::kSet;
  std::int64_t control = 0;
  std::int64_t parent = 0;
  std::string type{};
  std::optional<std::size_t> at{};
  Value props{};                         // a map of texts
  std::vector<std::int64_t> children{};  // in their order, as the app has said them
};
struct FlatPatch {
  std::vector<FlatChange> changes;
};

// The answer to the registration. `error` is empty if all is well.
struct RegisterAnswer {
  std::string session_id;
  Value page_patch;  // a map
  std::string error;
  FlatPatch flat{};  // generations 0 and 1: what a session that goes on has on its page
};

// A container in the control tree: a control, or what one step leads to from another place.
struct Place {
  static constexpr std::size_t kControl = SIZE_MAX;
  std::size_t above = kControl;  // a place before it in the same patch
  std::int64_t control = 0;      // where `above` is kControl
  Value step;                    // elsewhere: a property, a key of a map or a position in a list
};
struct Change {
  enum class Kind : std::uint8_t {
    kSet,     // the value at `key`; the property may be new
    kInsert,  // before the position `key` of a list; in a map as kSet
    kRemove,  // what is at `key`
    kMove,  // from `key` to the key `value` of the place `to`, both as after the removal; below one
            // control
    kAppend,   // to the list
    kTakeOut,  // the control that `at` is, wherever it is
  };
  Kind kind = Kind::kSet;
  std::size_t at = 0;  // one of the patch's places
  Value key{};
  Value value{};
  std::size_t to = 0;  // of a move: one of the patch's places
};
// Changes of the control tree, one after the other. A place is looked up when a change needs it,
// because those before may have moved it.
struct Patch {
  std::vector<Place> places;
  std::vector<Change> changes;
};
// The control below which the place is.
[[nodiscard]] std::int64_t RootOf(const Patch& patch, std::size_t place) noexcept;
// `change` counts from 1; 0: none of them.
[[nodiscard]] Error MalformedPatch(std::int64_t control, std::size_t change,
                                   const std::string& what);

// The app calls a method of a control and waits, without a deadline, for the result.
struct InvokeMethod {
  std::int64_t control_id = 0;
  std::string call_id;
  std::string name;
  Value args;  // a map, or nil where there are none
};
// A handler or main() raised. The session goes on.
struct SessionCrashed {
  std::string message;  // the first line is the text, the rest the traceback
};
// A line of the app's output; only in browsers.
struct PythonOutput {
  std::string text;
  bool is_stderr = false;
};

// Of a kind that is not known here.
struct Other {
  std::int64_t action = 0;
  Value body;
};

using Message = std::variant<Register, ControlEvent, UpdateProps, MethodResult, RegisterAnswer,
                             Patch, FlatPatch, InvokeMethod, SessionCrashed, PythonOutput, Other>;

// What is left to tell of a crash: Flet's own log has had the traceback, but for that of an effect
// and for what the app has said by itself.
[[nodiscard]] std::string CrashText(std::string_view message);
// One line of it: the exception's text, or its kind where it has none.
[[nodiscard]] std::string CrashLine(std::string_view message);

}  // namespace wire
}  // namespace fletbridge
