#include "common/platform/signals.h"

#include <chrono>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fletbridge::platform {
namespace {

constexpr std::chrono::milliseconds kDeadline{20'000};

// Each in a process of its own with one thread: what is blocked stays blocked.
template <class Body>
void InChild(const Body& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(40);
    ::_exit(body());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the step that failed";
}

sigset_t Block(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

bool Waits(const SignalReader& reader) {
  pollfd one{reader.fd(), POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(kDeadline.count())) == 1;
}

TEST(SignalReader, GivesWhatAnotherProcessHasSent) {
  InChild([] {
    const SignalReader reader(Block({SIGINT, SIGTERM}));
    if (reader.fd() < 0) return 1;
    if (reader.Take()) return 2;
    ::kill(::getpid(), SIGTERM);
    if (!Waits(reader)) return 3;
    const std::optional<TakenSignal> taken = reader.Take();
    if (!taken || taken->number != SIGTERM || taken->from_terminal) return 4;
    return reader.Take() ? 5 : 0;
  });
}

TEST(SignalReader, GivesASignalThatCameBeforeIt) {
  InChild([] {
    const sigset_t blocked = Block({SIGHUP});
    ::kill(::getpid(), SIGHUP);
    const SignalReader reader(blocked);
    if (!Waits(reader)) return 1;
    const std::optional<TakenSignal> taken = reader.Take();
    return taken && taken->number == SIGHUP ? 0 : 2;
  });
}

TEST(SignalReader, EndsWhileNoSignalHasCome) {
  InChild([] {
    { const SignalReader reader(Block({SIGINT, SIGTERM, SIGHUP})); }
    return 0;
  });
}

}  // namespace
}  // namespace fletbridge::platform
