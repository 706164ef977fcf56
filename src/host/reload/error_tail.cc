#include "src/host/reload/error_tail.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/platform/self.h"
#include "common/platform/threads.h"
#include "common/process/surroundings.h"

namespace fletbridge::reload {
namespace {

constexpr std::size_t kKept = 8 * 1024;

struct Ends {
  UniqueFd read, write;
};

Ends Pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Takes what is written as it is, and is as wide as the one that we have.
Ends Terminal() {
  Ends ends{UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)), {}};
  char name[64];
  if (!ends.read || ::grantpt(ends.read.get()) != 0 || ::unlockpt(ends.read.get()) != 0 ||
      ::ptsname_r(ends.read.get(), name, sizeof name) != 0) {
    return {};
  }
  ends.write.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios mode{};
  if (!ends.write || ::tcgetattr(ends.write.get(), &mode) != 0) return {};
  ::cfmakeraw(&mode);
  ::tcsetattr(ends.write.get(), TCSANOW, &mode);
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(ends.write.get(), TIOCSWINSZ, &size);
  return ends;
}

// Whatever becomes of our own standard error, the app's is read.
void PassOn(const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(STDERR_FILENO, bytes, size);
    if (written < 0 && errno == EAGAIN) {  // who shares it with us wants it so
      pollfd out{STDERR_FILENO, POLLOUT, 0};
      ::poll(&out, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return;
    } else if (written > 0) {
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
  }
}

}  // namespace

struct ErrorTail::Shared {
  void Run() {
    platform::NameThread("fletbridge-err");
    char bytes[4096];
    while (true) {
      pollfd in{read.get(), POLLIN, 0};
      if (::poll(&in, 1, -1) < 0 && errno != EINTR) return;
      std::unique_lock lock(mutex);
      const ssize_t size = ::read(read.get(), bytes, sizeof bytes);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      text.append(bytes, static_cast<std::size_t>(size));
      if (text.size() > kKept) text.erase(0, text.size() - kKept);
      writing = true;
      lock.unlock();
      PassOn(bytes, static_cast<std::size_t>(size));
      lock.lock();
      writing = false;
    }
  }
  bool IsRead() {
    const std::lock_guard lock(mutex);
    int left = 0;
    return !writing && ::ioctl(read.get(), FIONREAD, &left) == 0 && left == 0;
  }

  UniqueFd read;
  std::mutex mutex;  // the rest; never held while somebody else is waited for
  std::string text;
  bool writing = false;
};

std::unique_ptr<ErrorTail> ErrorTail::Make() {
  if (HeldStreams().find('2') != std::string::npos) return nullptr;
  Ends ends = ::isatty(STDERR_FILENO) != 0 ? Terminal() : Ends{};
  if (!ends.write) ends = Pipe();
  if (!ends.write) return nullptr;
  auto shared = std::make_shared<Shared>();
  shared->read = std::move(ends.read);
  try {
    platform::StartWithoutSignals([shared] { shared->Run(); }).detach();
  } catch (const std::exception&) {
    return nullptr;
  }
  return std::unique_ptr<ErrorTail>(new ErrorTail(std::move(ends.write), std::move(shared)));
}

ErrorTail::~ErrorTail() = default;

void ErrorTail::Begin() {
  const std::lock_guard lock(shared_->mutex);
  shared_->text.clear();
}

bool ErrorTail::IsRead() const { return shared_->IsRead(); }

std::string ErrorTail::Text() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->text;
}

void ErrorTail::Flush(std::chrono::milliseconds at_most) const {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!IsRead() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace fletbridge::reload
