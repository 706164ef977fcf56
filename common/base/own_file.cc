#include "common/base/own_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "common/platform/self.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 16;
// A stream's reader may stand still for so long.
constexpr int kStreamPatience_ms = 5000;

Error Refused(std::string why) { return MakeError(Errc::kUsage, std::move(why)); }

Error Failed(int number) {
  const boost::system::error_code code(number, boost::system::system_category());
  const bool place = number == EISDIR || number == EACCES || number == EPERM || number == ENOENT ||
                     number == ENOTDIR || number == ENAMETOOLONG;
  return place ? Refused(code.message()) : Error{code, code.message()};
}

// /dev/stdout, /dev/fd/N and the like: the descriptor itself is meant. To open it once more would
// begin a file anew, and a socket cannot be opened.
std::optional<int> DescriptorOf(const std::string& path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    int fd = -1;
    const char* end = path.data() + path.size();
    const auto read = std::from_chars(path.data() + folder.size(), end, fd);
    if (read.ec == std::errc{} && read.ptr == end) return fd;
  }
  return std::nullopt;
}

// A folder that stays the same one, and a name in it.
struct Place {
  UniqueFd folder;
  struct stat folder_info {};
  std::string folder_path;
  std::string name;

  [[nodiscard]] std::string path() const {
    return folder_path == "." ? name : (fs::path(folder_path) / name).string();
  }
};

Result<Place> PlaceOf(const std::string& path) {
  const fs::path whole(path);
  Place place;
  place.name = whole.filename();
  place.folder_path = whole.has_parent_path() ? whole.parent_path().string() : ".";
  if (path.empty()) return Refused("it has no name");
  if (place.name.empty() || place.name == "." || place.name == "..")
    return Refused("it is a folder");
  place.folder.reset(platform::OpenAsName(place.folder_path.c_str(), O_DIRECTORY));
  if (!place.folder) {
    const int why = errno;
    return why == ENOENT || why == ENOTDIR ? Refused("there is no folder " + place.folder_path)
                                           : Failed(why);
  }
  if (::fstat(place.folder.get(), &place.folder_info) != 0) return Failed(errno);
  return place;
}

// Whether the entry belongs to us or to root, or nobody else could have put it into the folder.
bool IsTrusted(const struct stat& folder, const struct stat& entry) {
  const auto known = [](uid_t user) { return user == ::geteuid() || user == 0; };
  return known(entry.st_uid) || (known(folder.st_uid) && (folder.st_mode & 022) == 0);
}

struct Found {
  Place place;
  OwnFileKind kind = OwnFileKind::kNew;
};

