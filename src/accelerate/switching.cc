#include "src/accelerate/switching.h"

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <ctime>

#include <climits>

#include "src/accelerate/function.h"

#ifdef __linux__
#include <dlfcn.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#endif

namespace fletbridge::accelerate {
namespace {

#ifdef __linux__

// While an event loop with input waits for the interpreter, a waiting thread asks for it after
// this time. A thread that begins to wait in that moment has it too, any other has the app's own.
constexpr unsigned long kInterval = 37;  // us, and unlike what anybody sets
// A loop that always has something to do lets go of the interpreter as often as before.
constexpr long long kFairShareNs = 5'000'000;
constexpr int kMaxEvents = 256;

// CPython 3.11 and before keep one interval that any thread may write; later ones want the
// interpreter for it, so there only the rest is done.
struct Interval {
  unsigned long (*get)() = nullptr;
  void (*set)(unsigned long) = nullptr;
};
Interval g_interval;
std::atomic<bool> g_lowered{false};
unsigned long g_before = 0;  // of whoever has set g_lowered

// A fork while a loop waits: the child has no such loop.
void ForgetInChild() {
  if (g_lowered.exchange(false) && g_interval.get() == kInterval) g_interval.set(g_before);
}

// Takes the interpreter, sooner than the switch interval.
void TakeSoon(PyThreadState* thread) {
  bool idle = false;
  const bool lower = g_interval.set != nullptr && g_lowered.compare_exchange_strong(idle, true);
  if (!lower) {
    PyEval_RestoreThread(thread);
    return;
  }
  g_before = g_interval.get();
  if (g_before > kInterval) g_interval.set(kInterval);
  PyEval_RestoreThread(thread);
  // Unless the app has set one of its own meanwhile.
  if (g_before > kInterval && g_interval.get() == kInterval) g_interval.set(g_before);
  g_lowered.store(false);
}

long long Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// One event loop's; `epoll` is the select.epoll whose place it takes.
struct Poll {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* epoll;
  long long since;  // when it last let go of the interpreter
};

// As select.epoll.poll does: milliseconds, rounded up; -1 without end. False with an exception set,
// or where the original is to say what is wrong.
bool Milliseconds(PyObject* timeout, int& milliseconds) {
  double seconds = 0;
  if (PyFloat_CheckExact(timeout)) {
    seconds = PyFloat_AS_DOUBLE(timeout);
  } else if (PyLong_CheckExact(timeout)) {
    int overflow = 0;
    const long whole = PyLong_AsLongAndOverflow(timeout, &overflow);
    if (overflow != 0) return false;
    seconds = static_cast<double>(whole);
  } else {
    return false;
  }
  if (!(seconds < 1e6)) return false;
  milliseconds = seconds < 0 ? -1 : static_cast<int>(std::ceil(std::ceil(seconds * 1e9) / 1e6));
  return true;
}

// The number of events, or -1 with an exception set.
int Wait(Poll* poll, int fd, epoll_event* events, int most, int milliseconds) {
  if (milliseconds == 0 && Now() - poll->since < kFairShareNs) {
    const int found = epoll_wait(fd, events, most, 0);
    if (found >= 0) return found;
    if (errno != EINTR) return PyErr_SetFromErrno(PyExc_OSError), -1;
    return PyErr_CheckSignals() < 0 ? -1 : 0;
  }
  const long long deadline = Now() + milliseconds * 1'000'000LL;
  for (;;) {
    PyThreadState* thread = PyEval_SaveThread();
    const int found = epoll_wait(fd, events, most, milliseconds);
    const int error = errno;
    if (found > 0) {
      TakeSoon(thread);
    } else {
      PyEval_RestoreThread(thread);
    }
    poll->since = Now();
    if (found >= 0) return found;
    errno = error;
    if (error != EINTR) return PyErr_SetFromErrno(PyExc_OSError), -1;
    if (PyErr_CheckSignals() < 0) return -1;
    if (milliseconds >= 0) {
      const long long left = deadline - poll->since;
      if (left < 0) return 0;
      milliseconds = static_cast<int>((left + 999'999) / 1'000'000);
    }
  }
}

PyObject* CallPoll(PyObject* self, PyObject* const* arguments, std::size_t count,
                   PyObject* keywords) {
  auto* poll = reinterpret_cast<Poll*>(self);
  int milliseconds = 0;
  int most = 0;
  if (PyVectorcall_NARGS(count) == 2 && keywords == nullptr && PyLong_CheckExact(arguments[1]) &&
      Milliseconds(arguments[0], milliseconds)) {
    int overflow = 0;
    const long asked = PyLong_AsLongAndOverflow(arguments[1], &overflow);
    if (overflow == 0 && asked > 0)
      most = static_cast<int>(asked < kMaxEvents ? asked : kMaxEvents);
  }
  if (most == 0) {
    const Ref original = Ref::Own(PyObject_GetAttrString(poll->epoll, "poll"));
    return original ? PyObject_Vectorcall(original.get(), arguments, count, keywords) : nullptr;
  }
  const int fd = PyObject_AsFileDescriptor(poll->epoll);  // raises for a closed one, as poll() does
  if (fd < 0) return nullptr;
  epoll_event events[kMaxEvents];
  const int found = Wait(poll, fd, events, most, milliseconds);
  if (found < 0) return nullptr;
  Ref list = Ref::Own(PyList_New(found));
  if (!list) return nullptr;
  for (int i = 0; i < found; ++i) {
    PyObject* event = Py_BuildValue("iI", events[i].data.fd, events[i].events);
    if (event == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), i, event);
  }
  return list.Release();
}

void DeallocPoll(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_CLEAR(reinterpret_cast<Poll*>(self)->epoll);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef g_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Poll, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyType_Slot g_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(DeallocPoll)},
                         {Py_tp_members, g_members},
                         {0, nullptr}};
PyType_Spec g_spec = {"fletbridge.accelerate.Poll", sizeof(Poll), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, g_slots};

PyObject* MakePoll(PyObject*, PyObject* epoll) {
  static PyTypeObject* const type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_spec));
  if (type == nullptr) return nullptr;
  auto* made = PyObject_New(Poll, type);
  if (made == nullptr) return nullptr;
  made->vectorcall = CallPoll;
  made->epoll = Py_NewRef(epoll);
  made->since = 0;
  return reinterpret_cast<PyObject*>(made);
}

