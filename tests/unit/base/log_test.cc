#include "common/base/log.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "tests/unit/support/mailbox.h"

namespace fletbridge {
namespace {

class Log : public testing::Test {
 protected:
  ~Log() override { SetLogLevel(LogLevel::kInfo); }

  static std::string Written(LogLevel level, std::string_view text) {
    testing::internal::CaptureStderr();
    fletbridge::Log(level, text);
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, WritesOneLineWithOurName) {
  EXPECT_EQ(Written(LogLevel::kInfo, "waiting"), "fletbridge: waiting\n");
}

TEST_F(Log, HidesWhatIsBelowTheLevel) {
  EXPECT_EQ(Written(LogLevel::kDebug, "detail"), "");
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Written(LogLevel::kWarning, "hm"), "");
  EXPECT_EQ(Written(LogLevel::kError, "no"), "fletbridge: no\n");
}

TEST_F(Log, ShowsControlCharactersOfAPeerAsEscapes) {
  EXPECT_EQ(Written(LogLevel::kInfo, "a\x1b[2Jb\r"), "fletbridge: a\\x1b[2Jb\\x0d\n");
}

TEST_F(Log, StampsDebugLinesWithTheirTime) {
  SetLogLevel(LogLevel::kDebug);
  EXPECT_THAT(Written(LogLevel::kDebug, "x"),
              testing::MatchesRegex("fletbridge: \\[ *[0-9.]+ ms\\] x\n"));
}

using testing::HasSubstr;
using testing::StartsWith;

// A pipe in stderr's place, as far as it lives.
class PipeAsStderr {
 public:
  PipeAsStderr() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader_.reset(ends[0]);
    before_.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    EXPECT_GE(::dup2(ends[1], STDERR_FILENO), 0);
    ::close(ends[1]);
  }
  ~PipeAsStderr() {
    reader_.reset();  // what is still kept goes nowhere
    FlushLog(kDeadline);
    ::dup2(before_.get(), STDERR_FILENO);
  }
  // Until it takes nothing more.
  void Fill() {
    const UniqueFd own(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    const std::string piece(4096, 'x');
    while (::write(own.get(), piece.data(), piece.size()) > 0) {
    }
  }
  // Everything up to this text, or to the deadline.
  std::string ReadUntil(const std::string& wanted) {
    std::string text;
    pollfd ready{reader_.get(), POLLIN, 0};
    while (text.find(wanted) == std::string::npos &&
           ::poll(&ready, 1, kDeadline.count() * 1000) == 1) {
      char piece[4096];
      const ssize_t n = ::read(reader_.get(), piece, sizeof piece);
      if (n <= 0) break;
      text.append(piece, static_cast<std::size_t>(n));
    }
    return text.substr(std::min(text.find_first_not_of('x'), text.size()));
  }
  void CloseReader() { reader_.reset(); }

 private:
  UniqueFd reader_;
  UniqueFd before_;
};

TEST_F(Log, NeverWaitsForAReaderThatDoesNotRead) {
  PipeAsStderr pipe;
  pipe.Fill();
  Mailbox<bool> done;
  std::thread writer([&] {
    fletbridge::Log(LogLevel::kInfo, "one");
    fletbridge::Log(LogLevel::kInfo, "two");
    done.Put(true);
  });
  EXPECT_TRUE(done.Take()) << "the log waits";
  EXPECT_EQ(pipe.ReadUntil("two\n"), "fletbridge: one\nfletbridge: two\n");
  writer.join();
  fletbridge::Log(LogLevel::kInfo, "three");
  EXPECT_EQ(pipe.ReadUntil("three\n"), "fletbridge: three\n") << "in order, without the thread";
}

TEST_F(Log, KeepsABoundedAmountForAReaderThatDoesNotReadAndSaysWhatWasLost) {
  PipeAsStderr pipe;
  pipe.Fill();
  const std::string wide(40'000, 'w');
  fletbridge::Log(LogLevel::kInfo, "first " + wide);
  fletbridge::Log(LogLevel::kInfo, "second " + wide);
  fletbridge::Log(LogLevel::kInfo, "third");
  EXPECT_THAT(pipe.ReadUntil("third\n"), testing::Not(HasSubstr("second")));
  fletbridge::Log(LogLevel::kInfo, "fourth");
  EXPECT_EQ(pipe.ReadUntil("fourth\n"),
            "fletbridge: lines lost, since nobody read stderr: 1\nfletbridge: fourth\n");
}

TEST_F(Log, LosesNothingAtAnEndThatFlushes) {
  PipeAsStderr pipe;
  pipe.Fill();
  fletbridge::Log(LogLevel::kError, "the last word");
  std::thread reader([&] { EXPECT_EQ(pipe.ReadUntil("word\n"), "fletbridge: the last word\n"); });
  FlushLog(kDeadline);
  reader.join();
}

TEST_F(Log, WaitsNoLongerAtTheEndThanItIsAllowed) {
  PipeAsStderr pipe;
  pipe.Fill();
  fletbridge::Log(LogLevel::kError, "nobody reads this");
  const auto begin = std::chrono::steady_clock::now();
  FlushLog(std::chrono::milliseconds(50));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kDeadline);
}

TEST_F(Log, AReaderThatIsGoneCostsTheProcessNoSigpipe) {
  PipeAsStderr pipe;
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  pipe.CloseReader();
  SetLogLevel(LogLevel::kDebug);
  fletbridge::Log(LogLevel::kDebug, "still here");
  fletbridge::Log(LogLevel::kDebug, "and here");
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGPIPE), 0);
  EXPECT_EQ(std::signal(SIGPIPE, before), SIG_DFL) << "it is the app's to set";
}

