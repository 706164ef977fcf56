// Room: src/compare. Tells when a file is opened by anybody, from outside: Python opens an app's
// script when it has started and before it runs it.
#pragma once

#include <string>
#include <sys/inotify.h>

#include "common/base/unique_fd.h"

namespace fletbridge::compare {

class FirstOpen {
 public:
  // Of no file: fd() is -1, as it is where the kernel cannot tell.
  explicit FirstOpen(const std::string& file) {
    if (file.empty()) return;
    fd_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (fd_ && ::inotify_add_watch(fd_.get(), file.c_str(), IN_OPEN) < 0) fd_.reset();
  }
  // Readable once it was opened.
  [[nodiscard]] int fd() const { return fd_ ? fd_.get() : -1; }

 private:
  UniqueFd fd_;
};

}  // namespace fletbridge::compare
