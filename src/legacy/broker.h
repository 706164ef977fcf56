// Room: src/legacy. The broker, the process between an app in Flet's web-server mode and its UI, as
// `fletd` was for Flet 0.1: a WebSocket client of the app's server on one side, a WebSocket server
// for one UI on the other. Packets pass unchanged; the session is kept for a UI that comes back.
// Called by `fletbridge broker`; the host starts that (legacy_app.h).
//
// Trust: loopback only. A UI runs as our user, names the secret path, and is no web page of another
// origin; the app's server belongs to the process tree that we are told. A second UI waits until
// the first has gone.
//
// A UI's handshake is answered once the app has been connected, so the UI knows by it that the app
// listens. If the app ends its session meanwhile, what the UI says waits for the next one.
//
// Threads: the EventLoop's; constructor, Start() and destructor also before it runs and after it
// has ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge::legacy {

// The largest payload that Flet's server takes: uvicorn's limit of a message, less the type byte.
inline constexpr std::size_t kMostToApp = (std::size_t{16} << 20) - 1;
// The same of `fletd` (FLET_WS_MAX_MESSAGE_SIZE).
inline constexpr std::size_t kMostToFletd = std::size_t{2} << 20;

// Of the limits that a run has, those towards an app of this generation.
[[nodiscard]] FlowLimits LimitsToApp(FlowLimits limits, Generation generation);

// What a UI must know: 48 letters that nobody guesses.
[[nodiscard]] std::string NewToken();

struct BrokerOptions {
  UniqueFd listener;       // on loopback TCP
  SocketAddress at;        // its address
  std::string token;       // the UI connects to ws://AT/TOKEN/ws
  SocketAddress app;       // loopback TCP
  std::string app_target;  // "/ws"
  pid_t app_tree =
      0;  // the app's server belongs to this process or its descendants; 0: to our user
  Generation generation = Generation::kG3;
  FlowLimits limits;
  // How long a session is kept without a UI.
  std::chrono::milliseconds keep{std::chrono::hours(1)};
};

// The environment variable with what a broker inherits from its host: LISTENER_FD:TOKEN.
inline constexpr const char* kBrokerVariable = "FLETBRIDGE_BROKER";

class Broker {
 public:
  // `on_failed`: it cannot go on; once. `loop` must outlive this object.
  Broker(EventLoop& loop, BrokerOptions options, std::function<void(const Error& why)> on_failed);
  ~Broker();

  void Start();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with pending handlers
};

}  // namespace fletbridge::legacy