TEST_F(Log, AReaderThatGoesWhileMuchIsKeptCostsNoSigpipeEither) {
  PipeAsStderr pipe;
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  pipe.Fill();
  for (const char* text : {"one", "two", "three"}) fletbridge::Log(LogLevel::kInfo, text);
  pipe.CloseReader();
  FlushLog(kDeadline);
  std::signal(SIGPIPE, before);
}

// What a process writes that says much: of its own, since what it may still say is remembered.
std::string WrittenByAnother(const std::function<void()>& work) {
  PipeAsStderr pipe;
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    FlushLog(kDeadline);
    ::dprintf(STDERR_FILENO, "that was all\n");
    ::_exit(0);
  }
  const std::string text = pipe.ReadUntil("that was all\n");
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return text;
}

std::ptrdiff_t LinesIn(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

std::string Times(int count, char c) { return std::string(static_cast<std::size_t>(count), c); }

TEST_F(Log, TellsAKindOfLineNowAndThenAndCountsTheRest) {
  const std::string text = WrittenByAnother([] {
    for (int i = 0; i < 1000; ++i)
      fletbridge::Log(LogLevel::kWarning, "turned away number " + std::to_string(i));
    fletbridge::Log(LogLevel::kWarning, "another kind");
  });
  EXPECT_LT(LinesIn(text), 100);
  EXPECT_THAT(text, StartsWith("fletbridge: turned away number 0\n"));
  EXPECT_THAT(text, HasSubstr("fletbridge: another kind\n"));
  EXPECT_THAT(text, testing::ContainsRegex("left out 9[0-9]+ more like: turned away number"));
}

TEST_F(Log, BoundsLinesThatAreAllOfTheirOwnKind) {
  const std::string text = WrittenByAnother([] {
    for (int i = 0; i < 5000; ++i) {
      fletbridge::Log(LogLevel::kWarning,
                      "kind " + Times(1 + i / 100, 'a') + Times(1 + i % 100, 'b'));
    }
  });
  EXPECT_LT(LinesIn(text), 4000);
  EXPECT_THAT(text, testing::ContainsRegex("left out [0-9]+ more like: lines of many kinds"));
}

TEST_F(Log, TimesOfLinesFromManyThreadsNeverRunBackwards) {
  SetLogLevel(LogLevel::kDebug);
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (char name = 'a'; name < 'e'; ++name) {
    threads.emplace_back([name] {
      for (int i = 1; i <= 20; ++i)
        fletbridge::Log(LogLevel::kDebug, std::string(static_cast<std::size_t>(i), name));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = testing::internal::GetCapturedStderr();
  double before = 0;
  int lines = 0;
  for (std::size_t at = 0; (at = text.find('[', at)) != std::string::npos; ++at, ++lines) {
    const double now = std::strtod(text.c_str() + at + 1, nullptr);
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_GT(lines, 40);
}

TEST_F(Log, CountsFromTheStartOfTheProcess) {
  SetLogLevel(LogLevel::kDebug);
  const std::string line = Written(LogLevel::kDebug, "x");
  const double said = std::strtod(line.c_str() + line.find('[') + 1, nullptr);
  // The first clock that this process had was another program's, before an exec: only the system
  // knows.
  UniqueFd uptime(::open("/proc/uptime", O_RDONLY | O_CLOEXEC));
  char text[64]{};
  ASSERT_GT(::read(uptime.get(), text, sizeof text - 1), 0);
  EXPECT_GT(said, 0);
  EXPECT_LT(said, std::strtod(text, nullptr) * 1000);
  SetLogStart(std::chrono::steady_clock::now() - std::chrono::seconds(1000));
  const std::string later = Written(LogLevel::kDebug, "y");
  EXPECT_GE(std::strtod(later.c_str() + later.find('[') + 1, nullptr), 1'000'000);
}

TEST_F(Log, LeavesWhatIsKeptToTheParentOfAFork) {
  PipeAsStderr pipe;
  pipe.Fill();
  fletbridge::Log(LogLevel::kInfo, "the parent's");
  const pid_t child = ::fork();
  if (child == 0) {
    FlushLog(kDeadline);
    ::_exit(0);
  }
  EXPECT_EQ(pipe.ReadUntil("parent's\n"), "fletbridge: the parent's\n");
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  fletbridge::Log(LogLevel::kInfo, "end");
  EXPECT_EQ(pipe.ReadUntil("end\n"), "fletbridge: end\n");
}

}  // namespace
}  // namespace fletbridge
