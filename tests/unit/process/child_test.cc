#include "common/process/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "tests/unit/support/mailbox.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

using testing::HasSubstr;

struct Pipe {
  explicit Pipe(int flags = O_CLOEXEC) {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, flags), 0);
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
  // What was written, up to `size` bytes; ends early when every writer has gone. Nothing at the
  // deadline.
  std::optional<std::string> Read(std::size_t size) const {
    std::string text;
    while (text.size() < size) {
      pollfd wait{read.get(), POLLIN, 0};
      if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kDeadline).count())) != 1)
        return std::nullopt;
      char byte = 0;
      if (::read(read.get(), &byte, 1) != 1) break;
      text += byte;
    }
    return text;
  }
  UniqueFd read;
  UniqueFd write;
};

class ChildTest : public testing::Test {
 protected:
  ChildTest() { loop_.Start(); }
  ~ChildTest() override { Destroy(); }

  Result<> Start(const ChildOptions& options) {
    Result<std::unique_ptr<Child>> child =
        Child::Start(loop_, options, [this](int code) { exits_.Put(code); });
    if (!child) return child.error();
    child_ = std::move(*child);
    return {};
  }
  void StartShell(const std::string& script,
                  std::vector<std::pair<std::string, std::string>> environment = {}) {
    ASSERT_TRUE(Start({"/bin/sh", {"-c", script}, std::move(environment)}));
  }
  // Runs a script of the shell to its end.
  int Run(const std::string& script,
          std::vector<std::pair<std::string, std::string>> environment = {}) {
    StartShell(script, std::move(environment));
    return ExitCode();
  }
  int ExitCode() { return exits_.Take().value_or(-1); }
  void Destroy() {
    OnLoop(loop_, [this] { child_.reset(); });
  }

  EventLoop loop_;
  Mailbox<int> exits_;
  std::unique_ptr<Child> child_;
};

TEST_F(ChildTest, GivesTheExitCode) {
  EXPECT_EQ(Run("exit 0"), 0);
  EXPECT_EQ(Run("exit 7"), 7);
}

TEST_F(ChildTest, GivesASignalAsAShellDoes) {
  EXPECT_EQ(Run("kill -TERM $$"), 128 + SIGTERM);
  EXPECT_EQ(Run("kill -KILL $$"), 128 + SIGKILL);
}

TEST_F(ChildTest, TellsTheEndOnce) {
  EXPECT_EQ(Run("exit 3"), 3);
  Destroy();
  OnLoop(loop_, [] {});
  EXPECT_TRUE(exits_.empty());
}

