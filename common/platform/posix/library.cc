#include "common/platform/library.h"

#include <dlfcn.h>
#ifdef __APPLE__
#include <cstdint>
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif

namespace fletbridge::platform {

void* OpenLibrary(const std::string& path, std::string& why) {
  void* library = ::dlopen(path.empty() ? nullptr : path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) why = ::dlerror();
  return library;
}

void* FindSymbol(void* library, const char* name) noexcept {
  return ::dlsym(library != nullptr ? library : RTLD_DEFAULT, name);
}

std::vector<std::string> OpenLibraries() {
  std::vector<std::string> paths;
#ifdef __APPLE__
  for (std::uint32_t i = 0; i < ::_dyld_image_count(); ++i) {
    if (const char* name = ::_dyld_get_image_name(i)) paths.emplace_back(name);
  }
#else
  const auto add = [](dl_phdr_info* info, std::size_t, void* to) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(
        info->dlpi_name != nullptr ? info->dlpi_name : "");
    return 0;
  };
  ::dl_iterate_phdr(add, &paths);
#endif
  return paths;
}

std::string LibraryOf(const void* function) {
  Dl_info info{};
  return ::dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

}  // namespace fletbridge::platform
