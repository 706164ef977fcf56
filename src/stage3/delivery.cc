#include "src/stage3/delivery.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "common/platform/threads.h"
#include "common/python/api.h"
#include "src/stage3/asyncio_loop.h"
#include "src/stage3/bytes_object.h"

namespace fletbridge::stage3 {
namespace {

// Messages delivered per wake-up before the loop's other callbacks run.
constexpr int kBatch = 256;
constexpr const char* kTokenName = "fletbridge.reader";

// An exception of a handler goes to sys.excepthook, as in flet-dev/dart-bridge. SystemExit does
// not: there it would end the process from inside a delivery.
void PrintException(PyObject* handler) {
  if (Py().PyErr_ExceptionMatches(*Py().system_exit) != 0) {
    Py().PyErr_WriteUnraisable(handler);
  } else {
    Py().PyErr_Print();
  }
}

}  // namespace

// One reader of a loop. Owned by a capsule that only the loop's handle of the reader refers to, so
// its destruction shows that the loop was closed.
struct Delivery::ReaderToken {
  Delivery* owner;  // null once another reader has been chosen
};

struct Delivery::Dispatcher {
  std::atomic<bool> stop{false};
  std::thread thread;
};

// Functions called by Python.
struct DeliveryCallbacks {
  static PyObject* Drain(PyObject* capsule, PyObject*) {
    auto* token =
        static_cast<Delivery::ReaderToken*>(Py().PyCapsule_GetPointer(capsule, kTokenName));
    if (token == nullptr) return nullptr;
    Delivery* delivery = token->owner;
    if (delivery != nullptr && !delivery->forked()) {
      delivery->inbox_.ClearLoopWake();
      if (!delivery->Drain(token)) return nullptr;
    }
    Py().Py_IncRef(Py().none);
    return Py().none;
  }

  static void FreeToken(PyObject* capsule) {
    auto* token =
        static_cast<Delivery::ReaderToken*>(Py().PyCapsule_GetPointer(capsule, kTokenName));
    if (token->owner != nullptr) token->owner->LoopIsClosed();
    delete token;
  }

