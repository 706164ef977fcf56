#include "common/process/runtime_dir.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "common/platform/self.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "fletbridge-";
constexpr const char* kLockName = "lock";
// The lock until it is held: nobody ever sees one of the real name that is free for a moment.
constexpr const char* kNewLockName = "lock.new";
constexpr std::size_t kRandomPart = 6;  // of mkdtemp()
// What a start that was killed in its first microseconds leaves. One that was only held up there
// notices, and begins anew.
constexpr std::time_t kDeadWithoutLock = 60;  // seconds
constexpr int kAttempts = 8;
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
  for (std::string& folder : platform::TemporaryFolders()) {
    if (IsPlain(folder)) bases.push_back(std::move(folder));
  }
  return bases;
}

// The lock goes last, so that what is left half removed is found again.
void RemoveFolder(const std::string& path) noexcept try {
  std::error_code ignored;
  std::vector<fs::path> content;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename();
    if (name != kLockName) content.push_back(entry.path());
  }
  for (const fs::path& one : content) fs::remove_all(one, ignored);
  ::unlink((path + "/" + kLockName).c_str());
  ::rmdir(path.c_str());
} catch (const std::exception&) {  // no memory: the next run will
}

bool IsOld(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && info.st_mtime + kDeadWithoutLock < ::time(nullptr);
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
    const std::string path = entry.path();
    const auto open_lock = [&](const char* lock) {
      return UniqueFd(::open((path + "/" + lock).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    };
    UniqueFd lock = open_lock(kLockName);
    if (!lock && IsOld(path + "/" + kNewLockName)) lock = open_lock(kNewLockName);
    if (lock) {
      if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) RemoveFolder(path);
    } else if (name.size() == kPrefix.size() + kRandomPart && IsOld(path)) {
      ::rmdir(path.c_str());  // which removes an empty one only
    }
  }
}

}  // namespace

Result<RuntimeDir> RuntimeDir::Create() {
  std::string last;
  for (const std::string& base : Bases()) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      RuntimeDir dir;
      dir.path_ = base + "/" + std::string(kPrefix) + "XXXXXX";
      if (::mkdtemp(dir.path_.data()) == nullptr) {
        last = base + ": " + std::strerror(errno);
        dir.path_.clear();
        break;
      }
      const std::string lock = dir.File(kNewLockName);
      dir.lock_.reset(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_EXCL, 0600));
      if (dir.lock_ && ::flock(dir.lock_.get(), LOCK_EX | LOCK_NB) == 0 &&
          ::rename(lock.c_str(), dir.File(kLockName).c_str()) == 0) {
        Sweep(base);
        return dir;
      }
      last = dir.path_ + ": " + std::strerror(errno);
    }
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
  RemoveFolder(path_);
  path_.clear();
  lock_.reset();
}

}  // namespace fletbridge
