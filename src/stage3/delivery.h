// Room: src/stage3. Calls Python's handlers with what waits in an Inbox.
//
// Where: on the asyncio loop that was running where the handlers were set, by a reader of that loop
// (eventfd, many messages per wake-up). If there was none, or it is closed, or handlers were set on
// different loops, on a dispatcher thread of ours, which is attached to Python once. Never on the
// thread that sent the message, never two handlers at a time, always in the order of arrival.
//
// While a handler's loop is blocked or stopped its messages wait, in the Inbox and within its
// limits.
//
// Threads: everything is called under the GIL, except what says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "common/python/py_ref.h"
#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {

class Delivery {
 public:
  struct Hooks {
    // Stage 3's protocol port; 0 for none. Messages wait until it has a handler; `on_set` and
    // `on_gone` tell of it. It never changes, so handlers of restarts are taken and forgotten; and
    // as with Flet's sockets, what listens on a loop ends with that loop.
    std::int64_t fixed_port = 0;
    std::function<void()> on_set;
    std::function<void()> on_gone;
    // Whenever messages are about to be handed over: a chance to do what needs the GIL.
    std::function<void()> on_turn;
    // A new client's session has been begun in Python (Message::Kind::kNewClient).
    std::function<void()> on_new_client;
  };

  // `inbox` must outlive it. Opens the inbox when Python's first handler may come: Open().
  Delivery(Inbox& inbox, Hooks hooks);
  ~Delivery();  // only when no interpreter can call it any more

  // Those that change handlers return false with a Python exception set. `callable` null removes.
  [[nodiscard]] bool SetHandler(std::int64_t port, PyObject* callable);
  // Called with one dict, label to port, when a session restarts; the newest first.
  [[nodiscard]] bool AddRestartHandler(PyObject* callable);
  // Called without arguments; null for none.
  void SetNewClientHandler(PyObject* callable);

  // Takes messages and handlers from now on. Any thread.
  void Open();
  // The program has ended: refuses messages and handlers, waits with the GIL released for a handler
  // that runs on the dispatcher thread (as Python waits for its own threads that are no daemons:
  // none may be left in an interpreter that is gone), lets all handlers go, drops what waits.
  void Close();

  // Whether Close() must be called by Python's atexit, since nobody else knows when it ends.
  [[nodiscard]] bool closes_at_exit() const noexcept { return hooks_.fixed_port != 0; }

  // ---- Any thread, with or without the GIL.
  // No handler that was set before is called any more.
  void ClearHandlers();
  void SignalDartSession(SessionPorts ports);
  // This process is a fork of the one that it was made in: nobody answers here.
  [[nodiscard]] bool forked() const noexcept { return forked_.load(); }
  void BecomeFork() noexcept;

 private:
  struct Handler {
    std::uint64_t era = 0;
    PyRef callable;  // its end may run any code, and change the handlers
    PyRef loop;      // null: the dispatcher thread
  };
  struct ReaderToken;
  struct Dispatcher;

  [[nodiscard]] Handler MakeHandler(PyObject* callable) const;
  static void Forget(Handler& handler);
  [[nodiscard]] bool MayChange(bool adding);
  [[nodiscard]] Handler Put(std::int64_t port, PyObject* callable);
  [[nodiscard]] Handler Take(std::int64_t port);
  [[nodiscard]] bool ChooseReader();
  [[nodiscard]] bool ChooseReaderOnce();
  [[nodiscard]] bool ReadOnLoop(PyObject* loop);
  [[nodiscard]] bool ReadOnThread();
  void StopLoopReader();
  void LoopIsClosed();
  void StopDispatcher();
  // False with a Python exception set that belongs to the caller.
  [[nodiscard]] bool Drain(const void* reader);
  [[nodiscard]] bool HandOver(Message& message);
  [[nodiscard]] bool DeliverBytes(Message& message, bool& delivered);
  [[nodiscard]] bool TellOfDartSession(const SessionPorts& ports);
  [[nodiscard]] bool Call(PyObject* handler, PyObject* argument);
  [[nodiscard]] PyObject* HandlerOf(std::int64_t port) const;  // borrowed; null if there is none
  void DropHandlersBefore(std::uint64_t era);
  void DropHandlersOf(PyObject* loop);
  static void RunDispatcher(Delivery& self, const std::shared_ptr<Dispatcher>& dispatcher);

  Inbox& inbox_;
  const Hooks hooks_;
  std::atomic<std::uint64_t> era_{1};
  std::atomic<std::uint64_t> handler_count_{0};
  std::atomic<bool> forked_{false};
  // under the GIL
  std::map<std::int64_t, Handler> handlers_;
  std::vector<Handler> restart_handlers_;  // the oldest first
  PyRef new_client_;
  bool closed_ = true;
  bool draining_ = false;
  bool choosing_ = false;
  bool choose_again_ = false;
  const void* reader_ = nullptr;  // a token or a dispatcher: who may drain
  ReaderToken* token_ = nullptr;  // of the loop's reader; belongs to it
  PyRef loop_;
  std::shared_ptr<Dispatcher> dispatcher_;

  friend struct DeliveryCallbacks;
};

}  // namespace fletbridge::stage3
