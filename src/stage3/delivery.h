// Room: src/stage3. Calls Python handlers with the messages of an Inbox.
//
// On which thread: that of the asyncio loop that was running when the handlers were set, in a
// reader of that loop (many messages per wake-up). If there was none, if it is closed, or if
// handlers were set on different loops: on our dispatcher thread, which is attached to Python once.
// Never on the thread that sent the message, never two handlers at a time, always in the order of
// arrival.
//
// While a handler's loop is blocked or stopped, its messages wait in the Inbox, within its limits.
//
// Threads: any Python thread, with the GIL held, except where something else is stated.
#pragma once

#include <cstdint>
#include <deque>
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
    // Stage 3's protocol port; 0: none, in the drop-in library. Messages wait until this port has a
    // handler; `on_set` and `on_gone` report when it gets and loses one. The port never changes, so
    // handlers of session restarts are accepted and ignored. As with Flet's sockets, a handler ends
    // with its loop.
    std::int64_t fixed_port = 0;
    std::function<void()> on_set;
    std::function<void()> on_gone;
    // The fixed port carries a stream (stream_module.h): its handler also gets what is told of
    // sessions and room, and may keep bytes, by an answer other than None: they count as queued
    // until Taken().
    bool stream = false;
    // Before each delivery of messages, with the GIL held.
    std::function<void()> on_turn;
    // Python has begun the session of this number (Message::Kind::kSession).
    std::function<void(std::uint32_t number)> on_session;
  };

  // `inbox` must outlive this object. Accepts messages and handlers after Open().
  Delivery(Inbox& inbox, Hooks hooks);
  ~Delivery();  // only when no interpreter can call it any more

  // Functions that change handlers return false, with a Python exception set, on failure.
  // `callable` null: removes the handler.
  [[nodiscard]] bool SetHandler(std::int64_t port, PyObject* callable);
  // `callable` is called when a session restarts, with a dict from labels to ports; the handler
  // that was added last comes first.
  [[nodiscard]] bool AddRestartHandler(PyObject* callable);
  // `callable` is called without arguments, for a new client on the same port; null: none.
  void SetNewClientHandler(PyObject* callable);
  // A stream's handler has used the oldest of the messages that it has kept.
  void Taken();

  // Accepts messages and handlers from now on. Any thread.
  void Open();
  // The program has ended: refuses messages and handlers, waits for a handler that runs on the
  // dispatcher thread (with the GIL released, as Python waits for non-daemon threads: none may be
  // left when the interpreter is finalised), removes all handlers and drops queued messages.
  void Close();

  // Whether Python's atexit must call Close(), since nothing else knows when the program ends.
  [[nodiscard]] bool closes_at_exit() const noexcept { return hooks_.fixed_port != 0; }

  // ---- Any thread, with or without the GIL.
  // Handlers that were set before are not called any more.
  void ClearHandlers();
  // Calls the restart handlers.
  void SignalDartSession(SessionPorts ports);
  // Whether this process is a forked child of the one that created this object; nothing is
  // delivered in it.
  [[nodiscard]] bool forked() const noexcept { return forked_.load(); }
  void BecomeFork() noexcept;

 private:
  struct Handler {
    std::uint64_t era = 0;
    PyRef callable;  // releasing it may run any code, which may change the handlers
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
  // False, with a Python exception set that the caller must propagate.
  [[nodiscard]] bool Drain(const void* reader);
  [[nodiscard]] bool HandOver(Message& message);
  enum class Fate { kDropped, kDelivered, kKept };
  [[nodiscard]] bool DeliverBytes(Message& message, Fate& fate);
  [[nodiscard]] bool TellOfDartSession(const SessionPorts& ports);
  [[nodiscard]] bool TellStream(const Message& message);
  // `result`: gets what the handler returned, if it is given.
  [[nodiscard]] bool Call(PyObject* handler, PyObject* argument, PyRef* result = nullptr);
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
  std::deque<std::size_t> kept_;  // the payloads' sizes of the messages that a handler has kept
  std::size_t taken_early_ = 0;   // used on another thread, before the handler has said so
  bool closed_ = true;
  bool draining_ = false;
  bool choosing_ = false;
  bool choose_again_ = false;
  const void* reader_ = nullptr;  // the ReaderToken or Dispatcher that may drain
  ReaderToken* token_ = nullptr;  // of the loop's reader, which owns it
  PyRef loop_;
  std::shared_ptr<Dispatcher> dispatcher_;

  friend struct DeliveryCallbacks;
};

}  // namespace fletbridge::stage3
