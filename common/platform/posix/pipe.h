// Room: common/platform. A pipe whose ends no other program inherits; pipe2() is not everywhere.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// Neither end waits. Without one both are empty, and errno says why.
inline Pipe MakePipe() noexcept {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  Pipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  for (const int fd : ends) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return made;
}

}  // namespace fletbridge::platform