TEST_F(ChildTest, NamesTheInterpreterThatCannotBeStarted) {
  const Result<> missing = Start({"/no/such/python", {}, {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, boost::system::errc::no_such_file_or_directory);
  EXPECT_THAT(missing.error().context, HasSubstr("cannot start /no/such/python: "));
  EXPECT_THAT(missing.error().context, HasSubstr("--python"));
  const Result<> folder = Start({"/tmp", {}, {}});
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().context, HasSubstr("cannot start /tmp: "));
}

TEST_F(ChildTest, PassesArgumentsAsTheyAre) {
  ASSERT_TRUE(
      Start({"/bin/sh", {"-c", R"([ "$0|$1|$2" = 'a b||"$x"' ])", "a b", "", "\"$x\""}, {}}));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(ChildTest, AddsToTheEnvironmentAndReplacesInIt) {
  const ScopedVariable kept("FLETBRIDGE_TEST_KEPT", "kept");
  const ScopedVariable replaced("FLETBRIDGE_TEST_REPLACED", "old");
  const int code = Run(
      "[ $FLETBRIDGE_TEST_KEPT/$FLETBRIDGE_TEST_REPLACED/$FLETBRIDGE_TEST_ADDED = kept/new/a=b ] &&"
      "[ `env | grep -c ^FLETBRIDGE_TEST_REPLACED=` = 1 ]",
      {{"FLETBRIDGE_TEST_REPLACED", "new"}, {"FLETBRIDGE_TEST_ADDED", "a=b"}});
  EXPECT_EQ(code, 0);
}

TEST_F(ChildTest, TakesTheLastOfSeveralValues) {
  const int code =
      Run("[ `tr '\\0' '\\n' </proc/$$/environ | grep ^FLETBRIDGE_TEST=` = FLETBRIDGE_TEST=last ]",
          {{"FLETBRIDGE_TEST", "first"}, {"FLETBRIDGE_TEST", "last"}});
  EXPECT_EQ(code, 0);
}

TEST_F(ChildTest, InheritsADescriptorThatIsMeantToBe) {
  const Pipe pipe(0);
  EXPECT_EQ(Run("echo hello >&" + std::to_string(pipe.write.get())), 0);
  EXPECT_EQ(pipe.Read(5), "hello");
}

TEST_F(ChildTest, InheritsNoneThatIsNot) {
  const Pipe pipe(O_CLOEXEC);
  EXPECT_NE(Run("(echo hello >&" + std::to_string(pipe.write.get()) + ") 2>/dev/null"), 0);
}

TEST_F(ChildTest, BeginsWithNoSignalBlocked) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  EXPECT_EQ(Run("grep -q '^SigBlk:[[:space:]]*0000000000000000$' /proc/self/status"), 0);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(ChildTest, GivesTheExitCodeThoughOurParentIgnoresSigchld) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(Run("exit 7"), 7);
  ::signal(SIGCHLD, before);
}

TEST_F(ChildTest, BeginsWithSignalsIgnoredAsThisProcessFoundThem) {
  const auto found = ::signal(SIGPIPE, SIG_IGN);
  // The fourth digit from the right has the bit of SIGPIPE.
  const std::string digit = found == SIG_IGN ? "[13579bdf]" : "[02468ace]";
  EXPECT_EQ(Run("grep -q '^SigIgn:.*" + digit + "...$' /proc/self/status"), 0);
  ::signal(SIGPIPE, found);
}

TEST_F(ChildTest, TakesSignals) {
  const Pipe pipe(0);
  StartShell("trap 'exit 5' TERM; echo r >&" + std::to_string(pipe.write.get()) +
             "; while :; do read x </dev/zero; done");
  ASSERT_EQ(pipe.Read(1), "r");
  OnLoop(loop_, [this] { child_->Signal(SIGTERM); });
  OnLoop(loop_, [this] { child_->Signal(SIGKILL); });
  const int code = ExitCode();
  EXPECT_TRUE(code == 5 || code == 128 + SIGKILL) << code;
  OnLoop(loop_, [this] { child_->Signal(SIGTERM); });  // none is there: nobody else gets it
}

TEST_F(ChildTest, IsKilledAndReapedWithItsObject) {
  Pipe pipe(0);
  StartShell("exec sleep 1000");
  const pid_t pid = child_->pid();
  pipe.write.reset();
  Destroy();
  EXPECT_EQ(pipe.Read(1), "") << "someone still holds the pipe";
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1) << "a zombie is left";
  OnLoop(loop_, [] {});
  EXPECT_TRUE(exits_.empty()) << "the end that was asked for is not told";
}

TEST(Child, TellsNothingOnceItsObjectHasGone) {
  EventLoop loop;  // not started yet: it hears of the child after the object has gone
  bool told = false;
  Result<std::unique_ptr<Child>> child =
      Child::Start(loop, {"/bin/sh", {"-c", "exit 0"}, {}}, [&](int) { told = true; });
  ASSERT_TRUE(child);
  child->reset();
  const Pipe pipe;
  loop.Start();
  OnLoop(loop, [] {});
  OnLoop(loop, [] {});
  EXPECT_FALSE(told);
}

TEST(Child, TellsAnEndThatSomebodyElseHasTakenAsNoSuccess) {
  EventLoop loop;  // not started yet: it comes too late
  Mailbox<int> exits;
  Result<std::unique_ptr<Child>> child =
      Child::Start(loop, {"/bin/sh", {"-c", "exit 0"}, {}}, [&](int code) { exits.Put(code); });
  ASSERT_TRUE(child);
  ASSERT_EQ(::waitpid((*child)->pid(), nullptr, 0), (*child)->pid());
  loop.Start();
  EXPECT_EQ(exits.Take(), 70);
  OnLoop(loop, [&] { child->reset(); });
}

TEST(Child, DiesWithAHostThatIsKilled) {
  Pipe pipe(0);
  const pid_t host = ::fork();
  ASSERT_GE(host, 0);
  if (host == 0) {
    EventLoop loop;
    loop.Start();
    const Result<std::unique_ptr<Child>> child =
        Child::Start(loop,
                     {"/bin/sh",
                      {"-c", "echo r >&" + std::to_string(pipe.write.get()) + "; exec sleep 1000"},
                      {}},
                     [](int) {});
    if (!child) ::_exit(1);
    for (;;) ::pause();
  }
  pipe.write.reset();
  EXPECT_EQ(pipe.Read(2), "r\n");
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  EXPECT_EQ(pipe.Read(1), "") << "the child outlives its host";
}

}  // namespace
}  // namespace fletbridge
