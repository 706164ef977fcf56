#include "common/platform/threads.h"

#include <csignal>
#include <utility>

namespace fletbridge::platform {

std::thread StartWithoutSignals(std::function<void()> run) {
  struct Held {
    Held() {
      sigset_t all;
      sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Held() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before;
  };
  const Held held;
  return std::thread(std::move(run));
}

void AllowInterrupt() noexcept {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  ::pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
}

SignalHandler InterruptHandler() noexcept {
  struct sigaction now {};
  ::sigaction(SIGINT, nullptr, &now);
  return now.sa_handler;
}

void InterruptThread(pthread_t thread) noexcept { ::pthread_kill(thread, SIGINT); }

void OnFork(void (*in_child)()) noexcept { ::pthread_atfork(nullptr, nullptr, in_child); }

}  // namespace fletbridge::platform