PyObject* AskOriginal(PyObject* original, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords) {
  return PyObject_Vectorcall(original, arguments, static_cast<std::size_t>(count), keywords);
}

// socket.recv(size): what is there already, without letting go of the interpreter. Anything else,
// such as nothing there or an error, is the original's.
PyObject* Receive(PyObject* original, PyObject* const* arguments, Py_ssize_t count,
                  PyObject* keywords) {
  constexpr std::size_t kFew = 16 << 10;
  if (count != 2 || keywords != nullptr || !PyLong_CheckExact(arguments[1])) {
    return AskOriginal(original, arguments, count, keywords);
  }
  int overflow = 0;
  const long long size = PyLong_AsLongLongAndOverflow(arguments[1], &overflow);
  const int fd = overflow == 0 && size > 0 ? PyObject_AsFileDescriptor(arguments[0]) : -1;
  if (fd < 0) {
    PyErr_Clear();
    return AskOriginal(original, arguments, count, keywords);
  }
  char few[kFew];
  const auto asked = static_cast<std::size_t>(size);
  const ssize_t got = recv(fd, few, asked < kFew ? asked : kFew, MSG_DONTWAIT);
  if (got < 0) return AskOriginal(original, arguments, count, keywords);
  if (static_cast<std::size_t>(got) < kFew || asked == kFew) {
    return PyBytes_FromStringAndSize(few, got);
  }
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(asked));
  if (bytes == nullptr) {  // nothing that has come may be lost
    PyErr_Clear();
    return PyBytes_FromStringAndSize(few, got);
  }
  std::memcpy(PyBytes_AS_STRING(bytes), few, kFew);
  const ssize_t more = recv(fd, PyBytes_AS_STRING(bytes) + kFew, asked - kFew, MSG_DONTWAIT);
  _PyBytes_Resize(&bytes, static_cast<Py_ssize_t>(kFew) + (more > 0 ? more : 0));
  return bytes;
}

// socket.send(data): as much as there is room for, without letting go of the interpreter.
PyObject* Send(PyObject* original, PyObject* const* arguments, Py_ssize_t count,
               PyObject* keywords) {
  if (count != 2 || keywords != nullptr) return AskOriginal(original, arguments, count, keywords);
  const int fd = PyObject_AsFileDescriptor(arguments[0]);
  Py_buffer data{};
  if (fd < 0 || PyObject_GetBuffer(arguments[1], &data, PyBUF_SIMPLE) < 0) {
    PyErr_Clear();
    return AskOriginal(original, arguments, count, keywords);
  }
  const ssize_t sent =
      send(fd, data.buf, static_cast<std::size_t>(data.len), MSG_DONTWAIT | MSG_NOSIGNAL);
  PyBuffer_Release(&data);
  if (sent < 0) return AskOriginal(original, arguments, count, keywords);
  return PyLong_FromSsize_t(sent);
}

// Whether the interval can be lowered in this Python.
PyObject* SetUp(PyObject*, PyObject*) {
#if PY_VERSION_HEX < 0x030c0000
  Interval found;
  found.get =
      reinterpret_cast<unsigned long (*)()>(dlsym(RTLD_DEFAULT, "_PyEval_GetSwitchInterval"));
  found.set =
      reinterpret_cast<void (*)(unsigned long)>(dlsym(RTLD_DEFAULT, "_PyEval_SetSwitchInterval"));
  if (found.get != nullptr && found.set != nullptr && g_interval.set == nullptr &&
      pthread_atfork(nullptr, nullptr, ForgetInChild) == 0) {
    g_interval = found;
  }
#endif
  return PyBool_FromLong(g_interval.set != nullptr ? 1 : 0);
}

PyMethodDef g_methods[] = {{"set_up_switching", SetUp, METH_NOARGS, nullptr},
                           {"make_poll", MakePoll, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

#endif

}  // namespace

bool AddSwitching(PyObject* module) {
#ifdef __linux__
  return PyModule_AddFunctions(module, g_methods) == 0 &&
         AddReplacement(module, "socket_recv", Receive) &&
         AddReplacement(module, "socket_send", Send);
#else
  return module != nullptr;
#endif
}

}  // namespace fletbridge::accelerate
