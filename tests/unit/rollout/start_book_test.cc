#include "src/rollout/start_book.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

const std::vector<std::string> kLadder = {"3", "2", "1"};

class StartBook : public testing::Test {
 protected:
  StartBook() {
    options.folder = folder.path();
    options.app_id = AppId("/apps/shop/main.py");
    options.app = "shop";
    options.versions = "app 1";
    options.backoff_s = 100;
    options.may_lower = true;
  }

  // In a process of its own, which then is gone.
  static void InAnotherProcess(const std::function<void()>& what) {
    const pid_t child = ::fork();
    if (child == 0) {
      what();
      ::_exit(0);
    }
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  void CrashOn(const std::string& stage, bool after_first_frame = false) {
    InAnotherProcess([&] {
      const Result<std::string> record = BeginStart(options, stage, {}, now);
      if (record && after_first_frame) MarkFirstFrame(*record, 0.5);
    });
  }
  Advice Ask(const std::string& stage) {
    const Result<Advice> advice = AdviseStart(options, stage, kLadder, now);
    if (!advice) ADD_FAILURE() << advice.error().Line();
    return advice ? *advice : Advice{};
  }
  Book Read() {
    const std::vector<Book> books = ReadBooks(options.folder);
    return books.size() == 1 ? books.front() : Book();
  }

  TempFolder folder;
  BookOptions options;
  std::int64_t now = 1000;
};

TEST_F(StartBook, LowersTheStageAfterTwoDeathsInARow) {
  EXPECT_EQ(Ask("3").stage, "3");
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "3");
  CrashOn("3");
  const Advice advice = Ask("3");
  EXPECT_EQ(advice.stage, "2");
  ASSERT_EQ(advice.changes.size(), 1U);
  EXPECT_EQ(advice.changes.front().from, "3");
  EXPECT_NE(advice.changes.front().why.find("before the first frame"), std::string::npos);
  EXPECT_EQ(Read().stages["3"].figures.failures, 2U);
}

TEST_F(StartBook, LowersItByTwoWhereTheNextOneRestsToo) {
  for (const char* stage : {"3", "3", "2", "2"}) CrashOn(stage);
  const Advice advice = Ask("3");
  EXPECT_EQ(advice.stage, "1");
  EXPECT_EQ(advice.changes.size(), 2U);
}

TEST_F(StartBook, HasNothingBelowTheLowest) {
  for (int i = 0; i < 4; ++i) CrashOn("1");
  EXPECT_EQ(Ask("1").stage, "1");
}

TEST_F(StartBook, OnlyTakesNotesWhereAPersonHasNamedTheStage) {
  options.may_lower = false;
  CrashOn("3");
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "3");
  EXPECT_EQ(Read().stages["3"].figures.failures, 2U);
}

TEST_F(StartBook, TriesAgainAfterTheBackoffAndOneAtATime) {
  CrashOn("3");
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "2");
  now += 100;
  EXPECT_EQ(Ask("3").stage, "3");
  const Result<std::string> record = BeginStart(options, "3", {}, now);
  ASSERT_TRUE(record);
  EXPECT_EQ(Ask("3").stage, "2");  // another start, while that one has shown nothing yet
  MarkFirstFrame(*record, 0.1);
  EXPECT_EQ(Ask("3").stage, "3");
  ASSERT_TRUE(EndStart(options, *record, StartOutcome::kClean, "the UI closed", {}, now));
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "3");  // closed again: one failure is none
}

TEST_F(StartBook, DoubtsWhatHasFailedLastAndWhatStandsInAndHasNeverWorked) {
  EXPECT_FALSE(Ask("3").doubtful);
  CrashOn("3");
  EXPECT_TRUE(Ask("3").doubtful);
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "2");
  EXPECT_TRUE(Ask("3").doubtful);
  const Result<std::string> record = BeginStart(options, "2", {}, now);
  ASSERT_TRUE(record);
  ASSERT_TRUE(EndStart(options, *record, StartOutcome::kClean, "the UI closed", {}, now));
  EXPECT_FALSE(Ask("3").doubtful);
}

TEST_F(StartBook, TellsTheWatcherWhatItHasNotSeen) {
  const auto unseen = [&](const std::function<void(const std::string&)>& what) {
    const Result<std::string> record = BeginStart(options, "3", {}, now);
    if (!record) return false;
    const UniqueFd file(::open(record->c_str(), O_RDONLY | O_CLOEXEC));
    what(*record);
    return FailedUnseen(file.get());
  };
  EXPECT_TRUE(unseen([](const std::string&) {}));
  EXPECT_FALSE(unseen([](const std::string& record) { MarkFirstFrame(record, 0.5); }));
  for (const StartOutcome outcome :
       {StartOutcome::kClean, StartOutcome::kFailed, StartOutcome::kNeutral}) {
    EXPECT_EQ(unseen([&](const std::string& record) {
                ASSERT_TRUE(EndStart(options, record, outcome, "so", {}, now));
              }),
              outcome == StartOutcome::kFailed);
  }
}

TEST_F(StartBook, TakesAWatchedStartForGoneWithItsWatcher) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  InAnotherProcess([&] {
    if (::fork() == 0) {
      (void)BeginStart(options, "3", {}, now, true);
      const pid_t self = ::getpid();
      (void)!::write(ends[1], &self, sizeof self);
      ::pause();
    }
    pollfd noted{ends[0], POLLIN, 0};
    ::poll(&noted, 1, 10'000);
  });
  pid_t start = 0;
  ASSERT_EQ(::read(ends[0], &start, sizeof start), static_cast<ssize_t>(sizeof start));
  (void)Ask("3");
  EXPECT_EQ(Read().stages["3"].figures.failures, 1U);
  EXPECT_EQ(::kill(start, SIGKILL), 0) << "it still ran";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(StartBook, TriesAgainWithANewVersion) {
  CrashOn("3");
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "2");
  options.versions = "app 2";
  EXPECT_EQ(Ask("3").stage, "3");
}

