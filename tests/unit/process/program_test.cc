#include "common/process/program.h"

#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "common/process/surroundings.h"
#include "tests/unit/support/mailbox.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds kLong = std::chrono::duration_cast<milliseconds>(kDeadline);
constexpr std::size_t kPlenty = 1 << 20;

Program Shell(const std::string& script, std::vector<std::string> words = {}) {
  words.insert(words.begin(), {"-c", script});
  return {.path = "/bin/sh", .arguments = std::move(words)};
}

std::string OutputOf(const Program& program) {
  auto outcome = RunProgram(program, kLong, kPlenty);
  EXPECT_TRUE(outcome) << outcome.error().message();
  if (!outcome) return {};
  EXPECT_EQ(outcome->end, ProgramOutcome::End::kByItself);
  EXPECT_EQ(outcome->code, 0);
  return outcome->output;
}

struct Pipe {
  Pipe() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
  // Until every writer has gone; "late" at the deadline.
  std::string ReadAll() {
    write.reset();
    std::string text;
    char byte = 0;
    for (;;) {
      pollfd wait{read.get(), POLLIN, 0};
      if (::poll(&wait, 1, static_cast<int>(kLong.count())) != 1) return "late";
      if (::read(read.get(), &byte, 1) != 1) return text;
      text += byte;
    }
  }
  UniqueFd read;
  UniqueFd write;
};

// What it returns in a fork of this process, where it may do what it likes to itself.
template <class Look>
int InFork(Look look) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(look());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Ignore(int) {}

// ---- Run to its end

TEST(RunProgram, GivesWhatItSaysAndHowItEnds) {
  auto outcome = RunProgram(Shell("echo \"$1\"; exit 7", {"sh", "a  b"}), kLong, kPlenty);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "a  b\n");
  EXPECT_EQ(outcome->code, 7);
  outcome = RunProgram(Shell("kill -TERM $$"), kLong, kPlenty);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->code, 128 + SIGTERM);
}

TEST(RunProgram, KillsOneThatDoesNotEndByItsDeadline) {
  for (const char* script : {"exec sleep 1000", "exec >/dev/null; exec sleep 1000"}) {
    const auto outcome = RunProgram(Shell(script), milliseconds(50), kPlenty);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->end, ProgramOutcome::End::kTooLate);
    EXPECT_EQ(::waitpid(outcome->pid, nullptr, WNOHANG), -1) << "it is left behind";
  }
}

TEST(RunProgram, KillsOneThatSaysTooMuch) {
  const auto outcome = RunProgram(Shell("exec cat /dev/zero"), kLong, 100000);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, ProgramOutcome::End::kTooMuch);
  EXPECT_LT(outcome->output.size(), 200000U);
  EXPECT_EQ(::waitpid(outcome->pid, nullptr, WNOHANG), -1) << "it is left behind";
}

TEST(RunProgram, TakesAllThatFitsExactly) {
  const auto outcome = RunProgram(Shell("printf 12345"), kLong, 5);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, ProgramOutcome::End::kByItself);
  EXPECT_EQ(outcome->output, "12345");
}

TEST(RunProgram, HasNeitherInputNorMessagesNorOurDescriptors) {
  const UniqueFd ours(::open("/dev/null", O_RDONLY));  // inheritable
  ASSERT_GT(ours.get(), STDERR_FILENO);
  const std::string looks = "[ ! -e /proc/$$/fd/" + std::to_string(ours.get()) +
                            " ] && readlink /proc/$$/fd/0 /proc/$$/fd/2; cat; echo hidden >&2";
  EXPECT_EQ(OutputOf(Shell(looks)), "/dev/null\n/dev/null\n");
}

