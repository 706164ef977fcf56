// Room: common/transport. The interface of a stage: the process of an app, which it starts or finds
// running, and the app's sessions, one for each client. Implemented in each folder src/stageN; used
// by src/host. Independent of UIs.
//
// An AppHost executes orders and reports events. All decisions and deadlines are in
// src/host/life.h. Order of use: construct, OpenSession() for the first client, Start(),
// RunOnMainThread() until the app has ended, destroy the sessions, destroy this object.
//
// Threads: each method and sink states its own. Where nothing is stated: the EventLoop's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

class EventLoop;

// Messages from the shim in the app's interpreter, on the control channel
// (common/app/app_channel.h); the values are the letters that are sent. An app that the shim does
// not reach sends none.
enum class AppWord : char {
  kPythonReady = '1',  // the interpreter has started and is about to load the app
  kListens = '2',      // direct mode: Flet's server listens on our socket
  kWish = 'v',         // before kRuns: a character of how the app asks to be shown (ui_surface.h)
  kRuns = 'b',         // the app has called ft.run(), and its event loop runs
  kHeeds = 'h',        // the event loop acknowledges Leave() or PassSignal()
  kOwnsSignal = 'o',   // the app has its own handler for the signal that was passed on
  kReturned = 'r',     // ft.run() has returned; the shim waits for Acknowledge(), at most a second
};

// Events of a session. On the EventLoop's thread; OnLost() is the last call.
class AppSessionSink : public PacketSink {
 public:
  // The app has ended this session; it may be about to exit.
  virtual void OnLost(const Error& why) = 0;
};

// One client's session with the app, from AppHost::OpenSession() to its destruction. The app sees
// the destruction as the client's disconnection; packets in flight are dropped. Packets sent before
// the app listens are queued. After the app's end Send() returns kClosed. Destroy it on the
// EventLoop's thread, or after that loop has ended, before its AppHost, and not inside a method of
// its sink.
class AppSession : public PacketPort {};

// Events of one app. On the EventLoop's thread, not before Start(); OnExited() is the last call.
class AppSink {
 public:
  virtual ~AppSink() = default;
  // The app is ready for a client. At most once.
  virtual void OnListening() = 0;
  // The first session is connected. At most once, after OnListening().
  virtual void OnConnected() = 0;
  // No connection to the app is possible, for the reason `why`.
  virtual void OnUnreachable(const Error& why) = 0;
  // A message from the shim. `number`: for kOwnsSignal the signal, else 0.
  virtual void OnWord(AppWord word, int number) = 0;
  // SIGINT, SIGTERM or SIGHUP reached an app that runs in this process. `handled`: Python code has
  // installed a handler for it; else the default action, to end the process, is left to us.
  virtual void OnSignal(int signal, bool handled) = 0;
  // The app has ended, and all of its output has been delivered. Once. `code` is as in a shell
  // (128 + signal if a signal ended it); `why` has an error code if the app could not be started.
  virtual void OnExited(int code, const Error& why) = 0;
};

// One process of a run, for the report. Role: "host", "app" or "broker".
struct ProcessInfo {
  std::string role;
  pid_t pid = 0;
};

struct Capabilities {
  std::string stage;        // "legacy", "1", "2", "3"
  std::string transport;    // "ws", "uds", "tcp", "ffi"
  bool in_process = false;  // the app's interpreter runs in this process, on its main thread
  int sessions = 1;         // how many the app can have at a time
};

class AppHost {
 public:
  virtual ~AppHost() = default;
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  [[nodiscard]] virtual std::vector<ProcessInfo> processes() const = 0;
  // The app's wire generation; kUnknown until it is known. Any thread.
  [[nodiscard]] virtual Generation generation() const { return Generation::kG3; }

  // Direct mode: where Flet's own client connects to the app, in Flet's notation: the path of a
  // socket, or tcp://HOST:PORT. Then a session's Send() returns kClosed, and OnConnected() and
  // OnLost() are not called. Empty: relayed mode, packets go through sessions.
  [[nodiscard]] virtual std::string direct_address() const { return {}; }

  // Begins to start the app and to connect to it, without a deadline; returns at once. `sink` and
  // the EventLoop given to the constructor must outlive this object. Main thread; once, before
  // RunOnMainThread().
  virtual void Start(AppSink& sink) = 0;

  // Runs the app, or waits for its process. Main thread, which a hosted interpreter needs. When the
  // app has ended, calls `at_end` once with the app's exit code, on this thread or on the one that
  // has ended the app; its result is the process's exit code. Stages that host Python may end the
  // process right after `at_end` (Python's exit() does), so all cleaning up must happen inside it.
  virtual int RunOnMainThread(std::function<int(int app_code)> at_end) = 0;

  // Opens a session, which the app sees as a client that connects. `sink` must outlive it. kLimit
  // if the app has as many sessions as it can have (Capabilities::sessions). Before the EventLoop
  // runs, or on its thread.
  [[nodiscard]] virtual Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) = 0;

  // ---- Ending the app. On the loop's thread, after Start(), any number of times and in any order.
  // No effect after OnExited().

  // Tells the app on the control channel that its UI has closed, and disconnects as a closed window
  // does. Sends no signal, since signals belong to the app.
  virtual void Leave() = 0;
  // Passes on a signal that this process received. `app_has_it`: the app has received it as well
  // (from the terminal, or since it runs in this process). In both cases the app is asked on the
  // control channel whether it acknowledges the signal.
  virtual void PassSignal(int signal, bool app_has_it) = 0;
  // For an app that does not acknowledge: SIGTERM to another process, KeyboardInterrupt in this
  // one.
  virtual void Interrupt() = 0;
  // Ends the app at once. Another process: SIGKILL, only to our own child. This process: calls
  // `at_end` and does not return, unless another thread is already ending the app.
  virtual void Kill() = 0;
  // Lets ft.run() return, which the shim delays after kReturned.
  virtual void Acknowledge() {}
};

// What an interpreter is to run. Made by src/host from the options.
struct AppSpec {
  std::string python;                  // the interpreter's path, as python's argv[0]
  std::vector<std::string> arguments;  // the others: {"app.py", ...} or {"-m", "module", ...}
  std::vector<std::pair<std::string, std::string>> environment;  // added to or replaced in ours
  Generation generation = Generation::kG3;                       // of the app's Flet
  FlowLimits limits;
  // Direct mode (AppHost::direct_address()); stages with sockets only.
  bool direct = false;
  // The shim can give Flet's server a socket that already listens, so that a client may connect,
  // and wait, before the app listens.
  bool takes_socket = false;
  int note_fd = -1;             // common/app/app_note.h; the interpreter gets a duplicate
  bool single_session = false;  // no second session will be opened
  int sessions = 1;             // how many there may be at a time
  // An app in this process, unless it has a handler of its own, leaves SIGTERM to the host, which
  // passes it on when its time has come.
  bool host_holds_sigterm = false;
};

}  // namespace fletbridge
