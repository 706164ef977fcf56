#include "src/stage3/delivery.h"

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

Delivery::~Delivery() = default;

void Delivery::Open() {
  closed_ = false;
  inbox_.Open();
}

Delivery::Handler Delivery::MakeHandler(PyObject* callable) const {
  Py().Py_IncRef(callable);
  return {callable, RunningLoop(), era_.load()};
}

void Delivery::Drop(Handler& handler) {
  // The last thing with a handler: its end may run any code, and change the handlers.
  PyObject* callable = std::exchange(handler.callable, nullptr);
  PyObject* loop = std::exchange(handler.loop, nullptr);
  if (loop != nullptr) Py().Py_DecRef(loop);
  if (callable != nullptr) Py().Py_DecRef(callable);
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
  const bool had_one = old.callable != nullptr;
  const bool chosen = ChooseReader();
  if (hooks_.fixed_port != 0 && port == hooks_.fixed_port && chosen) {
    if (callable != nullptr && hooks_.on_set) hooks_.on_set();
    if (callable == nullptr && had_one && hooks_.on_gone) hooks_.on_gone();
  }
  Drop(old);
  // What the old one's end has done to the port came before, as far as the caller can tell.
  if (had_one && callable != nullptr && chosen && !closed_ && HandlerOf(port) != callable) {
    Handler odd = Put(port, callable);
    const bool again = ChooseReader();
    Drop(odd);
    return again;
  }
  return chosen;
}

Delivery::Handler Delivery::Put(std::int64_t port, PyObject* callable) {
  Handler old;
  Handler added = MakeHandler(callable);
  const auto [place, is_new] = handlers_.try_emplace(port, added);
  if (!is_new) old = std::exchange(place->second, added);
  inbox_.ports().Insert(port);
  handler_count_.store(handlers_.size() + restart_handlers_.size());
  return old;
}

