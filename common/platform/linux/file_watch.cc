#include "common/platform/file_watch.h"

#include <cstdint>
#include <sys/inotify.h>
#include <unistd.h>

namespace fletbridge::platform {

UniqueFd WatchFile(const std::string& path, FileEvent event) noexcept {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const std::uint32_t wanted = event == FileEvent::kMadeInFolder ? IN_CREATE : IN_OPEN;
  if (fd && ::inotify_add_watch(fd.get(), path.c_str(), wanted) < 0) fd.reset();
  return fd;
}

void TakeFileEvents(int watch) noexcept {
  alignas(inotify_event) char events[4096];
  while (::read(watch, events, sizeof events) > 0) {
  }
}

}  // namespace fletbridge::platform
