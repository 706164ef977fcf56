#include "common/platform/signals.h"

#include <atomic>
#include <pthread.h>
#include <thread>
#include <utility>

#include "common/platform/posix/pipe.h"
#include "common/platform/threads.h"

namespace fletbridge::platform {
namespace {

// The system does not say who has sent it. The one that people send from a terminal is Ctrl-C, to
// the group in front.
bool IsFromTerminal(int number) {
  return number == SIGINT && ::isatty(STDIN_FILENO) == 1 &&
         ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

int OneOf(const sigset_t& signals) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD}) {
    if (sigismember(&signals, number) == 1) return number;
  }
  return 0;
}

}  // namespace

struct SignalReader::Impl {
  explicit Impl(const sigset_t& blocked) : signals(blocked), pipe(MakePipe()) {
    if (!pipe.read || OneOf(signals) == 0) return;
    waiter = StartWithoutSignals([this] { Wait(); });
  }
  ~Impl() {
    if (!waiter.joinable()) return;
    stop.store(true);
    ::pthread_kill(waiter.native_handle(), OneOf(signals));
    waiter.join();
  }

  void Wait() noexcept {
    for (int number = 0; ::sigwait(&signals, &number) == 0 && !stop.load();) {
      const unsigned char byte = static_cast<unsigned char>(number);
      while (::write(pipe.write.get(), &byte, 1) < 0 && errno == EINTR) {
      }
    }
  }

  const sigset_t signals;
  Pipe pipe;
  std::atomic<bool> stop{false};
  std::thread waiter;
};

SignalReader::SignalReader(const sigset_t& blocked) : impl_(new Impl(blocked)) {}
SignalReader::~SignalReader() = default;

int SignalReader::fd() const noexcept { return impl_->pipe.read.get(); }

std::optional<TakenSignal> SignalReader::Take() const noexcept {
  unsigned char number = 0;
  if (::read(impl_->pipe.read.get(), &number, 1) != 1) return std::nullopt;
  return TakenSignal{number, IsFromTerminal(number)};
}

}  // namespace fletbridge::platform
