// Room: src/stage3. The built-in module `dart_bridge` that Flet (>= 0.86) speaks to in a packaged
// app; its four functions behave as those of flet-dev/dart-bridge, except where handlers are called
// (delivery.h). Besides it `_fletbridge_ffi`, for our shim and for people who look at figures:
//
//   statistics() -> dict of BridgeStatistics' members
//   set_new_session_handler(callable | None)   stage 3: a new client on the same port
//
// One bridge per process.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/python/hosted.h"
#include "src/stage3/delivery.h"
#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {

// Where send_bytes() sends. Called under the GIL, on any Python thread.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // `owner` is the bytes object that holds the payload, or null where the payload is in another
  // buffer; its content never changes. False with a Python exception set.
  [[nodiscard]] virtual bool Send(std::int64_t port, PyObject* owner, std::string_view payload) = 0;
  // Payloads that the receiver still holds in Python's memory.
  [[nodiscard]] virtual std::uint64_t lent_bytes() const noexcept { return 0; }
};

struct BridgeStatistics : InboxStatistics {
  std::uint64_t sent = 0;        // messages that send_bytes() took
  std::uint64_t sent_bytes = 0;  // their payloads
  std::uint64_t lent_bytes = 0;  // now: of them, what the receiver holds in Python's memory
};
[[nodiscard]] BridgeStatistics StatisticsOf(const Inbox& inbox) noexcept;

// The modules to build in. All three must live until the process ends.
[[nodiscard]] std::vector<BuiltinModule> BridgeModules(Inbox& inbox, Delivery& delivery,
                                                       Outlet& outlet);

// Sets a RuntimeError and returns false.
bool RaiseRuntimeError(const std::string& text);

}  // namespace fletbridge::stage3
