#include "common/platform/file_watch.h"

#include <cerrno>

namespace fletbridge::platform {

UniqueFd WatchFile(const std::string&, FileEvent) noexcept {
  errno = ENOTSUP;
  return {};
}

void TakeFileEvents(int) noexcept {}

}  // namespace fletbridge::platform
