// Room: common/transport. The interface of a UI: a source of clients of Flet's protocol, one after
// another or several at a time, such as a window, a listener for clients of other processes, or a
// scripted client. Implemented in each folder of src/ui; used by src/host. Independent of stages.
//
// Threads: the session's EventLoop, except where something else is stated.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/transport/generation.h"
#include "common/transport/latency_samples.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

class ClientSessionSink : public PacketSink {
 public:
  // The client has disconnected, or has sent invalid data (kPeerMisbehaved, kCut). The last call.
  virtual void OnGone(const Error& why) = 0;
};

// One client, from its arrival to its end. Send() gives it the app's packets; its own go to the
// sink. Its owner disconnects the client by destroying the session, but not inside a method of its
// sink.
class ClientSession : public PacketPort {
 public:
  // From now on the sink is called, perhaps already inside this call. `sink` must outlive this
  // object. Once.
  virtual void Start(ClientSessionSink& sink) = 0;
  // The client's wire generation; known before its first packet. Any thread.
  [[nodiscard]] virtual Generation generation() const { return Generation::kUnknown; }
};

// How a UI ended: the cause, unless the user closed it, and the UI's own exit code, such as 1 for a
// failed `expect`.
struct UiEnd {
  Error why;
  int exit_code = 0;
};

class UiSink {
 public:
  virtual ~UiSink() = default;
  // Clients can connect: the app may be started. Once.
  virtual void OnReady() = 0;
  // A client has arrived; after OnReady(). The receiver calls its Start() within this call.
  virtual void OnClient(std::unique_ptr<ClientSession> client) = 0;
  // The UI has ended: the window was closed, or the steps are done. The last call, once. The sinks
  // of clients that are still connected have not been called.
  virtual void OnClosed(const UiEnd& end) = 0;
  // After Drain(): no client is left. Once.
  virtual void OnDrained() {}
  // Of a UI with a window: the time when the window appeared on the screen, and when its first
  // frame was drawn. At most once each, at any time.
  virtual void OnWindowShown(std::chrono::steady_clock::time_point /*when*/) {}
  virtual void OnFrameDrawn(std::chrono::steady_clock::time_point /*when*/) {}
  // Asks whether a debugger, or input() at a terminal, holds the app, so that no deadline applies.
  [[nodiscard]] virtual bool WaitsForPerson() { return false; }
};

class UiSurface {
 public:
  virtual ~UiSurface() = default;
  [[nodiscard]] virtual std::string name() const = 0;  // the value of --ui
  // The transport between this object and the client, such as "uds"; empty: the client is part of
  // this object.
  [[nodiscard]] virtual std::string client_transport() const { return {}; }
  // Starts the UI; returns at once. `sink` must outlive this object. Any thread, once.
  virtual void Start(UiSink& sink) = 0;
  // Whether another client may connect after one has disconnected or has been disconnected.
  [[nodiscard]] virtual bool serves_another() const { return false; }
  // How many clients there can be at a time. Several of them: then each has a session of its own.
  [[nodiscard]] virtual int clients() const { return 1; }
  // The app has called ft.run(). `wish`: JSON, if it asks there for a browser, {"opens": whether it
  // is to be opened, "host", "port", "name"}; else empty.
  virtual void OnAppRuns(const std::string& /*wish*/) {}
  // The app has ended. The UI ends and calls OnClosed(). Idempotent; any thread, at any time.
  // Before Start(): Start() then calls OnClosed() alone.
  virtual void Close(const Error& why) = 0;
  // The app listens: a client is answered at once. At most once; on the loop.
  virtual void OnAppReady() {}
  // Takes no new clients from here on, and answers with OnDrained() once the last of those that
  // there are has gone, perhaps inside this call. Close() may come before. On the loop; once.
  virtual void Drain() {}
  // An input has been answered after so long (answers.h): for a UI that tells figures of the run
  // while it is under way. On the loop.
  virtual void OnLatency(std::uint64_t /*nanoseconds*/) {}
  // The latencies in nanoseconds, from a UI that makes the inputs itself and so knows which count.
  // None: the pipeline measures them. After OnClosed().
  [[nodiscard]] virtual std::optional<LatencySamples> latencies() const { return std::nullopt; }
};

}  // namespace fletbridge
