// Room: src/stage3. The built-in module `dart_bridge`, through which Flet (>= 0.86) communicates in
// a packaged app. Its four functions behave as those of flet-dev/dart-bridge, except for the thread
// on which handlers are called (delivery.h). Also the module `_fletbridge_ffi`, for our shim and
// for diagnosis:
//
//   statistics() -> dict with the members of BridgeStatistics
//   set_new_session_handler(callable | None)   stage 3: called for a new client on the same port
//
// One bridge per process.
//
// Threads: StatisticsOf() any; the others with the GIL held, or before the interpreter starts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/python/hosted.h"
#include "src/stage3/delivery.h"
#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {

// The destination of send_bytes(). Called on any Python thread, with the GIL held.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // `owner`: the bytes object that contains the payload, immutable; null if the payload is in a
  // buffer of another kind. False, with a Python exception set, on failure.
  [[nodiscard]] virtual bool Send(std::int64_t port, PyObject* owner, std::string_view payload) = 0;
  // Bytes of payloads in Python's memory that the receiver still uses.
  [[nodiscard]] virtual std::uint64_t lent_bytes() const noexcept { return 0; }
};

struct BridgeStatistics : InboxStatistics {
  std::uint64_t sent = 0;        // messages that send_bytes() has accepted
  std::uint64_t sent_bytes = 0;  // of their payloads
  std::uint64_t lent_bytes = 0;  // Outlet::lent_bytes(), now
};
[[nodiscard]] BridgeStatistics StatisticsOf(const Inbox& inbox) noexcept;

// The modules to build into the interpreter. All three arguments must live until the process ends.
[[nodiscard]] std::vector<BuiltinModule> BridgeModules(Inbox& inbox, Delivery& delivery,
                                                       Outlet& outlet);

// What each module that calls the bridge needs first: learns the interpreter's layout of bytes, and
// has the bridge closed at its end. False, with a Python exception set, on failure.
[[nodiscard]] bool PrepareBridge();

// Sets a Python RuntimeError; always returns false.
bool RaiseRuntimeError(const std::string& text);

}  // namespace fletbridge::stage3
