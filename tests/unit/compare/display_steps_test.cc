#include "src/compare/display_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(ParseDisplaySteps, ReadsClicksThatAreWatchedAndThoseThatAreNot) {
  const auto steps = ParseDisplaySteps(
      "# a page further, then the number\n"
      "click at 10,20\n\n"
      "sleep 50ms\n"
      "repeat 2 click at 691,360 watch 620,330,36,60 2s  # up\n");
  ASSERT_TRUE(steps) << steps.error().Line();
  ASSERT_EQ(steps->size(), 4u);
  EXPECT_EQ((*steps)[0].x, 10);
  EXPECT_EQ((*steps)[0].y, 20);
  EXPECT_FALSE((*steps)[0].watch);
  EXPECT_LT((*steps)[1].x, 0);
  EXPECT_EQ((*steps)[1].time, 50ms);
  for (const std::size_t i : {2u, 3u}) {
    EXPECT_EQ((*steps)[i].time, 2s);
    ASSERT_TRUE((*steps)[i].watch);
    EXPECT_EQ((*steps)[i].watch->x, 620);
    EXPECT_EQ((*steps)[i].watch->height, 60);
  }
}

TEST(ParseDisplaySteps, ReadsWhatMeasuresFrames) {
  const auto steps = ParseDisplaySteps(
      "click at 10,20 frames 2s\nscroll at 640,360 by 60 frames 500ms\nscroll at 1,2 by -3 frames "
      "1s\n");
  ASSERT_TRUE(steps) << steps.error().Line();
  EXPECT_TRUE((*steps)[0].frames);
  EXPECT_EQ((*steps)[0].time, 2s);
  EXPECT_EQ((*steps)[0].scroll, 0);
  EXPECT_TRUE((*steps)[1].frames);
  EXPECT_EQ((*steps)[1].scroll, 60);
  EXPECT_EQ((*steps)[1].time, 500ms);
  EXPECT_EQ((*steps)[2].scroll, -3);
}

TEST(ParseDisplaySteps, NamesTheLineThatIsWrong) {
  for (const char* wrong :
       {"click text=\"+\"", "click at 10", "click at 10,20,30", "click at -1,2",
        "click at 1,2 watch", "click at 1,2 watch 1,2,3", "click at 1,2 watch 1,2,3,4 5",
        "click at 1,2 5s", "click at 1,2 frames", "click at 1,2 frames 2", "scroll at 1,2",
        "scroll at 1,2 by 5", "scroll at 1,2 by 0 frames 1s", "scroll at 1,2 by x frames 1s",
        "sleep", "sleep 1h", "type key=name \"Ann\""}) {
    const auto steps = ParseDisplaySteps("click at 1,2\n" + std::string(wrong) + "\n");
    ASSERT_FALSE(steps) << wrong;
    EXPECT_EQ(steps.error().code, Errc::kUsage);
    EXPECT_THAT(steps.error().Line(), HasSubstr("line 2: " + std::string(wrong)));
    EXPECT_THAT(steps.error().Line(), HasSubstr("click at X,Y watch X,Y,WIDTH,HEIGHT"));
  }
}

TEST(ParseDisplaySteps, RefusesWhatIsNotOnTheScreen) {
  for (const char* wrong :
       {"click at 1280,0", "click at 0,720", "click at 1,1 watch 0,0,0,5",
        "click at 1,1 watch 1279,0,2,1", "click at 1,1 watch 0,0,1,2147483647"}) {
    const auto steps = ParseDisplaySteps(wrong);
    ASSERT_FALSE(steps) << wrong;
    EXPECT_THAT(steps.error().Line(), HasSubstr("outside of the screen of 1280 x 720"));
  }
  EXPECT_TRUE(ParseDisplaySteps("click at 1279,719 watch 0,0,1280,720"));
}

TEST(ParseDisplaySteps, RepeatsNoMoreThanItCanHold) {
  EXPECT_FALSE(ParseDisplaySteps("repeat click at 1,2"));
  EXPECT_FALSE(ParseDisplaySteps("repeat 0 click at 1,2"));
  EXPECT_FALSE(ParseDisplaySteps("repeat 1000000000 click at 1,2"));
}

}  // namespace
}  // namespace fletbridge::compare
