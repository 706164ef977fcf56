// Room: common/transport. One stage of Flet's road as the host sees it: it starts the app (or finds
// it running), carries packets to and from it, and knows how it ended. Implemented once per folder
// of src/stageN; used by src/host. Knows nothing of UIs.
//
// It carries out and reports; what follows from what, and every deadline, is decided by one machine
// for all stages, src/host/life.h. Construct, Start(), then RunOnMainThread() until the app has
// ended, then destroy.
#pragma once

#include <functional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

class EventLoop;

// What the app's interpreter says by itself on the channel that the host shares with it and with
// nobody else (common/app/app_channel.h). An app that our shim does not reach says nothing.
enum class AppWord : char {
  kPythonReady = '1',  // the interpreter is up and about to load the app
  kListens = '2',      // direct mode: Flet's server has taken our socket
  kRuns = 'b',         // ft.run() has begun
  kHeeds = 'h',       // the event loop has heard Leave() or PassSignal(): what follows is the app's
  kOwnsSignal = 'o',  // the signal that was passed on is one that the app handles by itself
  kReturned = 'r',    // ft.run() has returned; Acknowledge() is waited for, for a second at most
};

// Facts about one app. All on the EventLoop's thread, none before Start(), none after OnExited().
class AppSink : public PacketSink {
 public:
  // The app is ready for a client. At most once.
  virtual void OnListening() = 0;
  // Packets flow. At most once, after OnListening().
  virtual void OnConnected() = 0;
  // The app ended this session by itself, and perhaps is about to end altogether. Any number of
  // times; NewSession() begins another.
  virtual void OnSessionLost(const Error& why) = 0;
  // No connection to the app will come about: `why` says what keeps it away.
  virtual void OnUnreachable(const Error& why) = 0;
  // `number`: of the signal, for kOwnsSignal.
  virtual void OnWord(AppWord word, int number) = 0;
  // SIGINT, SIGTERM or SIGHUP reached an app that runs in this process. `handled`: a handler of
  // Python's has it; else its action is the default one, which ends a process and is ours to take.
  virtual void OnSignal(int signal, bool handled) = 0;
  // The app has ended, and everything that it said has been delivered. Once. `code` is as a shell
  // has it, 128 + signal for a killed app; `why` has a code if the app could not even be started.
  virtual void OnExited(int code, const Error& why) = 0;
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

class AppTransport : public PacketPort {
 public:
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  [[nodiscard]] virtual std::vector<ProcessInfo> processes() const = 0;
  // What the app speaks; kUnknown until it is told.
  [[nodiscard]] virtual Generation generation() const { return Generation::kG3; }

  // Where Flet's own client can speak to the app without us, as Flet writes it: the path of a
  // socket or tcp://HOST:PORT. Empty: packets go by way of this object, as all below says. Else
  // Send() answers kClosed, and neither OnConnected() nor a lost session is told.
  [[nodiscard]] virtual std::string direct_address() const { return {}; }

  // Begins to start the app and to connect to it, for as long as that takes; returns at once.
  // `sink` and the EventLoop given to the constructor must outlive this object. Main thread; once,
  // before RunOnMainThread().
  virtual void Start(AppSink& sink) = 0;

  // Runs or waits for the app, on the process's main thread, since a hosted interpreter must own
  // that. When the app has ended, calls `at_end` once with the app's exit code, on the same thread,
  // or on the one on which the app was ended; what it returns is the process's exit code. Stages
  // that host Python may end the process right after `at_end` (Python's own exit() does), so
  // everything that must happen belongs in there.
  virtual int RunOnMainThread(std::function<int(int app_code)> at_end) = 0;

  // The UI's client has gone and another may come: the app gets a new session, as if a new client
  // had connected to Flet's own server. Packets still on their way in the old one are dropped;
  // what is sent after this call has returned is for the new one. Any thread.
  virtual void NewSession() = 0;

  // ---- The end, step by step. The loop's thread, after Start(); any number of times, in any
  // order; after OnExited() nothing happens.

  // Tells the app, on our own channel, that its UI has closed, and leaves it as a closed window
  // does. No signal is sent: signals belong to the app.
  virtual void Leave() = 0;
  // A signal that this process got. `app_has_it`: it has reached the app by itself (from the
  // terminal, or in one process), and the app is only asked, on our own channel, whether it heeds.
  virtual void PassSignal(int signal, bool app_has_it) = 0;
  // For an app that does not heed: SIGTERM to another process, KeyboardInterrupt in this one.
  virtual void Interrupt() = 0;
  // Ends the app at once: SIGKILL to our own child; this process by way of `at_end`, and then this
  // does not return, unless the app's own end is under way on another thread.
  virtual void Kill() = 0;
  // What kReturned has set off is done.
  virtual void Acknowledge() {}
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
  int note_fd = -1;             // common/app/app_note.h; the interpreter gets a copy
  bool single_session = false;  // the UI never comes back for a second session (NewSession())
};

}  // namespace fletbridge