TEST_F(StartBook, TakesADeathAfterTheFirstFrameForAFailureToo) {
  CrashOn("3", true);
  CrashOn("3", true);
  EXPECT_EQ(Ask("3").stage, "2");
  EXPECT_EQ(Read().stages["3"].figures.first_frame.count(), 2U);
}

TEST_F(StartBook, DoesNotTakeARunningStartForADeadOne) {
  const Result<std::string> record = BeginStart(options, "3", {}, now);
  ASSERT_TRUE(record);
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "3");
  EXPECT_EQ(Read().running.size(), 1U);
  EXPECT_EQ(Read().stages["3"].figures.failures, 1U);
}

// As after a power cut: the record is of another boot.
TEST_F(StartBook, BlamesAStageForAMachineThatWentDownBeforeTheFirstFrameOnly) {
  for (const bool frame : {true, false}) {
    const Result<std::string> record = BeginStart(options, "3", {}, now);
    ASSERT_TRUE(record);
    if (frame) MarkFirstFrame(*record, 0.1);
    const std::string name = record->substr(folder.path().size() + 1);
    std::string text = folder.Read(name);
    const std::size_t boot = text.find("\"boot\":\"") + 8;
    text.replace(boot, 8, "00000000");
    folder.Write(name, text);
    EXPECT_EQ(Ask("3").stage, "3");
    EXPECT_EQ(Read().stages["3"].figures.failures, frame ? 0U : 1U);
  }
}

TEST_F(StartBook, CountsTheClicksOfAStart) {
  const Result<std::string> record = BeginStart(options, "2", {{"3", "2", "because"}}, now);
  ASSERT_TRUE(record);
  ASSERT_TRUE(EndStart(options, *record, StartOutcome::kNeutral, "", {400'000, 3'000'000}, now));
  Book book = Read();
  EXPECT_EQ(book.stages["2"].figures.click.count(), 2U);
  EXPECT_NEAR(book.stages["2"].figures.click.sum(), 0.0034, 1e-9);
  EXPECT_EQ(book.stages["3"].figures.fallbacks, 1U);
  EXPECT_TRUE(book.running.empty());
}

TEST_F(StartBook, IsNotCorruptedByStartsAtOnce) {
  constexpr int kStarts = 12;
  std::vector<pid_t> children;
  for (int i = 0; i < kStarts; ++i) {
    const pid_t child = ::fork();
    if (child != 0) {
      children.push_back(child);
      continue;
    }
    bool good = AdviseStart(options, "1", kLadder, now).has_value();
    const Result<std::string> record = BeginStart(options, "1", {}, now);
    good = good && record && EndStart(options, *record, StartOutcome::kClean, "", {}, now);
    ::_exit(good ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(Read().stages["1"].figures.starts, static_cast<std::uint64_t>(kStarts));
}

TEST_F(StartBook, IsBegunAnewWhereItCannotBeRead) {
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "3");
  folder.Write("apps/" + options.app_id + "/book.json", "{\"stages\":");
  folder.Write("apps/" + options.app_id + "/starts/9-9.json", "half a rec");
  EXPECT_EQ(Ask("3").stage, "3");
  CrashOn("3");
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "2");
}

TEST_F(StartBook, StaysSmall) {
  for (int i = 0; i < 60; ++i) CrashOn("3");
  (void)Ask("3");
  EXPECT_EQ(Read().last.size(), 20U);
  EXPECT_LT(folder.Read("apps/" + options.app_id + "/book.json").size(), 20000U);
}

TEST_F(StartBook, IsClosedAndForgottenOnDemand) {
  CrashOn("3");
  CrashOn("3");
  EXPECT_EQ(Ask("3").stage, "2");
  ASSERT_TRUE(ResetBooks(options.folder, false));
  EXPECT_EQ(Ask("3").stage, "3");
  EXPECT_EQ(Read().stages["3"].figures.failures, 2U);
  ASSERT_TRUE(ResetBooks(options.folder, true));
  EXPECT_EQ(Read().stages.size(), 0U);
}

TEST_F(StartBook, IsAskedWithoutATrace) {
  EXPECT_EQ(PeekStart(options, "3", kLadder, now).stage, "3");
  EXPECT_FALSE(std::filesystem::exists(options.folder + "/apps")) << "nothing is made";
  CrashOn("3");
  CrashOn("3");
  const Advice peeked = PeekStart(options, "3", kLadder, now);
  EXPECT_EQ(peeked.stage, "2");
  EXPECT_EQ(Read().stages.size(), 0U) << "what has ended is not booked by it";
  const Advice advice = Ask("3");
  EXPECT_EQ(advice.stage, "2");
  EXPECT_EQ(advice.changes[0].why, peeked.changes[0].why);
}

TEST_F(StartBook, SaysThatNothingCanBeKept) {
  options.folder = "/proc/no such place";
  EXPECT_FALSE(AdviseStart(options, "3", kLadder, now));
  EXPECT_FALSE(BeginStart(options, "3", {}, now));
}

TEST_F(StartBook, SaysInOneLineThatTheMetricsCannotBeWritten) {
  options.metrics = folder.path() + "/none/fletbridge.prom";
  const Result<std::string> record = BeginStart(options, "3", {}, now);
  ASSERT_TRUE(record);
  testing::internal::CaptureStderr();
  EXPECT_TRUE(EndStart(options, *record, StartOutcome::kClean, "", {}, now));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("no metrics: cannot write " + options.metrics), std::string::npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

}  // namespace
}  // namespace fletbridge
