#include "common/python/api.h"

#include <cstring>

#include "common/platform/library.h"

namespace fletbridge {
namespace {

PyApi g_api;

template <class Pointer>
bool Find(void* library, const char* name, Pointer& to) {
  to = reinterpret_cast<Pointer>(platform::FindSymbol(library, name));
  return to != nullptr;
}

}  // namespace

Result<> LoadPyApi(const std::string& libpython) {
  const bool is_here = libpython.empty();
  std::string why;
  void* library = is_here ? nullptr : platform::OpenLibrary(libpython, why);
  if (!is_here && library == nullptr)
    return MakeError(Errc::kSetup, "cannot open libpython: " + why);
  // Its objects have another shape than those that we and our table were compiled for.
  const auto version =
      reinterpret_cast<const char* (*)()>(platform::FindSymbol(library, "Py_GetVersion"));
  if (version != nullptr && std::strstr(version(), "free-threading build") != nullptr) {
    return MakeError(Errc::kSetup, (is_here ? std::string("this interpreter") : libpython) +
                                       " is a free-threaded build; one with the GIL is needed");
  }
  const char* missing = nullptr;
#define FLETBRIDGE_PY_FIND(name) \
  if (!Find(library, #name, g_api.name)) missing = #name;
  FLETBRIDGE_PY_FUNCTIONS(FLETBRIDGE_PY_FIND)
#undef FLETBRIDGE_PY_FIND
  if (!Find(library, "_Py_NoneStruct", g_api.none)) missing = "_Py_NoneStruct";
  if (!Find(library, "PyBytes_Type", g_api.bytes_type)) missing = "PyBytes_Type";
  if (!Find(library, "PyExc_RuntimeError", g_api.runtime_error)) missing = "PyExc_RuntimeError";
  if (!Find(library, "PyExc_TypeError", g_api.type_error)) missing = "PyExc_TypeError";
  if (!Find(library, "PyExc_SystemExit", g_api.system_exit)) missing = "PyExc_SystemExit";
  if (!Find(library, "PyExc_KeyboardInterrupt", g_api.keyboard_interrupt))
    missing = "PyExc_KeyboardInterrupt";
  if (missing != nullptr) {
    return MakeError(Errc::kSetup, (is_here ? std::string("this interpreter") : libpython) +
                                       " lacks " + missing + "; CPython 3.10 to 3.14 is needed");
  }
  return {};
}

const PyApi& Py() noexcept { return g_api; }

PyRef PyRef::Share(PyObject* object) noexcept {
  if (object != nullptr) Py().Py_IncRef(object);
  return PyRef(object);
}

void PyRef::GiveBack(PyObject* object) noexcept { Py().Py_DecRef(object); }

}  // namespace fletbridge
