// Room: common/transport. One stage of Flet's road as the host sees it: it starts the app (or finds
// it running), carries packets to and from it, and knows how it ended. Implemented once per folder
// of src/stageN; used by src/host. Knows nothing of UIs.
//
// Life: construct, Start(), then RunOnMainThread() until the app has ended, then destroy. Stop()
// may be called at any moment from any thread, any number of times.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

class EventLoop;

// Where the life of an app stands. Each is told once, in this order; a failure may leave some out.
enum class AppState {
  kStarting,   // the interpreter is being started
  kListening,  // the app is ready for a client
  kConnected,  // packets flow
  kClosed,     // no more packets in either direction; `why` tells the cause
  kExited,     // the app has ended; `exit_code` is its own
};

struct AppEvent {
  AppState state;
  Error why;          // kClosed; Errc::kClosed when this side asked for it
  int exit_code = 0;  // kExited: as a shell has it, 128 + signal for a killed app
};

class AppSink : public PacketSink {
 public:
  virtual void OnAppEvent(const AppEvent& event) = 0;
  // The interpreter is up and about to load the app. At most once, before kListening.
  virtual void OnPythonReady() {}
  // The app ended this session by itself, and perhaps is about to end altogether. Any number of
  // times; NewSession() begins another.
  virtual void OnSessionLost(const Error& why) = 0;
  // SIGINT, SIGTERM or SIGHUP reached an app that runs in this process; it has been told already.
  virtual void OnSignal(int signal) = 0;
};

// One process that belongs to a session, for the report. Role: "host", "app" or "broker".
struct ProcessInfo {
  std::string role;
  pid_t pid = 0;
};

struct Capabilities {
  std::string stage;        // "1", "2", "3"
  std::string transport;    // "uds", "tcp", "ffi"
  bool in_process = false;  // the app's interpreter runs in this process, on its main thread
};

// How long each step of ending an app may take before the next, harder one.
struct StopDeadlines {
  std::chrono::milliseconds polite{1500};     // ft.run returns, the app's clean-up runs
  std::chrono::milliseconds terminate{1000};  // after SIGTERM, or KeyboardInterrupt in this process
  bool told = false;  // a signal has asked it already: the first step only waits
};

class AppTransport : public PacketPort {
 public:
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  [[nodiscard]] virtual std::vector<ProcessInfo> processes() const = 0;
  // What the app speaks; kUnknown until it is told.
  [[nodiscard]] virtual Generation generation() const { return Generation::kG3; }

  // Where Flet's own client can speak to the app without us, as Flet writes it: the path of a
  // socket or tcp://HOST:PORT. Empty: packets go by way of this object, as all below says. Else
  // Send() answers kClosed, and neither kConnected nor a lost session is told.
  [[nodiscard]] virtual std::string direct_address() const { return {}; }

  // Begins to start the app and to connect to it; returns at once. `sink` and the EventLoop given
  // to the constructor must outlive this object. Call once, before RunOnMainThread().
  virtual void Start(AppSink& sink) = 0;

  // Runs or waits for the app, on the process's main thread, since a hosted interpreter must own
  // that. When the app has ended, calls `at_end` once, on the same thread, with the app's exit
  // code; what it returns is the process's exit code. Stages that host Python may end the process
  // right after `at_end` (Python's own exit() does), so everything that must happen belongs in
  // there.
  virtual int RunOnMainThread(std::function<int(int app_code)> at_end) = 0;

  // The UI's client has gone and another may come: the app gets a new session, as if a new client
  // had connected to Flet's own server. Packets still on their way in the old one are dropped;
  // what is sent after this call has returned is for the new one.
  virtual void NewSession() = 0;

  // Passes a signal on to an app in another process. In this process: as if it had been sent.
  virtual void Signal(int signal) = 0;

  // Asks the app to end as if its window had been closed, then ends it step by step. Idempotent.
  virtual void Stop(const StopDeadlines& deadlines) = 0;
};

// What to run, ready for an interpreter: made by src/host from the options.
struct AppSpec {
  std::string python;                  // the interpreter's path, as python's argv[0]
  std::vector<std::string> arguments;  // what follows it: {"app.py", ...} or {"-m", "module", ...}
  std::vector<std::pair<std::string, std::string>> environment;  // added to or replaced in ours
  Generation generation = Generation::kG3;                       // what its Flet speaks
  FlowLimits limits;
  // A client of Flet's speaks to the app itself: direct_address(). For stages with sockets.
  bool direct = false;
  // Flet's server in this app takes a socket that listens already (the shim gives it): a client may
  // connect before the app listens, and waits.
  bool takes_socket = false;
  bool single_session = false;  // the UI never comes back for a second session (NewSession())
  std::chrono::milliseconds connect_deadline{60000};  // from start to the app listening
};

}  // namespace fletbridge
