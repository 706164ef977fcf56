#include "common/process/runtime_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "fletbridge-";
constexpr const char* kLockName = "lock";
// Room for "/app.sock" below Linux's 107 bytes of socket path.
constexpr std::size_t kLongestBase = 80;

// Flet's clients read a socket path as a URI: blanks and the like never connect.
bool IsPlain(const std::string& path) {
  return !path.empty() && path.front() == '/' && path.size() <= kLongestBase &&
         path.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") ==
             std::string::npos;
}

std::vector<std::string> Bases() {
  std::vector<std::string> bases;
  for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && IsPlain(value)) bases.emplace_back(value);
  }
  bases.emplace_back("/tmp");
  return bases;
}

void Sweep(const std::string& base) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(base, error)) {
    const std::string name = entry.path().filename();
    struct stat info {};
    if (!name.starts_with(kPrefix) || ::lstat(entry.path().c_str(), &info) != 0 ||
        !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
      continue;
    }
    UniqueFd lock(::open((entry.path() / kLockName).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    // A folder without a lock file is being made right now, or is not ours.
    if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), error);
  }
}

}  // namespace

Result<RuntimeDir> RuntimeDir::Create() {
  std::string last;
  for (const std::string& base : Bases()) {
    std::string pattern = base + "/" + std::string(kPrefix) + "XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      last = base + ": " + std::strerror(errno);
      continue;
    }
    RuntimeDir dir;
    dir.path_ = pattern;
    dir.lock_.reset(
        ::open(dir.File(kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_EXCL, 0600));
    if (!dir.lock_ || ::flock(dir.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
      last = pattern + ": " + std::strerror(errno);
      continue;
    }
    Sweep(base);
    return dir;
  }
  return MakeError(Errc::kSetup, "cannot make a private folder (" + last +
                                     "); set XDG_RUNTIME_DIR or TMPDIR to a writable folder");
}

RuntimeDir& RuntimeDir::operator=(RuntimeDir&& other) noexcept {
  if (this != &other) {
    Remove();
    path_ = std::move(other.path_);
    other.path_.clear();
    lock_ = std::move(other.lock_);
  }
  return *this;
}

void RuntimeDir::Remove() noexcept {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  path_.clear();
  lock_.reset();
}

}  // namespace fletbridge
