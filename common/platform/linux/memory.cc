#include "common/platform/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fletbridge::platform {

UniqueFd MakeMemory(const char* name) noexcept {
  return UniqueFd(::memfd_create(name, MFD_CLOEXEC));
}

UniqueFd MakeFixedMemory(const char* name, std::size_t bytes) noexcept {
  UniqueFd memory(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return {};
  return memory;
}

}  // namespace fletbridge::platform
