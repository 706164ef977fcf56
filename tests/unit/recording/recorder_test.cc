#include "src/recording/recorder.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <malloc.h>
#include <sys/stat.h>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/platform/unique_fd.h"
#include "common/wire/session.h"
#include "src/recording/recording.h"
#include "src/recording/segments.h"
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

// 0 where the allocator is a sanitizer's.
std::size_t BytesInUse() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

RecorderOptions OptionsFor(const std::string& file) {
  RecorderOptions options;
  options.file = file;
  return options;
}

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
  recorder->Close({7, "a step failed"}, kDeadline);
  const Recording recording = Load();
  EXPECT_EQ(recording.packets(), 5u);
  EXPECT_EQ(recording.info().stage, "3");
  EXPECT_EQ(recording.info().generation, 3);
  EXPECT_GT(recording.info().started_unix_ns, 0);
  ASSERT_TRUE(recording.end());
  EXPECT_EQ(recording.end()->code, 7);
  EXPECT_THAT(recording.flaws(), IsEmpty());
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(RecorderTest, BeginsTheNextSessionWithItsFirstPacketAndEndsWithTheLastPage) {
  const auto recorder = Open();
  Take(*recorder, Counter());
  recorder->NewSession();
  Take(*recorder, Counter());
  recorder->NewSession();
  recorder->Close({0, "done"}, kDeadline);
  std::vector<std::size_t> sessions;
  const Recording recording = Load();
  for (std::size_t i = 0; i < recording.entries().size(); ++i) {
    if (recording.entries()[i].kind == Entry::Kind::kSession) sessions.push_back(i);
  }
  EXPECT_EQ(recording.packets(), 10u);
  EXPECT_EQ(sessions, std::vector<std::size_t>{5});
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

TEST_F(RecorderTest, KeepsOrderAndBytesOfPacketsOfAllSizes) {
  const auto recorder = Open();
  std::vector<std::size_t> sizes;
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 94, 4096, 65536, 700'000,
                                                                   1'048'575, 1'048'576, 3'000'000})
    sizes.insert(sizes.end(), {size, 0, 1, size});
  std::vector<Buffer> sent;
  for (const std::size_t size : sizes) {
    std::string text(size, static_cast<char>('a' + sent.size() % 26));
    sent.emplace_back(std::string_view(text));
    recorder->Take(Direction::kToUi, {PacketType::kData, Buffer(sent.back().span())});
  }
  recorder->Close({}, kDeadline);
  const Recording recording = Load();
  EXPECT_THAT(recording.flaws(), IsEmpty());
  ASSERT_EQ(recording.packets(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i)
    EXPECT_TRUE(std::ranges::equal(recording.entries()[i].payload, sent[i].span())) << i;
}

TEST_F(RecorderTest, GivesTheMemoryOfABurstBackWhenNothingComesAnyMore) {
  const Packet packet{PacketType::kData, Buffer(std::string_view(std::string(65536, 'x')))};
  const std::size_t before = BytesInUse();
  if (before < packet.payload.size()) GTEST_SKIP() << "the allocator does not tell what is in use";
  const auto recorder = Open();
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    recorder->Take(Direction::kToUi, packet);
    most = std::max(most, BytesInUse());
  }
  constexpr std::size_t kIdle = std::size_t{2} << 20;
  EXPECT_GT(most, before + kIdle);
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (BytesInUse() > before + kIdle && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_LE(BytesInUse(), before + kIdle);
}

