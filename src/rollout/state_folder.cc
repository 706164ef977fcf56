#include "src/rollout/state_folder.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

Error Failed(const std::string& what, int number) {
  return Error{{number, boost::system::system_category()}, what + ": " + std::strerror(number)};
}

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

std::string StateFolder(const std::string& xdg_state_home, const std::string& home) {
  if (xdg_state_home.starts_with('/')) return xdg_state_home + "/fletbridge";
  return home.starts_with('/') ? home + "/.local/state/fletbridge" : std::string();
}

Result<> MakeFolder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno == ENOENT) {
    const std::string above = fs::path(folder).parent_path();
    if (above.empty() || above == folder) return Failed("cannot make " + folder, ENOENT);
    if (Result<> made = MakeFolder(above); !made) return made;
    if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  }
  return Failed("cannot make " + folder, errno);
}

Result<std::string> ReadSmallFile(const std::string& path, std::size_t limit_bytes) {
  // Not blocked by a FIFO that somebody has put there.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Failed("cannot read " + path, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Failed("cannot read " + path, errno);
  if (!S_ISREG(info.st_mode))
    return MakeError(Errc::kUsage, "cannot read " + path + ": it is no file");
  std::string content;
  char room[16384];
  while (true) {
    const ssize_t n = ::read(fd.get(), room, sizeof room);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("cannot read " + path, errno);
    if (n == 0) return content;
    content.append(room, static_cast<std::size_t>(n));
    if (content.size() > limit_bytes) {
      return MakeError(Errc::kLimit, "cannot read " + path + ": it is larger than " +
                                         std::to_string(limit_bytes / 1024) + " KiB");
    }
  }
}

Result<> ReplaceFile(const std::string& path, std::string_view content, bool durable,
                     unsigned mode) {
  std::string part = path + ".XXXXXX";
  const UniqueFd fd(::mkostemp(part.data(), O_CLOEXEC));
  if (!fd) return Failed("cannot write " + path, errno);
  const bool written = ::fchmod(fd.get(), mode) == 0 && WriteAll(fd.get(), content) &&
                       (!durable || ::fsync(fd.get()) == 0) &&
                       ::rename(part.c_str(), path.c_str()) == 0;
  if (!written) {
    const int why = errno;
    ::unlink(part.c_str());
    return Failed("cannot write " + path, why);
  }
  if (durable) {
    // The name as well, not the content alone.
    const UniqueFd folder(
        ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder) ::fsync(folder.get());
  }
  return {};
}

}  // namespace fletbridge
