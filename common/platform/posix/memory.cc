#include "common/platform/memory.h"

#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include "common/platform/self.h"

namespace fletbridge::platform {

// A file that has lost its name: memory by shm_open() cannot be read() everywhere.
UniqueFd MakeMemory(const char*) noexcept try {
  for (const std::string& folder : TemporaryFolders()) {
    std::string path = folder + "/fletbridge-memory-XXXXXX";
    UniqueFd file(::mkstemp(path.data()));
    if (!file) continue;
    ::unlink(path.c_str());
    ::fcntl(file.get(), F_SETFD, FD_CLOEXEC);
    return file;
  }
  return {};
} catch (...) {  // no memory
  return {};
}

UniqueFd MakeFixedMemory(const char* name, std::size_t bytes) noexcept {
  UniqueFd memory = MakeMemory(name);
  if (memory && ::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) return {};
  return memory;
}

}  // namespace fletbridge::platform