TEST_F(RecorderTest, StopsWithOneLineWhenWhatWaitsForASlowDiskExceedsItsBound) {
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  UniqueFd reader(::open(pipe.c_str(), O_RDWR | O_CLOEXEC));  // which reads nothing
  RecorderOptions options;
  options.file = pipe;
  options.most_waiting = std::size_t{4} << 20;
  Result<std::unique_ptr<Recorder>> recorder = Recorder::Open(std::move(options), {});
  ASSERT_TRUE(recorder);
  const Packet packet{PacketType::kData, Buffer(std::string_view(std::string(65536, 'x')))};
  testing::internal::CaptureStderr();
  const std::size_t before = BytesInUse();
  for (int i = 0; i < 1000; ++i) (*recorder)->Take(Direction::kToUi, packet);
  EXPECT_LE(BytesInUse(), before + (std::size_t{24} << 20));
  reader.reset();
  (*recorder)->Close({}, kDeadline);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("stopped: the disk is slower than the app"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
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
  wire::Session session;
  std::size_t gaps = 0;
  for (const Entry& entry : recording.entries()) {
    gaps += entry.kind == Entry::Kind::kGap ? 1 : 0;
    if (entry.kind == Entry::Kind::kState) session.Restore(*wire::Decode(entry.payload));
    if (entry.kind == Entry::Kind::kPacket) {
      Result<wire::Message> message = MessageIn(entry, recording.codec());
      ASSERT_TRUE(message);
      ASSERT_TRUE(session.Apply(*message));
    }
  }
  EXPECT_EQ(gaps, 1u);
  EXPECT_EQ(wire::TextIn(*session.tree()->Find(10), "value"), "3999");

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

// A recording holds what is typed: nobody else may have its file open, or have chosen it.
TEST_F(RecorderTest, MakesItsFilesAnew) {
  folder_.Write("session.rec", Header());
  ASSERT_EQ(::chmod(file_.c_str(), 0666), 0);
  const UniqueFd spy(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
  const auto recorder = Open();
  Take(*recorder, Counter());
  recorder->Close({}, kDeadline);
  struct stat info {};
  ASSERT_EQ(::fstat(spy.get(), &info), 0);
  EXPECT_EQ(info.st_size, static_cast<off_t>(Header().size()));
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Load().packets(), Counter().size());
}

TEST_F(RecorderTest, RefusesWhatAnotherUserHasMadeFirst) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 01777), 0);
  const std::string link = folder_.path() + "/link.rec";
  fs::create_symlink(folder_.path() + "/elsewhere", link);
  if (::geteuid() == 0) {  // else nobody's can be made
    folder_.Write("session.rec", "");
    ASSERT_EQ(::chown(file_.c_str(), 65534, 65534), 0);
    ASSERT_EQ(::lchown(link.c_str(), 65534, 65534), 0);
    EXPECT_THAT(CheckRecordingPath(file_).error().Line(), HasSubstr("belongs to another user"));
    EXPECT_THAT(CheckRecordingPath(link).error().Line(), HasSubstr("another user has made"));
    EXPECT_FALSE(Recorder::Open(OptionsFor(file_), {}));
    EXPECT_FALSE(Recorder::Open(OptionsFor(link), {}));
  }
  EXPECT_FALSE(fs::exists(folder_.path() + "/elsewhere"));
}

TEST_F(RecorderTest, DoesNotWaitForSomebodyToReadAFifo) {
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto recorder = Recorder::Open(OptionsFor(pipe), {});
  ASSERT_FALSE(recorder);
  EXPECT_THAT(recorder.error().Line(), HasSubstr("nobody reads it"));
}

// What stands where a later file is to be is not written into.
TEST_F(RecorderTest, StopsWhereALaterFileIsSomebodysAlready) {
  folder_.Write("session.rec.1", "notes of mine");
  testing::internal::CaptureStderr();
  const auto recorder = Open(std::uint64_t{64} << 10);
  Take(*recorder, Counter());
  for (int i = 0; i < 4000; ++i) recorder->Take(Direction::kToApp, PacketOf(Event(11, "click")));
  recorder->Close({}, kDeadline);
  FlushLog();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("session.rec.1: it is there and is no recording of yours"));
  EXPECT_EQ(folder_.Read("session.rec.1"), "notes of mine");
}

TEST_F(RecorderTest, TakesOnePacketThatIsLargerThanWhatMayWait) {
  const auto recorder = Open(std::uint64_t{256} << 20);
  Take(*recorder, Counter());
  const std::string large(std::size_t{60} << 20, 'x');
  recorder->Take(Direction::kToApp, {PacketType::kData, Buffer(std::string_view(large))});
  for (int i = 0; i < 100; ++i) recorder->Take(Direction::kToApp, PacketOf(Event(11, "click")));
  recorder->Close({}, kDeadline);
  const Recording recording = Load();
  EXPECT_THAT(recording.flaws(), IsEmpty());
  EXPECT_EQ(recording.packets(), Counter().size() + 101);
}

TEST_F(RecorderTest, SaysThatAPacketIsLargerThanTheLimit) {
  testing::internal::CaptureStderr();
  const auto recorder = Open(std::uint64_t{4} << 20);
  Take(*recorder, Counter());
  const std::string large(std::size_t{60} << 20, 'x');
  recorder->Take(Direction::kToApp, {PacketType::kData, Buffer(std::string_view(large))});
  recorder->Take(Direction::kToApp, PacketOf(Event(11, "click")));
  recorder->Close({}, kDeadline);
  FlushLog();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("stopped: a packet of 62914560 bytes, with the page's first state and the "
                        "last, needs more than the limit of 4194304 bytes; raise --record-limit"));
  EXPECT_EQ(Load().packets(), Counter().size());
}

// Each later file begins with the page.
TEST_F(RecorderTest, DoesNotWriteALargePageForEachPacket) {
  constexpr std::uint64_t kLimit = std::uint64_t{4} << 20;
  const auto recorder = Open(kLimit);
  std::vector<Frame> frames = Counter();
  frames.push_back(ToUi(Sets(0, "tooltip", std::string(std::size_t{1} << 20, 'x'))));
  Take(*recorder, frames);
  for (int i = 0; i < 20'000; ++i) {
    recorder->Take(Direction::kToUi, PacketOf(Sets(0, "value", std::to_string(i).c_str())));
  }
  recorder->Close({}, kDeadline);
  const std::vector<std::uint32_t> numbers = SegmentsBeside(file_);
  ASSERT_FALSE(numbers.empty());
  EXPECT_LE(numbers.back(), 12u);
  EXPECT_THAT(Load().end(), testing::Ne(std::nullopt));
}

}  // namespace
}  // namespace fletbridge::recording
