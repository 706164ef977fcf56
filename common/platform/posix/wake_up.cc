#include "common/platform/wake_up.h"

#include <array>
#include <poll.h>
#include <utility>

#include "common/platform/posix/pipe.h"

namespace fletbridge::platform {

WakeUp::WakeUp(Reader) noexcept {
  Pipe made = MakePipe();
  read_ = std::move(made.read);
  write_ = std::move(made.write);
}

// A pipe that is full wakes the reader as it is.
void WakeUp::Signal() noexcept {
  const char one = 1;
  while (::write(write_.get(), &one, 1) < 0 && errno == EINTR) {
  }
}

void WakeUp::Clear() noexcept {
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t n = ::read(read_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < static_cast<ssize_t>(bytes.size())) return;
  }
}

void WakeUp::Wait() noexcept {
  pollfd one{read_.get(), POLLIN, 0};
  while (read_ && ::poll(&one, 1, -1) < 0 && errno == EINTR) {
  }
  Clear();
}

}  // namespace fletbridge::platform
