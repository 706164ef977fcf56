#include "common/platform/self.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <pthread.h>
#ifdef __APPLE__
#include <cstdint>
#include <mach-o/dyld.h>
#endif

namespace fletbridge::platform {

std::string OwnProgram() {
#ifdef __APPLE__
  std::string path(4096, '\0');
  std::uint32_t size = static_cast<std::uint32_t>(path.size());
  if (_NSGetExecutablePath(path.data(), &size) == 0) return path.c_str();
#endif
  return {};
}

std::optional<std::chrono::duration<double>> Age() noexcept { return std::nullopt; }

std::vector<std::string> TemporaryFolders() {
  std::vector<std::string> folders;
  if (const char* value = std::getenv("TMPDIR")) folders.emplace_back(value);
  folders.emplace_back("/tmp");
  return folders;
}

void NameThread([[maybe_unused]] const char* name) noexcept {
#ifdef __APPLE__
  ::pthread_setname_np(name);
#endif
}

void GiveWay() noexcept {}

unsigned long ThreadNumber() noexcept {
  static std::atomic<unsigned long> last{0};
  thread_local const unsigned long number = ++last;
  return number;
}

// What is opened by such a system's /dev/fd shares its flags with the first one.
int OpenToWriteAtOnce(int) noexcept {
  errno = ENOTSUP;
  return -1;
}

int OpenAsName(const char* path, int flags) noexcept {
  return ::open(path, O_RDONLY | O_CLOEXEC | flags);
}

}  // namespace fletbridge::platform
