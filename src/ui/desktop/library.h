// Room: src/ui/desktop. Shared libraries opened at run time, and their functions. Never closed,
// since GTK and the engine do not support that.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::desktop {

class Library {
 public:
  // `path`: a path, or a name that the system looks up. The library's symbols are not made global
  // (RTLD_LOCAL), since an app's extension modules may load other libraries with the same symbols.
  [[nodiscard]] static Result<Library> Open(const std::string& path);

  // The symbol of this library or of one that it depends on; null if there is none.
  [[nodiscard]] void* Find(const char* name) const;
  // The names of functions that the library itself defines and that end with `end`.
  [[nodiscard]] std::vector<std::string> NamesEndingWith(std::string_view end) const;

 private:
  explicit Library(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace fletbridge::desktop
