// Room: common/transport. What shows the app, as the host sees it: a client of Flet's protocol.
// Implemented once per folder of src/ui; used by src/host. Knows nothing of stages.
//
// Packets that the client sends come to the sink (towards the app); Send() gives it the app's.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/transport/generation.h"
#include "common/transport/latency_samples.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

enum class UiState {
  kReady,         // a client can come, or has come: the app may be started
  kConnected,     // a client is here; its first packet follows
  kRegistered,    // the app has answered its registration
  kFirstFrame,    // the first patch after the registration has been applied or passed on
  kDisconnected,  // the client has gone, another may come (attach only)
  kClosed,        // the UI has ended: the window was closed, the steps are done. Once, last.
};

struct UiEvent {
  UiState state;
  Error why;          // kDisconnected and kClosed: the cause, if it was not the person's wish
  int exit_code = 0;  // kClosed: what the UI itself has to say, such as 1 for a failed `expect`
};

class UiSink : public PacketSink {
 public:
  virtual void OnUiEvent(const UiEvent& event) = 0;
  // A UI with a window: it was on the screen, and the first frame was drawn in it, at that moment.
  // At most once each, whenever it is.
  virtual void OnWindowShown(std::chrono::steady_clock::time_point /*when*/) {}
  virtual void OnFrameDrawn(std::chrono::steady_clock::time_point /*when*/) {}
  // A question: a debugger, or input() at a terminal, holds up the app, so nothing of it is late.
  [[nodiscard]] virtual bool WaitsForPerson() { return false; }
};

class UiEndpoint : public PacketPort {
 public:
  [[nodiscard]] virtual std::string name() const = 0;  // as --ui has it
  // How packets reach the client, where that is not this object itself: "uds".
  [[nodiscard]] virtual std::string leg() const { return {}; }
  // Begins; returns at once. The client's packets may be sent before the app is connected: the
  // app's port keeps them. `sink` must outlive this object. Call once.
  virtual void Start(UiSink& sink) = 0;
  // The app ended this session but still runs. A UI that can serve another client sends this one
  // away, tells kDisconnected and returns true.
  virtual bool EndSession(const Error& /*why*/) { return false; }
  // The app is gone: nothing more will come. The UI ends and tells kClosed. Idempotent, at any
  // time: before Start() nothing but that is told, in Start()'s turn.
  virtual void Close(const Error& why) = 0;
  // What the client that is here, or was last, speaks; kUnknown where it is not told.
  [[nodiscard]] virtual Generation client_generation() const { return Generation::kUnknown; }
  // Time from an input at the UI to the first patch that answers it, in nanoseconds. Read after
  // kClosed.
  [[nodiscard]] virtual LatencySamples latencies() const = 0;
};

}  // namespace fletbridge
