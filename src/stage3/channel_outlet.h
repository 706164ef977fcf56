// Room: src/stage3. What Flet sends, as packets for the UI: the first byte of a message to the
// protocol port is a packet's type; any other port is a data channel's, which is its id. Waits,
// without the GIL, while the UI is stalled.
#pragma once

#include <functional>

#include "src/stage3/dart_bridge_module.h"
#include "src/stage3/ffi_channel.h"

namespace fletbridge::stage3 {

class ChannelOutlet final : public Outlet {
 public:
  // `on_refused`: a packet over the limit; called under the GIL.
  ChannelOutlet(FfiChannel& channel, std::int64_t protocol_port,
                std::function<void(const Error&)> on_refused)
      : channel_(channel), protocol_port_(protocol_port), on_refused_(std::move(on_refused)) {}

  [[nodiscard]] bool Send(std::int64_t port, PyObject* owner, std::string_view payload) override;

 private:
  FfiChannel& channel_;
  const std::int64_t protocol_port_;
  const std::function<void(const Error&)> on_refused_;
};

}  // namespace fletbridge::stage3
