#include "tests/dart_bridge/abi.h"

#include <dlfcn.h>
#include <stdexcept>
#include <string>

namespace fletbridge::bridge_test {
namespace {

template <class Function>
void Find(const Bridge& bridge, const char* name, Function& function) {
  function = reinterpret_cast<Function>(bridge.Symbol(name));
}

template <class Function>
void Need(const Bridge& bridge, const char* name, Function& function) {
  Find(bridge, name, function);
  if (function == nullptr) throw std::runtime_error(std::string("the library lacks ") + name);
}

}  // namespace

Bridge::Bridge(const char* path) : handle(::dlopen(path, RTLD_LAZY | RTLD_LOCAL)) {
  if (handle == nullptr) throw std::runtime_error(std::string("cannot open it: ") + ::dlerror());
  Need(*this, "DartBridge_InitDartApiDL", init);
  Need(*this, "DartBridge_EnqueueMessage", enqueue);
  Need(*this, "serious_python_run", run);
  Need(*this, "serious_python_register_extension", register_extension);
  Need(*this, "serious_python_request_stop", request_stop);
  Need(*this, "serious_python_finalize", finalize);
  Need(*this, "dart_bridge_clear_handlers", clear_handlers);
  Need(*this, "dart_bridge_is_python_initialized", is_initialized);
  Need(*this, "dart_bridge_signal_dart_session", signal);
  Need(*this, "dart_bridge_install_stdio_redirect", install_redirect);
  Find(*this, "serious_python_is_mp_invocation", is_mp_invocation);
  Find(*this, "serious_python_main", main);
  Find(*this, "serious_python_hard_exit", hard_exit);
}

void* Bridge::Symbol(const char* name) const { return ::dlsym(handle, name); }

}  // namespace fletbridge::bridge_test