  inline static PyMethodDef drain = {"fletbridge_drain", Drain, METH_NOARGS, nullptr};
};

Delivery::Delivery(Inbox& inbox, Hooks hooks) : inbox_(inbox), hooks_(std::move(hooks)) {}

// The interpreter is gone: its objects are leaked rather than released.
Delivery::~Delivery() {
  for (auto& [port, handler] : handlers_) Forget(handler);
  for (Handler& handler : restart_handlers_) Forget(handler);
  (void)new_client_.Release();
  (void)loop_.Release();
}

void Delivery::Forget(Handler& handler) {
  (void)handler.callable.Release();
  (void)handler.loop.Release();
}

void Delivery::Open() {
  closed_ = false;
  inbox_.Open();
}

Delivery::Handler Delivery::MakeHandler(PyObject* callable) const {
  return {era_.load(), PyRef::Share(callable), RunningLoop()};
}

bool Delivery::MayChange(bool adding) {
  if (!closed_ || !adding) return true;
  Py().PyErr_SetString(*Py().runtime_error,
                       "the program has ended: dart_bridge takes no new handlers");
  return false;
}

bool Delivery::SetHandler(std::int64_t port, PyObject* callable) {
  if (!MayChange(callable != nullptr)) return false;
  Handler old = callable != nullptr ? Put(port, callable) : Take(port);
  const bool had_one = static_cast<bool>(old.callable);
  const bool chosen = ChooseReader();
  if (hooks_.fixed_port != 0 && port == hooks_.fixed_port && chosen) {
    if (callable != nullptr && hooks_.on_set) hooks_.on_set();
    if (callable == nullptr && had_one && hooks_.on_gone) hooks_.on_gone();
  }
  old = {};
  // Releasing the old handler may have run code that changed the port's handler. For the caller
  // that came before its own change, so its handler is set again.
  if (had_one && callable != nullptr && chosen && !closed_ && HandlerOf(port) != callable) {
    const Handler odd = Put(port, callable);
    return ChooseReader();
  }
  return chosen;
}

Delivery::Handler Delivery::Put(std::int64_t port, PyObject* callable) {
  Handler added = MakeHandler(callable);
  Handler old = std::exchange(handlers_[port], std::move(added));
  inbox_.ports().Insert(port);
  handler_count_.store(handlers_.size() + restart_handlers_.size());
  return old;
}

Delivery::Handler Delivery::Take(std::int64_t port) {
  Handler old;
  inbox_.ports().Erase(port);
  if (const auto found = handlers_.find(port); found != handlers_.end()) {
    old = std::move(found->second);
    handlers_.erase(found);
  }
  handler_count_.store(handlers_.size() + restart_handlers_.size());
  return old;
}

bool Delivery::AddRestartHandler(PyObject* callable) {
  if (!MayChange(true)) return false;
  if (hooks_.fixed_port != 0) return true;
  restart_handlers_.push_back(MakeHandler(callable));
  handler_count_.store(handlers_.size() + restart_handlers_.size());
  return ChooseReader();
}

void Delivery::SetNewClientHandler(PyObject* callable) { new_client_ = PyRef::Share(callable); }

// One reader serves all handlers, which keeps the order over all ports. Choosing it runs Python
// code, and so other threads that change handlers: they leave the choice to the thread that is
// already making it.
bool Delivery::ChooseReader() {
  choose_again_ = true;
  if (choosing_) return true;
  choosing_ = true;
  bool ok = true;
  while (std::exchange(choose_again_, false)) ok = ChooseReaderOnce();
  choosing_ = false;
  return ok;
}

bool Delivery::ChooseReaderOnce() {
  if (closed_ || forked()) return true;
  const bool nobody_yet = hooks_.fixed_port != 0 && !handlers_.contains(hooks_.fixed_port);
  if (nobody_yet || (handlers_.empty() && restart_handlers_.empty())) {
    StopLoopReader();
    inbox_.SetReader(Inbox::Reader::kNobody);
    reader_ = nullptr;
    return true;
  }
  PyObject* common =
      (handlers_.empty() ? restart_handlers_.front() : handlers_.begin()->second).loop.get();
  for (const auto& [port, handler] : handlers_) {
    if (handler.loop.get() != common) common = nullptr;
  }
  for (const Handler& handler : restart_handlers_) {
    if (handler.loop.get() != common) common = nullptr;
  }
  if (common == nullptr) return ReadOnThread();
  const PyRef loop = PyRef::Share(common);
  if (common == loop_.get()) return true;
  if (!IsClosed(common)) {
    if (ReadOnLoop(common)) return true;
    Py().PyErr_Clear();  // a loop without add_reader(): use the dispatcher thread
  }
  return ReadOnThread();
}

bool Delivery::ReadOnLoop(PyObject* loop) {
  StopLoopReader();
  auto* token = new ReaderToken{nullptr};
  PyRef capsule = PyRef::Own(Py().PyCapsule_New(token, kTokenName, DeliveryCallbacks::FreeToken));
  if (!capsule) {
    delete token;
    return false;
  }
  const PyRef drain =
      PyRef::Own(Py().PyCMethod_New(&DeliveryCallbacks::drain, capsule.get(), nullptr, nullptr));
  capsule = {};  // now only the loop's handle refers to it, through the callback
  if (!drain) return false;
  const PyRef done = PyRef::Own(
      Py()._PyObject_CallMethod_SizeT(loop, "add_reader", "iO", inbox_.loop_fd(), drain.get()));
  if (!done) return false;
  token->owner = this;
  token_ = token;
  loop_ = PyRef::Share(loop);
  reader_ = token;
  inbox_.SetReader(Inbox::Reader::kLoop);
  return true;
}

void Delivery::StopLoopReader() {
  if (token_ == nullptr) return;
  std::exchange(token_, nullptr)->owner = nullptr;
  const PyRef loop = std::move(loop_);
  if (IsClosed(loop.get())) return;
  const PyRef done = PyRef::Own(
      Py()._PyObject_CallMethod_SizeT(loop.get(), "remove_reader", "i", inbox_.loop_fd()));
  if (!done) Py().PyErr_Clear();
}

void Delivery::LoopIsClosed() {
  token_ = nullptr;
  reader_ = nullptr;
  const PyRef loop = std::move(loop_);
  if (!closed_ && !forked()) {
    // Keep an exception that is being propagated; ours is printed.
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
    Py().PyErr_Fetch(&type, &value, &trace);
    if (hooks_.fixed_port != 0) DropHandlersOf(loop.get());
    if (!ChooseReader()) PrintException(Py().none);
    Py().PyErr_Restore(type, value, trace);
  }
}

bool Delivery::ReadOnThread() {
  StopLoopReader();
  if (dispatcher_ == nullptr) {
    dispatcher_ = std::make_shared<Dispatcher>();
    try {
      dispatcher_->thread = platform::StartWithoutSignals(
          [this, dispatcher = dispatcher_] { RunDispatcher(*this, dispatcher); });
    } catch (const std::system_error&) {
      dispatcher_ = nullptr;
      Py().PyErr_SetString(*Py().runtime_error, "cannot start the thread that calls the handlers");
      return false;
    }
  }
  reader_ = dispatcher_.get();
  inbox_.SetReader(Inbox::Reader::kThread);
  return true;
}

void Delivery::RunDispatcher(Delivery& self, const std::shared_ptr<Dispatcher>& dispatcher) {
  const PyGILState_STATE attached = Py().PyGILState_Ensure();
  PyThreadState* thread = Py().PyEval_SaveThread();
  for (;;) {
    self.inbox_.WaitAsThread();
    if (dispatcher->stop.load()) break;
    Py().PyEval_RestoreThread(thread);
    if (self.dispatcher_ == dispatcher && !self.Drain(dispatcher.get())) PrintException(Py().none);
    thread = Py().PyEval_SaveThread();
  }
  Py().PyEval_RestoreThread(thread);
  Py().PyGILState_Release(attached);
}

void Delivery::StopDispatcher() {
  if (dispatcher_ == nullptr) return;
  const std::shared_ptr<Dispatcher> dispatcher = std::move(dispatcher_);
  dispatcher->stop.store(true);
  inbox_.WakeThread();
  PyThreadState* thread = Py().PyEval_SaveThread();
  dispatcher->thread.join();
  Py().PyEval_RestoreThread(thread);
}

bool Delivery::Drain(const void* reader) {
  if (draining_)
    return true;  // a handler of another reader runs, and that one continues afterwards
  LoopTurn turn(loop_.get());
  draining_ = true;
  bool ok = true;
  bool empty = false;
  if (hooks_.on_turn) hooks_.on_turn();
  Message message;
  for (int i = 0; ok && i < kBatch; ++i) {
    if (reader_ != reader) break;  // another reader has been chosen, or none
    if (!inbox_.Pop(message)) {
      if (inbox_.MaySleep()) {
        empty = true;
        break;
      }
      continue;
    }
    ok = HandOver(message);
  }
  draining_ = false;
  if (!empty) inbox_.Wake();
  return ok && turn.Finish();
}

bool Delivery::HandOver(Message& message) {
  const std::size_t size = message.payload.size();
  switch (message.kind) {
    case Message::Kind::kBytes: {
      Fate fate = Fate::kDropped;
      const bool ok = DeliverBytes(message, fate);
      if (fate == Fate::kKept && taken_early_ == 0) {
        kept_.push_back(size);
      } else {
        if (fate == Fate::kKept) --taken_early_;
        inbox_.Done(size, fate != Fate::kDropped);
      }
      return ok;
    }
    case Message::Kind::kClearHandlers:
      inbox_.MarkerDone();
      DropHandlersBefore(static_cast<std::uint64_t>(message.port));
      return ChooseReader();
    case Message::Kind::kSession: {
      inbox_.MarkerDone();
      if (hooks_.stream) return TellStream(message);
      const bool ok = !new_client_ || Call(new_client_.get(), nullptr);
      if (hooks_.on_session) hooks_.on_session(message.session);
      return ok;
    }
    case Message::Kind::kSessionEnd:
    case Message::Kind::kRoom:
      inbox_.MarkerDone();
      return TellStream(message);
    case Message::Kind::kDartSession:
      inbox_.MarkerDone();
      return TellOfDartSession(*message.ports);
  }
  return true;
}

bool Delivery::Call(PyObject* handler, PyObject* argument, PyRef* result) {
  const PyRef held = PyRef::Share(handler);  // it may remove itself
  if (PyRef done = PyRef::Own(Py().PyObject_CallFunctionObjArgs(handler, argument, nullptr))) {
    if (result != nullptr) *result = std::move(done);
    return true;
  }
  // KeyboardInterrupt on a loop's thread, by Ctrl-C or a request to stop, is propagated to the
  // loop.
  if (loop_ && Py().PyErr_ExceptionMatches(*Py().keyboard_interrupt) != 0) return false;
  PrintException(handler);
  return true;
}

// A session's number where it begins, the same negative where it ends, None where there is room.
bool Delivery::TellStream(const Message& message) {
  PyObject* handler = HandlerOf(hooks_.fixed_port);
  if (handler == nullptr) return true;
  if (message.kind == Message::Kind::kRoom) return Call(handler, Py().none);
  const long long number = message.session;
  const PyRef told = PyRef::Own(
      Py().PyLong_FromLongLong(message.kind == Message::Kind::kSession ? number : -number));
  return !told || Call(handler, told.get());
}

void Delivery::Taken() {
  if (kept_.empty()) {
    ++taken_early_;
    return;
  }
  const std::size_t size = kept_.front();
  kept_.pop_front();
  inbox_.Done(size, true);
}

bool Delivery::TellOfDartSession(const SessionPorts& ports) {
  const PyRef labels = PyRef::Own(Py().PyDict_New());
  if (!labels) {
    PrintException(Py().none);
    return true;
  }
  for (const auto& [label, port] : ports) {
    const PyRef number = PyRef::Own(Py().PyLong_FromLongLong(port));
    if (!number || Py().PyDict_SetItemString(labels.get(), label.c_str(), number.get()) != 0)
      PrintException(Py().none);
  }
  std::vector<PyRef> handlers;  // a handler may add others
  for (auto it = restart_handlers_.rbegin(); it != restart_handlers_.rend(); ++it) {
    if (it->era == era_.load()) handlers.push_back(PyRef::Share(it->callable.get()));
  }
  return std::all_of(handlers.begin(), handlers.end(),
                     [&](const PyRef& handler) { return Call(handler.get(), labels.get()); });
}

PyObject* Delivery::HandlerOf(std::int64_t port) const {
  const auto found = handlers_.find(port);
  if (found == handlers_.end() || found->second.era != era_.load()) return nullptr;
  return found->second.callable.get();
}

bool Delivery::DeliverBytes(Message& message, Fate& fate) {
  if (inbox_.IsStale(message) || HandlerOf(message.port) == nullptr) return true;
  const PyRef bytes = PyRef::Own(MakeBytes(message.payload, message.prefix.span(), message.skip));
  if (!bytes) {
    PrintException(Py().none);
    return true;
  }
  message.payload = {};
  // Looked up again: while the GIL was released, the handler may have been removed.
  PyObject* handler = HandlerOf(message.port);
  if (handler == nullptr) return true;
  fate = Fate::kDelivered;
  PyRef answer;
  const bool ok = Call(handler, bytes.get(), &answer);
  if (hooks_.stream && answer && answer.get() != Py().none) fate = Fate::kKept;
  return ok;
}

void Delivery::DropHandlersBefore(std::uint64_t era) {
  std::vector<Handler> dropped;
  for (auto it = handlers_.begin(); it != handlers_.end();) {
    if (it->second.era < era) {
      inbox_.ports().Erase(it->first);
      dropped.push_back(std::move(it->second));
      it = handlers_.erase(it);
    } else {
      ++it;
    }
  }
  std::vector<Handler> kept;
  for (Handler& handler : restart_handlers_)
    (handler.era < era ? dropped : kept).push_back(std::move(handler));
  restart_handlers_ = std::move(kept);
  handler_count_.store(handlers_.size() + restart_handlers_.size());
  // Released last, since that may run any code, which may change the handlers.
  for (Handler& handler : dropped) handler = {};
}

void Delivery::DropHandlersOf(PyObject* loop) {
  std::vector<std::int64_t> ports;
  for (const auto& [port, handler] : handlers_) {
    if (handler.loop.get() == loop) ports.push_back(port);
  }
  for (const std::int64_t port : ports) {
    const Handler dropped = Take(port);
    if (port == hooks_.fixed_port && hooks_.on_gone) hooks_.on_gone();
  }
}

void Delivery::Close() {
  if (forked()) return;  // thread and wake-ups are the parent's
  inbox_.Shut();
  closed_ = true;
  while (choosing_) {  // on another thread
    PyThreadState* thread = Py().PyEval_SaveThread();
    std::this_thread::yield();
    Py().PyEval_RestoreThread(thread);
  }
  StopLoopReader();
  StopDispatcher();
  inbox_.SetReader(Inbox::Reader::kNobody);
  reader_ = nullptr;
  inbox_.ports().Clear();
  DropHandlersBefore(era_.load() + 1);
  SetNewClientHandler(nullptr);
  inbox_.DropAll();
}

void Delivery::ClearHandlers() {
  const std::uint64_t era = era_.fetch_add(1) + 1;
  inbox_.ports().Clear();
  if (handler_count_.load() == 0) return;
  Message marker;
  marker.kind = Message::Kind::kClearHandlers;
  marker.port = static_cast<std::int64_t>(era);
  inbox_.PushMarker(std::move(marker));
}

void Delivery::SignalDartSession(SessionPorts ports) {
  if (handler_count_.load() == 0) return;
  Message marker;
  marker.kind = Message::Kind::kDartSession;
  marker.ports = std::make_unique<SessionPorts>(std::move(ports));
  inbox_.PushMarker(std::move(marker));
}

void Delivery::BecomeFork() noexcept {
  forked_.store(true);
  inbox_.Shut();
  inbox_.SetReader(Inbox::Reader::kNobody);  // the wake-ups are shared with the parent
}

}  // namespace fletbridge::stage3
