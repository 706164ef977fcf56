// Room: src/ui/desktop. Shared libraries that are opened at run time, and what is in them. Never
// closed: GTK and the engine do not survive it. Any thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::desktop {

class Library {
 public:
  // With its own names kept to itself: an app's extension modules may bring libraries that have the
  // same ones. `path` is a path or a name that the system looks up.
  [[nodiscard]] static Result<Library> Open(const std::string& path);

  // Null if it is not there; in this library or in one that it needs.
  [[nodiscard]] void* Find(const char* name) const;
  // The functions that the library itself defines and whose names end so.
  [[nodiscard]] std::vector<std::string> NamesEndingWith(std::string_view end) const;

 private:
  explicit Library(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace fletbridge::desktop
