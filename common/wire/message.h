// Room: common/wire. The messages of Flet's protocol since 0.70 ([action, body] in MessagePack),
// from the client's side: those of the app are read and checked, those of a client are written.
// Knows nothing of framing, sockets or what a control is.
//
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/wire/value.h"

namespace fletbridge::wire {

// 1: the app's answer to the registration. `error` is empty if all is well.
struct RegisterAnswer {
  std::string session_id;
  Value page_patch;  // a map
  std::string error;
};
// 2: a change of the control tree; ControlTree::Apply reads `patch`.
struct PatchControl {
  std::int64_t id = 0;
  Value patch;  // a list
};
// 5: the app calls a method of a control and waits, without a deadline, for the answer.
struct InvokeMethod {
  std::int64_t control_id = 0;
  std::string call_id;
  std::string name;
  Value args;  // a map, or nil where there are none
};
// 6: a handler or main() raised. The session goes on.
struct SessionCrashed {
  std::string message;  // the first line is the text, the rest the traceback
};
// 7: a line of the app's output; only in browsers.
struct PythonOutput {
  std::string text;
  bool is_stderr = false;
};
// What is left to tell of its message: Flet's own log has had the traceback, but for that of an
// effect and for what the app has said by itself.
[[nodiscard]] std::string CrashText(std::string_view message);
// One line of it: the exception's text, or its kind where it has none.
[[nodiscard]] std::string CrashLine(std::string_view message);

using AppMessage =
    std::variant<RegisterAnswer, PatchControl, InvokeMethod, SessionCrashed, PythonOutput>;

// The payload of a control packet. Anything but one well-formed message is kPeerMisbehaved.
[[nodiscard]] Result<AppMessage> DecodeAppMessage(std::span<const std::byte> payload,
                                                  const DecodeLimits& limits = {});

// Flet reads these strictly: no key more or less than here.
[[nodiscard]] Buffer EncodeRegister(std::string_view page_name, const Value& page);        // 1
[[nodiscard]] Buffer EncodeEvent(std::int64_t target, std::string_view name, Value data);  // 3
[[nodiscard]] Buffer EncodeUpdateProps(std::int64_t id, Value props);                      // 4
[[nodiscard]] Buffer EncodeMethodAnswer(const InvokeMethod& call, Value result,
                                        const std::optional<std::string>& error);  // 5

}  // namespace fletbridge::wire
