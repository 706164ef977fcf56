#include "src/stage3/bytes_object.h"

#include <cstdlib>
#include <cstring>

#include "common/python/api.h"

namespace fletbridge::stage3 {
namespace {

// A smaller copy costs less than releasing and acquiring the GIL.
constexpr std::size_t kReleaseGilBytes = 64 * 1024;

bool g_may_adopt = false;  // under the GIL

// The header's members, as in Include/cpython/bytesobject.h.
constexpr std::size_t kTypeAt = 8;
constexpr std::size_t kSizeAt = 16;
constexpr std::size_t kHashAt = 24;
constexpr Py_ssize_t kNoHash = -1;

template <class Value>
Value ReadAt(const char* object, std::size_t offset) {
  Value value;
  std::memcpy(&value, object + offset, sizeof value);
  return value;
}

PyObject* Adopt(Payload& payload) {
  const auto size = static_cast<Py_ssize_t>(payload.size());
  auto* block = static_cast<char*>(payload.ReleaseBlock());
  std::memcpy(block + kHashAt, &kNoHash, sizeof kNoHash);
  return reinterpret_cast<PyObject*>(
      Py().PyObject_InitVar(reinterpret_cast<PyVarObject*>(block),
                            reinterpret_cast<PyTypeObject*>(Py().bytes_type), size));
}

}  // namespace

PyObject* MakeBytes(Payload& payload, std::span<const std::byte> prefix, std::size_t skip) {
  const std::size_t before = prefix.size();
  if (g_may_adopt && payload.may_become_object() && before == 0 && skip == 0) return Adopt(payload);
  const std::size_t size = payload.size() - skip;
  PyObject* bytes = Py().PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size + before));
  if (bytes == nullptr) return nullptr;
  char* to = Py().PyBytes_AsString(bytes);
  if (before != 0) std::memcpy(to, prefix.data(), before);
  const std::byte* from = payload.data() + skip;
  if (size < kReleaseGilBytes) {
    if (size != 0) std::memcpy(to + before, from, size);
  } else {
    PyThreadState* thread = Py().PyEval_SaveThread();
    std::memcpy(to + before, from, size);
    Py().PyEval_RestoreThread(thread);
  }
  return bytes;
}

bool LearnBytesLayout() {
  g_may_adopt = false;
  // With these, debug hooks of the allocators put their own headers before objects.
  for (const char* variable : {"PYTHONMALLOC", "PYTHONDEVMODE", "PYTHONTRACEMALLOC"}) {
    if (std::getenv(variable) != nullptr) return false;
  }
  constexpr Py_ssize_t kSize = 2 * Py_ssize_t{Payload::kSmallestObject};
  const PyRef sample = PyRef::Own(Py().PyBytes_FromStringAndSize(nullptr, kSize));
  if (!sample) {
    Py().PyErr_Clear();
    return false;
  }
  const char* object = reinterpret_cast<const char*>(sample.get());
  g_may_adopt = Py().PyBytes_AsString(sample.get()) - object == Py_ssize_t{Payload::kHeaderBytes} &&
                ReadAt<PyObject*>(object, kTypeAt) == Py().bytes_type &&
                ReadAt<Py_ssize_t>(object, kSizeAt) == kSize &&
                ReadAt<Py_ssize_t>(object, kHashAt) == kNoHash;
  return g_may_adopt;
}

}  // namespace fletbridge::stage3
