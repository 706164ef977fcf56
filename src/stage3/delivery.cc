#include "src/stage3/delivery.h"

#include <algorithm>
#include <pthread.h>
#include <signal.h>
#include <thread>
#include <utility>

#include "common/python/api.h"
#include "src/stage3/asyncio_loop.h"
#include "src/stage3/bytes_object.h"

namespace fletbridge::stage3 {
namespace {

// Messages handled per wake-up before the app's other callbacks have their turn.
constexpr int kBatch = 256;
constexpr const char* kTokenName = "fletbridge.reader";

// What a handler raised goes no further than sys.excepthook, as in flet-dev/dart-bridge; except
// that a SystemExit there must not end the process from inside a delivery.
void PrintException(PyObject* handler) {
  if (Py().PyErr_ExceptionMatches(*Py().system_exit) != 0) {
    Py().PyErr_WriteUnraisable(handler);
  } else {
    Py().PyErr_Print();
  }
}

}  // namespace

// One reader of a loop. Owned by a capsule that only the loop's own handle holds, so that its end
// tells us that the loop was closed.
struct Delivery::ReaderToken {
  Delivery* owner;  // null once it is no more the reader
};

struct Delivery::Dispatcher {
  std::atomic<bool> stop{false};
  std::thread thread;
};

// The functions that Python calls.
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

// What an interpreter that is gone has left is nobody's any more.
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
  // What the old one's end has done to the port came before, as far as the caller can tell.
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

// One place reads for all handlers, so that the order over all ports stays. Python runs in here,
// and with it other threads that change handlers: they leave the choice to the one that is at it.
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
    Py().PyErr_Clear();  // a loop without readers: the thread serves it as well
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
  capsule = {};  // the loop's handle alone holds it, by the callback
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
    // Somebody's exception may be under way; ours goes no further.
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
    // Signals are for the app's threads.
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      dispatcher_->thread =
          std::thread([this, dispatcher = dispatcher_] { RunDispatcher(*this, dispatcher); });
    } catch (const std::system_error&) {
      dispatcher_ = nullptr;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (dispatcher_ == nullptr) {
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
  if (draining_) return true;  // a handler of another reader is under way, which goes on after it
  LoopTurn turn(loop_.get());
  draining_ = true;
  bool ok = true;
  bool empty = false;
  if (hooks_.on_turn) hooks_.on_turn();
  Message message;
  for (int i = 0; ok && i < kBatch; ++i) {
    if (reader_ != reader) break;  // another one reads from now on, or nobody
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
      bool delivered = false;
      const bool ok = DeliverBytes(message, delivered);
      inbox_.Done(size, delivered);
      return ok;
    }
    case Message::Kind::kClearHandlers:
      inbox_.MarkerDone();
      DropHandlersBefore(static_cast<std::uint64_t>(message.port));
      return ChooseReader();
    case Message::Kind::kNewClient: {
      inbox_.NewClientDone();
      const bool ok = !new_client_ || Call(new_client_.get(), nullptr);
      if (hooks_.on_new_client) hooks_.on_new_client();
      return ok;
    }
    case Message::Kind::kDartSession:
      inbox_.MarkerDone();
      return TellOfDartSession(*message.ports);
  }
  return true;
}

bool Delivery::Call(PyObject* handler, PyObject* argument) {
  const PyRef held = PyRef::Share(handler);  // it may take itself away
  if (PyRef::Own(Py().PyObject_CallFunctionObjArgs(handler, argument, nullptr))) return true;
  // On a loop's own thread Ctrl-C, or a request to stop, may come in the middle of a handler: it
  // is for the loop.
  if (loop_ && Py().PyErr_ExceptionMatches(*Py().keyboard_interrupt) != 0) return false;
  PrintException(handler);
  return true;
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

bool Delivery::DeliverBytes(Message& message, bool& delivered) {
  if (inbox_.is_stale() || HandlerOf(message.port) == nullptr) return true;
  const PyRef bytes = PyRef::Own(MakeBytes(message.payload, message.prefix, message.skip));
  if (!bytes) {
    PrintException(Py().none);
    return true;
  }
  message.payload = {};
  // Looked up again: the GIL may have been released, and the handler taken away.
  PyObject* handler = HandlerOf(message.port);
  delivered = handler != nullptr;
  return handler == nullptr || Call(handler, bytes.get());
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
  // Their ends come last: they may run any code, and change the handlers.
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
  if (forked()) return;  // neither the thread nor what the loop waits with is this process's
  inbox_.Shut();
  closed_ = true;
  while (choosing_) {  // another thread, in the middle of it
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
  inbox_.SetReader(Inbox::Reader::kNobody);  // its eventfds are the parent's
}

}  // namespace fletbridge::stage3
