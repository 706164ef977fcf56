#include "common/platform/wake_up.h"

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

namespace fletbridge::platform {

WakeUp::WakeUp(Reader reader) noexcept
    : read_(::eventfd(0, EFD_CLOEXEC | (reader == Reader::kLoop ? EFD_NONBLOCK : 0))) {}

void WakeUp::Signal() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(read_.get(), &one, sizeof one);
}

void WakeUp::Clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(read_.get(), &count, sizeof count);
}

void WakeUp::Wait() noexcept {
  std::uint64_t count = 0;
  while (::read(read_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace fletbridge::platform
