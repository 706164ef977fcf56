#include "common/platform/process.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {
namespace {

constexpr int kDeadline_ms = 20'000;

// It waits until it is sent a signal.
class Waiting {
 public:
  Waiting() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::alarm(60);
    for (;;) ::pause();
  }
  ~Waiting() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  const pid_t pid_;
};

bool IsReadable(const ProcessWatch& watch, int milliseconds) {
  pollfd one{watch.fd(), POLLIN, 0};
  return ::poll(&one, 1, milliseconds) == 1;
}

TEST(ProcessWatch, TellsAChildsEndAndLeavesItToBeWaitedFor) {
  const Waiting child;
  const auto watch = ProcessWatch::Of(child.pid());
  ASSERT_TRUE(watch) << watch.error().message();
  EXPECT_FALSE(IsReadable(*watch, 50));
  watch->Signal(SIGTERM);
  ASSERT_TRUE(IsReadable(*watch, kDeadline_ms));
  int status = 0;
  ASSERT_EQ(::waitpid(child.pid(), &status, WNOHANG), child.pid());
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  watch->Signal(SIGTERM);  // to nobody
}

TEST(ProcessWatch, EndsBeforeTheProcessDoes) {
  const Waiting child;
  { const auto watch = ProcessWatch::Of(child.pid()); }
  EXPECT_EQ(::kill(child.pid(), 0), 0);
}

TEST(ProcessWatch, IsNotToBeHadOfAProcessThatIsGone) {
  pid_t gone = 0;
  {
    const Waiting child;
    gone = child.pid();
  }
  const auto watch = ProcessWatch::Of(gone);
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().value(), ESRCH);
}

TEST(ProcessWatch, WatchesOurParent) {
  const auto watch = ProcessWatch::Of(::getppid());
  ASSERT_TRUE(watch) << watch.error().message();
  EXPECT_FALSE(IsReadable(*watch, 50));
}

TEST(Processes, TheDescriptorsOfThisProcessAreListed) {
  const UniqueFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> listed = OpenDescriptors();
  EXPECT_TRUE(std::find(listed.begin(), listed.end(), one.get()) != listed.end());
}

TEST(Processes, OneThatRunsHasAStartAndOneThatIsGoneHasNone) {
  EXPECT_NE(StartTicks(::getpid()), 0U);
  pid_t gone = 0;
  {
    const Waiting child;
    gone = child.pid();
    EXPECT_NE(StartTicks(gone), 0U);
  }
  EXPECT_EQ(StartTicks(gone), 0U);
}

}  // namespace
}  // namespace fletbridge::platform
