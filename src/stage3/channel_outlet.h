// Room: src/stage3. Turns the messages that Flet sends through dart_bridge into packets for the UI.
// In a message to the protocol port the first byte is the packet's type; any other port number is
// the id of a data channel (Flet 1.0.5, flet_dart_bridge_server.py). Waits, without the GIL, while
// the UI does not accept packets.
//
// Threads: Send() any Python thread, with the GIL held.
#pragma once

#include <functional>

#include "src/stage3/dart_bridge_module.h"
#include "src/stage3/ffi_channel.h"

namespace fletbridge::stage3 {

class ChannelOutlet final : public Outlet {
 public:
  // `channel` must outlive this object. `on_refused` is called for a packet above the limit, with
  // the GIL held.
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
