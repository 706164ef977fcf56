#include "common/transport/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// Says what happens when; the page has been drawn, and has come to rest.
class AnswersTest : public testing::Test {
 protected:
  AnswersTest() { answers_.Patch(Answers::Clock::time_point(0s)); }
  void Input(std::chrono::microseconds at) { answers_.Input(Answers::Clock::time_point(10s + at)); }
  Answers::Taken Patch(std::chrono::microseconds at) {
    return answers_.Patch(Answers::Clock::time_point(10s + at));
  }
  std::vector<std::uint64_t> Microseconds() const {
    std::vector<std::uint64_t> all = answers_.samples();
    for (std::uint64_t& sample : all) sample /= 1000;
    return all;
  }

  Answers answers_;
};

TEST_F(AnswersTest, CountInputsThatFollowOneAnother) {
  for (int i = 0; i < 1000; ++i) {
    Input(i * 1ms);
    EXPECT_EQ(Patch(i * 1ms + 500us), Answers::Taken::kAnswer);
  }
  EXPECT_EQ(Microseconds(), std::vector<std::uint64_t>(1000, 500));
  EXPECT_EQ(answers_.unclear(), 0u);
  EXPECT_EQ(answers_.between(), 0u);
}

TEST_F(AnswersTest, TellWhoseEachIs) {
  const auto input = [&](std::chrono::milliseconds at, std::uint32_t of) {
    answers_.Input(Answers::Clock::time_point(10s + at), of);
  };
  input(0ms, 1);
  Patch(1ms);
  input(2ms, 2);
  Patch(3ms);
  input(4ms, 1);
  Patch(5ms);
  EXPECT_THAT(answers_.inputs(), ElementsAre(1, 2, 1));
  Patch(6ms);  // too many: of these only the first counts
  EXPECT_THAT(answers_.inputs(), ElementsAre(1));
  EXPECT_THAT(Microseconds(), ElementsAre(1000));
  answers_.Clear();
  EXPECT_THAT(answers_.inputs(), IsEmpty());
}

TEST_F(AnswersTest, AreNoneOfThePatchesThatAHandlerGoesOnSending) {
  // The first button's handler sends ten; the second is pressed among them.
  Input(0ms);
  Patch(1ms);
  Input(1100us);
  Patch(6ms);  // the first one's second
  Patch(7ms);  // the second's answer, too many by now
  Patch(11ms);
  EXPECT_THAT(Microseconds(), ElementsAre(1000));
  EXPECT_EQ(answers_.unclear(), 1u);
  EXPECT_EQ(answers_.between(), 2u);
  // Until the page is quiet, nothing counts.
  Input(50ms);
  Patch(51ms);
  EXPECT_THAT(Microseconds(), ElementsAre(1000));
  Input(150ms);
  Patch(153ms);
  EXPECT_THAT(Microseconds(), ElementsAre(1000, 3000));
}

TEST_F(AnswersTest, OfAnInputOnAQuietPageIsTheFirstPatchEvenIfMoreFollow) {
  for (int i = 0; i < 3; ++i) {
    Input(i * 200ms);
    Patch(i * 200ms + 2ms);
    Patch(i * 200ms + 30ms);
    Patch(i * 200ms + 60ms);
  }
  EXPECT_THAT(Microseconds(), ElementsAre(2000, 2000, 2000));
}

TEST_F(AnswersTest, ComeNotFasterThanPythonCanAnswer) {
  Input(0ms);
  EXPECT_EQ(Patch(9us), Answers::Taken::kTooSoon);
  EXPECT_EQ(Patch(1ms), Answers::Taken::kNobodyWaited);
  EXPECT_THAT(Microseconds(), IsEmpty());
  EXPECT_EQ(answers_.unclear(), 1u);
}

TEST_F(AnswersTest, CannotBeToldWhereTwoInputsWait) {
  Input(0ms);
  Input(300ms);
  Patch(400ms);
  EXPECT_THAT(Microseconds(), IsEmpty());
  EXPECT_EQ(answers_.unclear(), 2u);
  // What a hand does at once is one input.
  Input(1000ms);
  Input(1001ms);
  Patch(1002ms);
  EXPECT_THAT(Microseconds(), ElementsAre(2000));
}

TEST_F(AnswersTest, OfALaterInputAreNotThoseOfOneThatChangedNothing) {
  Input(0ms);  // changes nothing
  Input(5000ms);
  Patch(5001ms);
  EXPECT_THAT(Microseconds(), ElementsAre(1000));
  Input(6000ms);
  answers_.GiveUp();
  Patch(6500ms);
  EXPECT_THAT(Microseconds(), ElementsAre(1000));
  EXPECT_EQ(answers_.between(), 1u);
}

TEST_F(AnswersTest, MayTakeAsLongAsTheyLike) {
  Input(0ms);
  Patch(20s);
  EXPECT_THAT(Microseconds(), ElementsAre(20'000'000));
}

TEST_F(AnswersTest, BeginAnewWithASession) {
  Input(0ms);
  answers_.Renew();
  Patch(1ms);  // its first frame
  EXPECT_THAT(Microseconds(), IsEmpty());
  Input(2ms);
  Patch(3ms);
  EXPECT_THAT(Microseconds(), ElementsAre(1000));
}

}  // namespace
}  // namespace fletbridge
