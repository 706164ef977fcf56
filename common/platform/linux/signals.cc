#include "common/platform/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

struct SignalReader::Impl {
  UniqueFd fd;
};

SignalReader::SignalReader(const sigset_t& blocked)
    : impl_(new Impl{UniqueFd(::signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK))}) {}
SignalReader::~SignalReader() = default;

int SignalReader::fd() const noexcept { return impl_->fd.get(); }

std::optional<TakenSignal> SignalReader::Take() const noexcept {
  signalfd_siginfo info{};
  if (::read(impl_->fd.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return TakenSignal{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

}  // namespace fletbridge::platform
