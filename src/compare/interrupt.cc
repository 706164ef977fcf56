#include "src/compare/interrupt.h"

namespace fletbridge::compare {

Interrupt::Interrupt() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  reader_.emplace(set);
}

Interrupt::~Interrupt() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int Interrupt::signal() const {
  const std::optional<platform::TakenSignal> taken = reader_->Take();
  return taken ? taken->number : 0;
}

}  // namespace fletbridge::compare
