#include "common/process/surroundings.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

// What it returns in a fork of this process.
int InFork(const std::function<int()>& look) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(look());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Surroundings, NothingThatIsOpenedLaterBecomesAStream) {
  EXPECT_EQ(InFork([] {
              for (const int stream : {0, 1, 2}) ::close(stream);
              HoldStreams();
              const int opened = ::open("/proc/self/stat", O_RDONLY);
              return opened > 2 && HeldStreams() == "012" ? 0 : 1;
            }),
            0);
}

TEST(Surroundings, AStreamThatIsOpenStaysWhatItIs) {
  EXPECT_EQ(InFork([] {
              const int flags = ::fcntl(1, F_GETFD);
              ::close(0);
              HoldStreams();
              return ::fcntl(1, F_GETFD) == flags && HeldStreams() == "0" ? 0 : 1;
            }),
            0);
}

TEST(Surroundings, AHeldStreamTakesAndGivesNothing) {
  EXPECT_EQ(InFork([] {
              for (const int stream : {0, 1}) ::close(stream);
              HoldStreams();
              char byte = 0;
              if (::write(1, "x", 1) != -1 || errno != EBADF) return 1;
              if (::read(0, &byte, 1) != -1 || errno != EBADF) return 2;
              return 0;
            }),
            0);
}

TEST(Surroundings, AHeldStreamIsClosedInWhatThisProcessBecomes) {
  EXPECT_EQ(InFork([] {
              for (const int stream : {0, 1}) ::close(stream);
              HoldStreams();
              ::execl("/bin/sh", "sh", "-c", "[ ! -e /proc/$$/fd/1 ] && [ ! -e /proc/$$/fd/0 ]",
                      nullptr);
              return 9;
            }),
            0);
}

TEST(Surroundings, SignalsAreLeftAsTheyWereFound) {
  EXPECT_EQ(InFork([] {
              struct sigaction found {};
              sigset_t mask;
              ::sigaction(SIGPIPE, nullptr, &found);
              IgnoreBrokenPipes();
              SettleSignals();
              sigset_t more;
              sigemptyset(&more);
              sigaddset(&more, SIGTERM);
              ::sigprocmask(SIG_BLOCK, &more, nullptr);
              LeaveSignalsAsFound();
              struct sigaction now {};
              ::sigaction(SIGPIPE, nullptr, &now);
              ::sigprocmask(SIG_BLOCK, nullptr, &mask);
              return now.sa_handler == found.sa_handler && sigismember(&mask, SIGTERM) == 0 ? 0 : 1;
            }),
            0);
}

TEST(Surroundings, AProcessEndsWithTheParentThatAsksForIt) {
  // As the child of another process than the one that is named: that one has gone.
  EXPECT_EQ(InFork([] {
              ::setenv(kEndsWithVariable, "999999999", 1);
              SettleIn();
              return 0;
            }),
            128 + SIGKILL);
  EXPECT_EQ(InFork([] {
              ::setenv(kEndsWithVariable, std::to_string(::getppid()).c_str(), 1);
              SettleIn();
              return std::getenv(kEndsWithVariable) == nullptr ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace fletbridge