TEST(RunProgram, NamesTheCauseOfAStartThatFails) {
  for (const auto& [path, cause] :
       {std::pair{"/no/such/program", ENOENT}, {"/tmp", EACCES}, {"/etc/passwd", EACCES}}) {
    const auto outcome = RunProgram({.path = path}, kLong, kPlenty);
    ASSERT_FALSE(outcome) << path;
    EXPECT_EQ(outcome.error().value(), cause);
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(RunProgram, AddsToTheEnvironment) {
  const ScopedVariable kept("FLETBRIDGE_TEST_KEPT", "kept");
  Program program = Shell("echo $FLETBRIDGE_TEST_KEPT $FLETBRIDGE_TEST_ADDED");
  program.environment = {{"FLETBRIDGE_TEST_ADDED", "first"}, {"FLETBRIDGE_TEST_ADDED", "last"}};
  EXPECT_EQ(OutputOf(program), "kept last\n");
}

// ---- Signals

TEST(RunningProgram, GetsSignalsAsTheyWereFound) {
  const std::string found = OutputOf(Shell("grep ^Sig[BI] /proc/self/status"));
  EXPECT_THAT(found, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_EQ(InFork([&] {
              sigset_t all;
              ::sigfillset(&all);
              ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
              IgnoreBrokenPipes();
              SettleSignals();
              ::signal(SIGUSR1, Ignore);
              return OutputOf(Shell("grep ^Sig[BI] /proc/self/status")) == found ? 0 : 1;
            }),
            0);
}

TEST(RunningProgram, LeavesTheSignalsOfItsStarterAsTheyAre) {
  EXPECT_EQ(InFork([] {
              sigset_t some;
              sigset_t now;
              sigemptyset(&some);
              sigaddset(&some, SIGTERM);
              ::pthread_sigmask(SIG_SETMASK, &some, nullptr);
              ::signal(SIGUSR1, Ignore);
              (void)OutputOf(Shell("exit 0"));
              ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
              const bool same = sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGINT) == 0;
              return same && ::signal(SIGUSR1, SIG_DFL) == Ignore ? 0 : 1;
            }),
            0);
}

// ---- What it inherits

TEST(RunningProgram, TakesAnyDescriptorsForItsStreams) {
  EXPECT_EQ(InFork([] {
              // Those that stand in one another's way: what is 0 becomes 1, and what is 1
              // becomes 2.
              Pipe in;
              Pipe out;
              if (::write(in.write.get(), "asked\n", 6) != 6) return 1;
              in.write.reset();
              ::dup2(out.write.get(), 0);
              ::dup2(in.read.get(), 1);
              auto program =
                  RunningProgram::Start(Shell("read x; echo answer to $x; echo message >&2"),
                                        {.input = 1, .output = 0, .errors = kNothing});
              ::close(0);
              if (!program) return 2;
              return out.ReadAll() == "answer to asked\n" ? 0 : 3;
            }),
            0);
}

TEST(RunningProgram, HasASessionOfItsOwnWhereThatIsAsked) {
  const auto session_of = [](bool own) {
    Pipe out;
    auto program = RunningProgram::Start(Shell("cut -d' ' -f6 /proc/$$/stat; echo $$"),
                                         {.output = out.write.get(), .own_session = own});
    return out.ReadAll();
  };
  const std::string own = session_of(true);
  EXPECT_EQ(own.substr(0, own.find('\n')), own.substr(own.find('\n') + 1, own.find('\n')));
  const std::string shared = session_of(false);
  EXPECT_EQ(shared.substr(0, shared.find('\n')), std::to_string(::getsid(0)));
}

TEST(RunningProgram, DiesWithItsStarterUnlessItIsAskedToLiveOn) {
  for (const int death : {SIGKILL, 0}) {
    const Pipe in;
    Pipe out;
    EXPECT_EQ(InFork([&] {
                auto program = RunningProgram::Start(
                    Shell("read x; echo lives"),
                    {.input = in.read.get(), .output = out.write.get(), .death_signal = death});
                if (!program) return 1;
                ::_exit(0);
              }),
              0);
    if (death == 0) {
      ASSERT_EQ(::write(in.write.get(), "\n", 1), 1);
    }
    EXPECT_EQ(out.ReadAll(), death == 0 ? "lives\n" : "");
  }
}

TEST(RunningProgram, TellsAnEndThatSomebodyElseHasTakenAsNoSuccess) {
  auto program = RunningProgram::Start(Shell("exit 0"), {});
  ASSERT_TRUE(program);
  ASSERT_EQ(::waitpid(program->pid(), nullptr, 0), program->pid());
  EXPECT_EQ(program->ExitCode(), 70);
}

// ---- Detached

TEST(StartDetached, MakesItNobodysChildWithItsOutputAlone) {
  const UniqueFd ours(::open("/dev/null", O_RDONLY));
  Pipe out;
  const std::string looks = "[ ! -e /proc/$$/fd/" + std::to_string(ours.get()) +
                            " ] && echo closed; readlink /proc/$$/fd/0 /proc/$$/fd/2; "
                            "[ $PPID != " +
                            std::to_string(::getpid()) + " ] && echo an orphan";
  EXPECT_FALSE(StartDetached(Shell(looks), out.write.get()));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it is ours to wait for";
  EXPECT_EQ(out.ReadAll(), "closed\n/dev/null\n/dev/null\nan orphan\n");
}

TEST(StartDetached, NamesTheCauseOfAStartThatFails) {
  const Pipe out;
  EXPECT_EQ(StartDetached({.path = "/no/such/program"}, out.write.get()).value(), ENOENT);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

// ---- Becoming one

TEST(BecomeProgram, GoesOnAsItByTheNameThatIsGiven) {
  Pipe out;
  EXPECT_EQ(InFork([&] {
              ::dup2(out.write.get(), 1);
              IgnoreBrokenPipes();
              const std::string pid = std::to_string(::getpid());
              Program program = Shell("echo $0 $FLETBRIDGE_TEST; [ $$ = " + pid + " ]; exit $?");
              program.name = "another name";
              program.arguments.emplace_back("own-word");
              program.environment = {{"FLETBRIDGE_TEST", "added"}};
              (void)BecomeProgram(program, SignalsOf::kFound);
              return 9;
            }),
            0);
  EXPECT_EQ(out.ReadAll(), "own-word added\n");
}

TEST(BecomeProgram, LeavesAllAsItWasWhereItCannot) {
  EXPECT_EQ(InFork([] {
              sigset_t some;
              sigset_t now;
              sigemptyset(&some);
              sigaddset(&some, SIGTERM);
              ::pthread_sigmask(SIG_SETMASK, &some, nullptr);
              IgnoreBrokenPipes();
              if (BecomeProgram({.path = "/no/such/program"}, SignalsOf::kFound).value() != ENOENT)
                return 1;
              ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
              if (sigismember(&now, SIGTERM) != 1) return 2;
              return ::signal(SIGPIPE, SIG_DFL) == SIG_IGN ? 0 : 3;
            }),
            0);
}

TEST(BecomeProgram, KeepsSettledSignalsAndFillsHeldStreamsWhereThatIsAsked) {
  EXPECT_EQ(InFork([] {
              ::close(0);
              HoldStreams();
              SettleSignals();
              (void)BecomeProgram(
                  Shell("[ `readlink /proc/$$/fd/0` = /dev/null ] && "
                        // The bit of SIGXFSZ is in the seventh digit from the right.
                        "grep -q '^SigIgn:.*[13579bdf]......$' /proc/self/status"),
                  SignalsOf::kSettled);
              return 9;
            }),
            0);
}

// ---- Twice

TEST(ForkThisProcess, TheSecondOneIsKilledWhenTheFirstOneEnds) {
  Pipe out;
  EXPECT_EQ(InFork([&] {
              const pid_t second = ForkThisProcess();
              if (second < 0) return 1;
              if (second > 0) return 0;
              for (;;) ::pause();
            }),
            0);
  EXPECT_EQ(out.ReadAll(), "") << "it lives and holds the pipe";
}

}  // namespace
}  // namespace fletbridge
