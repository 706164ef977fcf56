#include "common/recording/recorder.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/recording/recording.h"
#include "common/recording/segments.h"
#include "common/recording/session_tree.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/recording/made_up_session.h"

namespace fletbridge::recording {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kDeadline = 20s;

Packet PacketOf(const Buffer& payload) { return {PacketType::kControl, Buffer(payload.span())}; }

class RecorderTest : public testing::Test {
 protected:
  std::unique_ptr<Recorder> Open(std::uint64_t limit = std::uint64_t{64} << 20) {
    RecorderOptions options;
    options.file = file_;
    options.limit_bytes = limit;
    Info info;
    info.stage = "3";
    Result<std::unique_ptr<Recorder>> recorder = Recorder::Open(std::move(options), info);
    EXPECT_TRUE(recorder.has_value()) << recorder.error().Line();
    return std::move(*recorder);
  }
  static void Take(Recorder& recorder, const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) recorder.Take(frame.direction, PacketOf(frame.payload));
  }
  Recording Load() const {
    Result<Recording> recording = Recording::Load(file_);
    EXPECT_TRUE(recording.has_value()) << recording.error().Line();
    return std::move(*recording);
  }

  TempFolder folder_;
  const std::string file_ = folder_.path() + "/session.rec";
};

TEST_F(RecorderTest, WritesWhatItIsGivenUpToTheEnd) {
  const auto recorder = Open();
  Take(*recorder, Counter());
  Info more;
  more.generation = 3;
  recorder->Tell(more);
  recorder->NewSession();
  recorder->Close({7, "a step failed"}, kDeadline);
  const Recording recording = Load();
  EXPECT_EQ(recording.packets(), 5u);
  EXPECT_EQ(recording.info().stage, "3");
  EXPECT_EQ(recording.info().generation, 3);
  EXPECT_GT(recording.info().started_unix_ns, 0);
  EXPECT_EQ(recording.entries().back().kind, Entry::Kind::kSession);
  ASSERT_TRUE(recording.end());
  EXPECT_EQ(recording.end()->code, 7);
  EXPECT_THAT(recording.flaws(), IsEmpty());
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(RecorderTest, WritesBeforeItIsClosed) {
  const auto recorder = Open();
  Take(*recorder, Counter());
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (Load().packets() < 5 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(Load().packets(), 5u);
  EXPECT_FALSE(Load().end());
}

TEST_F(RecorderTest, KeepsTheBeginningAndTheLatestWithinTheLimit) {
  constexpr std::uint64_t kLimit = std::uint64_t{64} << 10;
  const auto recorder = Open(kLimit);
  Take(*recorder, Counter());
  for (int i = 0; i < 4000; ++i) {
    recorder->Take(Direction::kToApp, PacketOf(Event(11, "click")));
    recorder->Take(Direction::kToUi, PacketOf(Sets(0, "value", std::to_string(i).c_str())));
  }
  recorder->Close({}, kDeadline);
  std::uint64_t all = fs::file_size(file_);
  const std::vector<std::uint32_t> numbers = SegmentsBeside(file_);
  ASSERT_GT(numbers.size(), 2u);
  EXPECT_GT(numbers.front(), 1u);
  for (const std::uint32_t number : numbers) all += fs::file_size(SegmentPath(file_, number));
  EXPECT_LE(all, kLimit);

  const Recording recording = Load();
  EXPECT_TRUE(recording.end());
  EXPECT_THAT(recording.flaws(), testing::ElementsAre(HasSubstr("files 1 to ")));
  SessionTree session;
  std::size_t gaps = 0;
  for (const Entry& entry : recording.entries()) {
    gaps += entry.kind == Entry::Kind::kGap ? 1 : 0;
    if (entry.kind == Entry::Kind::kState) session.Restore(*wire::Decode(entry.payload));
    if (entry.kind == Entry::Kind::kPacket) {
      ASSERT_TRUE(session.Apply(entry.direction, *wire::Decode(entry.payload)));
    }
  }
  EXPECT_EQ(gaps, 1u);
  EXPECT_EQ(TextIn(*session.tree()->Find(10), "value"), "3999");

  // One of the later files alone is read, and says that it is not the beginning.
  Result<Recording> later = Recording::Load(SegmentPath(file_, numbers.back()));
  ASSERT_TRUE(later);
  EXPECT_TRUE(later->beginning_missing());
  EXPECT_THAT(later->flaws().front(), HasSubstr("the beginning is missing"));
}

TEST_F(RecorderTest, RemovesWhatAnEarlierRecordingHasLeftAndNothingElse) {
  folder_.Write("session.rec.3", Header());
  folder_.Write("session.rec.4", "notes of mine");
  Open()->Close({}, kDeadline);
  EXPECT_FALSE(fs::exists(file_ + ".3"));
  EXPECT_TRUE(fs::exists(file_ + ".4"));
}

TEST_F(RecorderTest, StopsWithOneLineOnAFullDisk) {
  testing::internal::CaptureStderr();
  RecorderOptions options;
  options.file = "/dev/full";
  Result<std::unique_ptr<Recorder>> recorder = Recorder::Open(std::move(options), {});
  ASSERT_TRUE(recorder);
  Take(**recorder, Counter());
  Take(**recorder, Counter());
  (*recorder)->Close({}, kDeadline);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("recording to /dev/full stopped: No space left on device"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST_F(RecorderTest, RefusesPlacesWhereItCannotWrite) {
  EXPECT_THAT(CheckRecordingPath(folder_.path()).error().Line(), HasSubstr("it is a folder"));
  EXPECT_THAT(CheckRecordingPath(folder_.path() + "/no/x.rec").error().Line(),
              HasSubstr("there is no folder"));
  folder_.Write("diary", "dear diary");
  EXPECT_THAT(CheckRecordingPath(folder_.path() + "/diary").error().Line(),
              HasSubstr("is no recording"));
  EXPECT_TRUE(CheckRecordingPath(file_));
}

}  // namespace
}  // namespace fletbridge::recording