Delivery::Handler Delivery::Take(std::int64_t port) {
  Handler old;
  inbox_.ports().Erase(port);
  if (const auto found = handlers_.find(port); found != handlers_.end()) {
    old = found->second;
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

void Delivery::SetNewClientHandler(PyObject* callable) {
  if (callable != nullptr) Py().Py_IncRef(callable);
  PyObject* old = std::exchange(new_client_, callable);
  if (old != nullptr) Py().Py_DecRef(old);
}

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
  PyObject* loop =
      handlers_.empty() ? restart_handlers_.front().loop : handlers_.begin()->second.loop;
  for (const auto& [port, handler] : handlers_) {
    if (handler.loop != loop) loop = nullptr;
  }
  for (const Handler& handler : restart_handlers_) {
    if (handler.loop != loop) loop = nullptr;
  }
  if (loop == nullptr) return ReadOnThread();
  Py().Py_IncRef(loop);
  bool ok = loop == loop_;
  if (!ok && !IsClosed(loop)) {
    ok = ReadOnLoop(loop);
    if (!ok) Py().PyErr_Clear();  // a loop without readers: the thread serves it as well
  }
  Py().Py_DecRef(loop);
  return ok || ReadOnThread();
}

bool Delivery::ReadOnLoop(PyObject* loop) {
  StopLoopReader();
  auto* token = new ReaderToken{nullptr};
  PyObject* capsule = Py().PyCapsule_New(token, kTokenName, DeliveryCallbacks::FreeToken);
  if (capsule == nullptr) {
    delete token;
    return false;
  }
  PyObject* drain = Py().PyCMethod_New(&DeliveryCallbacks::drain, capsule, nullptr, nullptr);
  Py().Py_DecRef(capsule);
  if (drain == nullptr) return false;
  PyObject* done =
      Py()._PyObject_CallMethod_SizeT(loop, "add_reader", "iO", inbox_.loop_fd(), drain);
  if (done != nullptr) {
    Py().Py_DecRef(done);
    token->owner = this;
    token_ = token;
    Py().Py_IncRef(loop);
    loop_ = loop;
    reader_ = token;
    inbox_.SetReader(Inbox::Reader::kLoop);
  }
  Py().Py_DecRef(drain);
  return done != nullptr;
}

void Delivery::StopLoopReader() {
  if (token_ == nullptr) return;
  std::exchange(token_, nullptr)->owner = nullptr;
  PyObject* loop = std::exchange(loop_, nullptr);
  if (!IsClosed(loop)) {
    PyObject* done = Py()._PyObject_CallMethod_SizeT(loop, "remove_reader", "i", inbox_.loop_fd());
    if (done != nullptr) {
      Py().Py_DecRef(done);
    } else {
      Py().PyErr_Clear();
    }
  }
  Py().Py_DecRef(loop);
}

void Delivery::LoopIsClosed() {
  token_ = nullptr;
  reader_ = nullptr;
  PyObject* loop = std::exchange(loop_, nullptr);
  if (!closed_ && !forked()) {
    // Somebody's exception may be under way; ours goes no further.
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
    Py().PyErr_Fetch(&type, &value, &trace);
    if (hooks_.fixed_port != 0) DropHandlersOf(loop);
    if (!ChooseReader()) PrintException(Py().none);
    Py().PyErr_Restore(type, value, trace);
  }
  Py().Py_DecRef(loop);
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
  LoopTurn turn(loop_);
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
      const bool ok = new_client_ == nullptr || Call(new_client_, nullptr);
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
  Py().Py_IncRef(handler);  // it may take itself away
  PyObject* result = Py().PyObject_CallFunctionObjArgs(handler, argument, nullptr);
  bool ok = true;
  if (result != nullptr) {
    Py().Py_DecRef(result);
  } else {
    // On a loop's own thread Ctrl-C, or a request to stop, may come in the middle of a handler: it
    // is for the loop.
    ok = loop_ == nullptr || Py().PyErr_ExceptionMatches(*Py().keyboard_interrupt) == 0;
    if (ok) PrintException(handler);
  }
  Py().Py_DecRef(handler);
  return ok;
}

bool Delivery::TellOfDartSession(const SessionPorts& ports) {
  PyObject* labels = Py().PyDict_New();
  for (const auto& [label, port] : ports) {
    PyObject* number = labels != nullptr ? Py().PyLong_FromLongLong(port) : nullptr;
    if (number == nullptr || Py().PyDict_SetItemString(labels, label.c_str(), number) != 0)
      PrintException(Py().none);
    if (number != nullptr) Py().Py_DecRef(number);
  }
  if (labels == nullptr) return true;
  std::vector<PyObject*> handlers;  // a handler may add others
  for (auto it = restart_handlers_.rbegin(); it != restart_handlers_.rend(); ++it) {
    if (it->era != era_.load()) continue;
    Py().Py_IncRef(it->callable);
    handlers.push_back(it->callable);
  }
  bool ok = true;
  for (PyObject* handler : handlers) {
    ok = ok && Call(handler, labels);
    Py().Py_DecRef(handler);
  }
  Py().Py_DecRef(labels);
  return ok;
}

PyObject* Delivery::HandlerOf(std::int64_t port) const {
  const auto found = handlers_.find(port);
  if (found == handlers_.end() || found->second.era != era_.load()) return nullptr;
  return found->second.callable;
}

bool Delivery::DeliverBytes(Message& message, bool& delivered) {
  if (inbox_.is_stale() || HandlerOf(message.port) == nullptr) return true;
  PyObject* bytes = MakeBytes(message.payload, message.prefix, message.skip);
  if (bytes == nullptr) {
    PrintException(Py().none);
    return true;
  }
  message.payload = {};
  bool ok = true;
  // Looked up again: the GIL may have been released, and the handler taken away.
  if (PyObject* handler = HandlerOf(message.port); handler != nullptr) {
    delivered = true;
    ok = Call(handler, bytes);
  }
  Py().Py_DecRef(bytes);
  return ok;
}

void Delivery::DropHandlersBefore(std::uint64_t era) {
  std::vector<Handler> dropped;
  for (auto it = handlers_.begin(); it != handlers_.end();) {
    if (it->second.era < era) {
      inbox_.ports().Erase(it->first);
      dropped.push_back(it->second);
      it = handlers_.erase(it);
    } else {
      ++it;
    }
  }
  std::vector<Handler> kept;
  for (Handler& handler : restart_handlers_)
    (handler.era < era ? dropped : kept).push_back(handler);
  restart_handlers_ = std::move(kept);
  handler_count_.store(handlers_.size() + restart_handlers_.size());
  for (Handler& handler : dropped) Drop(handler);
}

void Delivery::DropHandlersOf(PyObject* loop) {
  std::vector<std::int64_t> ports;
  for (const auto& [port, handler] : handlers_) {
    if (handler.loop == loop) ports.push_back(port);
  }
  for (const std::int64_t port : ports) {
    Handler dropped = Take(port);
    if (port == hooks_.fixed_port && hooks_.on_gone) hooks_.on_gone();
    Drop(dropped);
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
