#include "common/platform/self.h"

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace fletbridge::platform {

std::string OwnProgram() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

std::optional<std::chrono::duration<double>> Age() noexcept {
  char text[1024];
  const int fd = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : ::read(fd, text, sizeof text - 1);
  if (fd >= 0) ::close(fd);
  if (size <= 0) return std::nullopt;
  text[size] = '\0';
  const char* at = std::strrchr(text, ')');  // the name may contain anything
  for (int field = 2; at != nullptr && field < 22; ++field) at = std::strchr(at + 1, ' ');
  timespec booted{};
  if (at == nullptr || ::clock_gettime(CLOCK_BOOTTIME, &booted) != 0) return std::nullopt;
  const double started = std::strtod(at + 1, nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::chrono::duration<double>(static_cast<double>(booted.tv_sec) +
                                       static_cast<double>(booted.tv_nsec) / 1e9 - started);
}

std::vector<std::string> TemporaryFolders() {
  std::vector<std::string> folders;
  for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    if (const char* value = std::getenv(name)) folders.emplace_back(value);
  }
  folders.emplace_back("/tmp");
  return folders;
}

void NameThread(const char* name) noexcept { ::pthread_setname_np(::pthread_self(), name); }

void GiveWay() noexcept {
  constexpr int kLeast = 19;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLeast);
}

unsigned long ThreadNumber() noexcept { return static_cast<unsigned long>(::gettid()); }

int OpenToWriteAtOnce(int fd) noexcept {
  char path[32] = "/proc/self/fd/";
  char digits[16];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + fd % 10);
    fd /= 10;
  } while (fd > 0);
  char* to = path + std::strlen(path);
  while (count > 0) *to++ = digits[--count];
  *to = '\0';
  return ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int OpenAsName(const char* path, int flags) noexcept {
  return ::open(path, O_PATH | O_CLOEXEC | flags);
}

}  // namespace fletbridge::platform