Result<Found> Find(const std::string& path, int links = 0) {
  Result<Place> place = PlaceOf(path);
  if (!place) return place.error();
  struct stat info {};
  if (::fstatat(place->folder.get(), place->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return Failed(errno);
    return Found{std::move(*place), OwnFileKind::kNew};
  }
  const bool trusted = IsTrusted(place->folder_info, info);
  switch (info.st_mode & S_IFMT) {
    case S_IFDIR:
      return Refused("it is a folder");
    case S_IFREG:
      // In a folder without the sticky bit whoever writes there may replace what is there.
      if (info.st_uid != ::geteuid() && (place->folder_info.st_mode & S_ISVTX) != 0)
        return Refused("it belongs to another user");
      return Found{std::move(*place), OwnFileKind::kFile};
    case S_IFLNK: {
      if (!trusted) return Refused("it is a link that another user has made");
      if (links == kMostLinks) return Failed(ELOOP);
      std::string target(PATH_MAX, '\0');
      const ssize_t size =
          ::readlinkat(place->folder.get(), place->name.c_str(), target.data(), target.size());
      if (size <= 0) return Failed(size < 0 ? errno : ENOENT);
      target.resize(static_cast<std::size_t>(size));
      return Find((fs::path(place->folder_path) / target).string(), links + 1);
    }
    case S_IFIFO:
    case S_IFCHR:
      if (!trusted) return Refused("it belongs to another user");
      return Found{std::move(*place), OwnFileKind::kStream};
    default:
      return Refused("it is no file");
  }
}

Result<UniqueFd> OpenStream(const Place& place) {
  // Without waiting for a reader; as the writer is to wait afterwards, it says for itself.
  UniqueFd fd(::openat(place.folder.get(), place.name.c_str(),
                       O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    const int why = errno;
    return why == ENXIO ? Refused("nobody reads it") : Failed(why);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Failed(errno);
  // It may have been exchanged since.
  if (!S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode)) return Refused("it has just changed");
  if (!IsTrusted(place.folder_info, info)) return Refused("it belongs to another user");
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  return fd;
}

Result<UniqueFd> CreateIn(const Place& place, const std::string& name, unsigned mode) {
  UniqueFd fd(::openat(place.folder.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) {
    const int why = errno;
    return why == EEXIST ? Refused("somebody else has just made it") : Failed(why);
  }
  return fd;
}

Result<UniqueFd> Duplicate(int descriptor) {
  UniqueFd fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
  if (!fd) return Failed(errno);
  if ((::fcntl(fd.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) return Failed(EACCES);
  return fd;
}

// 0 or the errno of what failed.
int WriteAll(int fd, std::string_view text, bool stream) {
  while (!text.empty()) {
    if (stream) {
      pollfd ready{fd, POLLOUT, 0};
      const int n = ::poll(&ready, 1, kStreamPatience_ms);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno;
      if (n == 0) return ETIMEDOUT;
    }
    // A pipe that can be written to takes so much without waiting.
    const ssize_t n = ::write(fd, text.data(),
                              stream ? std::min<std::size_t>(text.size(), PIPE_BUF) : text.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

// A reader that has gone is an error of the write, not the end of the process.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    waits_already_ = Waits();
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    if (int taken = 0; !waits_already_ && Waits()) ::sigwait(&pipe_, &taken);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  static bool Waits() {
    sigset_t pending;
    sigemptyset(&pending);
    return ::sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
  }

  sigset_t pipe_{};
  sigset_t before_{};
  bool waits_already_ = false;
};

Result<> WriteStream(Result<UniqueFd> fd, std::string_view text) {
  if (!fd) return fd.error();
  const NoSigpipe guard;
  if (const int failed = WriteAll(fd->get(), text, true); failed != 0) return Failed(failed);
  return {};
}

}  // namespace

Result<OwnFile> LookAtOwnFile(const std::string& path) {
  if (const auto descriptor = DescriptorOf(path)) {
    Result<UniqueFd> fd = Duplicate(*descriptor);
    if (!fd) return fd.error();
    return OwnFile{OwnFileKind::kStream, path};
  }
  const Result<Found> found = Find(path);
  if (!found) return found.error();
  const Place& place = found->place;
  const bool may = found->kind == OwnFileKind::kStream
                       ? ::faccessat(place.folder.get(), place.name.c_str(), W_OK, AT_EACCESS) == 0
                       : ::faccessat(place.folder.get(), ".", W_OK | X_OK, AT_EACCESS) == 0;
  if (!may) return Failed(errno);
  return OwnFile{found->kind, place.path()};
}

Result<UniqueFd> CreateOwnFile(const std::string& path, unsigned mode) {
  if (const auto descriptor = DescriptorOf(path)) return Duplicate(*descriptor);
  const Result<Found> found = Find(path);
  if (!found) return found.error();
  const Place& place = found->place;
  if (found->kind == OwnFileKind::kStream) return OpenStream(place);
  if (found->kind == OwnFileKind::kFile &&
      ::unlinkat(place.folder.get(), place.name.c_str(), 0) != 0 && errno != ENOENT)
    return Failed(errno);
  return CreateIn(place, place.name, mode);
}

Result<> WriteOwnFile(const std::string& path, std::string_view text, unsigned mode) {
  if (const auto descriptor = DescriptorOf(path)) return WriteStream(Duplicate(*descriptor), text);
  const Result<Found> found = Find(path);
  if (!found) return found.error();
  const Place& place = found->place;
  if (found->kind == OwnFileKind::kStream) return WriteStream(OpenStream(place), text);
  const std::string part = ".fletbridge-" + std::to_string(::getpid()) + "-" +
                           std::to_string(platform::ThreadNumber()) + ".tmp";
  ::unlinkat(place.folder.get(), part.c_str(), 0);  // of a dead one with our number
  Result<UniqueFd> file = CreateIn(place, part, mode);
  if (!file) return file.error();
  int failed = WriteAll(file->get(), text, false);
  // A full disk may tell only then.
  if (failed == 0 && ::fsync(file->get()) != 0 && errno != EINVAL && errno != EROFS) failed = errno;
  file->reset();
  if (failed == 0 &&
      ::renameat(place.folder.get(), part.c_str(), place.folder.get(), place.name.c_str()) != 0)
    failed = errno;
  if (failed == 0) return {};
  ::unlinkat(place.folder.get(), part.c_str(), 0);
  return Failed(failed);
}

}  // namespace fletbridge
