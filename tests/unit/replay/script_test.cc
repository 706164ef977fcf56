#include "src/recording/replay/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/recording/readable.h"
#include "tests/unit/recording/made_up_session.h"

namespace fletbridge::replay {
namespace {

using namespace fletbridge::recording;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Plays a recording to an app that the test is, at times that the test tells.
class ScriptTest : public testing::Test {
 protected:
  void Play(const std::vector<Frame>& frames, ScriptOptions options = {}) {
    recording_.emplace(*Recording::FromBytes(Buffer(std::string_view(FileOf(frames)))));
    script_.emplace(*recording_, mask_, options,
                    Script::Out{[this](Packet packet) {
                                  sent_.push_back(ToJson(*wire::Decode(packet.payload.span())));
                                },
                                [this] { sent_.push_back("new client"); }});
    Advance();
  }
  void Advance(std::chrono::milliseconds later = 0ms) {
    now_ += later;
    next_ = script_->Advance(now_);
  }
  void Says(Buffer message) {
    ASSERT_TRUE(script_->Take({PacketType::kControl, std::move(message)}, now_));
    Advance();
  }
  // What was sent since the last time.
  std::vector<std::string> Sent() { return std::exchange(sent_, {}); }

  std::optional<Recording> recording_;
  const diff::Mask mask_;
  std::optional<Script> script_;
  std::vector<std::string> sent_;
  std::optional<Clock::time_point> next_;
  Clock::time_point now_ = Clock::now();
};

TEST_F(ScriptTest, SendsAnInputOnceWhatItAnswersHasCome) {
  Play(Counter());
  EXPECT_THAT(Sent(), ElementsAre(HasSubstr(R"([1,{"session_id":null)")));
  Says(Registered());
  EXPECT_THAT(Sent(), IsEmpty());
  Says(Shows(L({Text(10, "0"), Button(11, "+")})));
  EXPECT_THAT(Sent(), ElementsAre(R"([3,{"target":11,"name":"click","data":null}])"));
  EXPECT_FALSE(script_->finished());
  Advance(1ms);  // sooner than Python can, nothing is an answer
  Says(Sets(0, "value", "1"));
  EXPECT_TRUE(script_->finished());
  EXPECT_TRUE(script_->Verdict().same());
  EXPECT_EQ(script_->latencies().size(), 1u);
}

TEST_F(ScriptTest, FindsTheControlUnderAnotherNumberAndAnotherPlace) {
  Play(Counter());
  Says(Registered());
  Says(Shows(L({Text(70, "new"), Text(71, "0"), Button(72, "+")})));
  EXPECT_THAT(Sent(), ElementsAre(testing::_, R"([3,{"target":72,"name":"click","data":null}])"));
}

TEST_F(ScriptTest, GoesOnWhenThePageIsTheSameInFewerFrames) {
  std::vector<Frame> frames = Counter();
  frames.push_back(ToUi(Sets(0, "value", "2")));
  frames.push_back(ToApp(Event(11, "click")));
  Play(frames);
  Says(Registered());
  Says(Shows(L({Text(10, "0"), Button(11, "+")})));
  Sent();
  Says(Sets(0, "value", "2"));
  EXPECT_THAT(Sent(), IsEmpty());
  ASSERT_TRUE(next_);
  Advance(std::chrono::duration_cast<std::chrono::milliseconds>(*next_ - now_) + 1ms);
  EXPECT_THAT(Sent(), SizeIs(1));
  EXPECT_TRUE(script_->finished());
  EXPECT_TRUE(script_->Verdict().same());
}

TEST_F(ScriptTest, DoesNotWaitForEver) {
  Play(Counter(), {.full_speed = true, .patience = 1000ms});
  Says(Registered());
  Sent();
  Advance(500ms);
  EXPECT_THAT(Sent(), IsEmpty());
  Advance(501ms);
  // The app shows no button that could be clicked.
  EXPECT_THAT(Sent(), IsEmpty());
  Advance(1001ms);
  EXPECT_TRUE(script_->finished());
  EXPECT_FALSE(script_->Verdict().same());
}

TEST_F(ScriptTest, KeepsTheRecordedGapIfAsked) {
  Play(Counter(), {.full_speed = false, .patience = 1000ms});
  Advance(1ms);
  Says(Registered());
  Says(Shows(L({Text(10, "0"), Button(11, "+")})));
  EXPECT_THAT(Sent(), SizeIs(1));
  ASSERT_TRUE(next_);
  EXPECT_EQ(*next_ - now_, 1ms);
  Advance(1ms);
  EXPECT_THAT(Sent(), SizeIs(1));
}

TEST_F(ScriptTest, AnswersCallsAsTheRecordedClientDid) {
  const auto call = [](std::int64_t control, const char* id, const char* key) {
    return Message(5, M({{"control_id", control},
                         {"call_id", id},
                         {"name", "get"},
                         {"args", M({{"key", key}})}}));
  };
  std::vector<Frame> frames = Counter();
  frames.push_back(ToUi(call(10, "r1", "a")));
  frames.push_back(ToUi(call(10, "r2", "b")));
  frames.push_back(ToApp(Answer(10, "r1", "of a")));
  frames.push_back(ToApp(Answer(10, "r2", {}, "no b")));
  Play(frames);
  Says(Registered());
  Says(Shows(L({Text(70, "0"), Button(71, "+")})));
  Says(Sets(0, "value", "1"));
  Sent();
  Says(call(70, "l1", "b"));
  EXPECT_THAT(Sent(), IsEmpty());
  Says(call(70, "l2", "a"));
  EXPECT_THAT(Sent(),
              ElementsAre(R"([5,{"control_id":70,"call_id":"l2","result":"of a","error":null}])",
                          R"([5,{"control_id":70,"call_id":"l1","result":null,"error":"no b"}])"));
  EXPECT_TRUE(script_->finished());
}

TEST_F(ScriptTest, AnswersACallThatWasNeverRecordedWithAnError) {
  Play(Counter());
  Says(Registered());
  Says(Shows(L({Text(10, "0"), Button(11, "+")})));
  Sent();
  Says(Message(5, M({{"control_id", 10}, {"call_id", "x"}, {"name", "new"}})));
  EXPECT_THAT(Sent(), ElementsAre(HasSubstr("the recording holds no answer to new")));
}

TEST_F(ScriptTest, RefusesWhatIsNoMessage) {
  Play(Counter());
  EXPECT_EQ(
      script_->Take({PacketType::kControl, Buffer(std::string_view("\xc1"))}, now_).error().code,
      Errc::kPeerMisbehaved);
}

}  // namespace
}  // namespace fletbridge::replay
