#include "src/ui/headless/restless_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge::headless {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// One button counts, the other one's handler goes on changing the page: the counting one comes
// right behind it, when the first late patches arrive.
TEST(RestlessInputs, NamesTheInputThatGoesOnChangingThePageAndNotTheOneThatCameBehindIt) {
  RestlessInputs inputs;
  inputs.Sent("count", true);
  inputs.Sent("load", false);
  inputs.Sent("count", false);
  inputs.Patch();
  EXPECT_THAT(inputs.known(), IsEmpty());
  EXPECT_TRUE(inputs.NeedsQuiet("load"));
  inputs.Sent("load", true);
  inputs.Patch();
  EXPECT_TRUE(inputs.NeedsQuiet("count"));
  inputs.Sent("count", true);
  inputs.Sent("load", true);
  EXPECT_THAT(inputs.known(), ElementsAre("load"));
}

TEST(RestlessInputs, NoLongerWaitForASuspectAfterWhichNothingCame) {
  RestlessInputs inputs;
  inputs.Sent("count", true);
  inputs.Sent("load", false);
  inputs.Patch();
  EXPECT_TRUE(inputs.NeedsQuiet("other"));
  inputs.Sent("count", true);
  EXPECT_TRUE(inputs.NeedsQuiet("other"));
  inputs.Sent("other", true);
  EXPECT_FALSE(inputs.NeedsQuiet("count"));
  EXPECT_TRUE(inputs.NeedsQuiet("load"));
}

TEST(RestlessInputs, BlameNoInputForWhatCameBeforeTheFirst) {
  RestlessInputs inputs;
  inputs.Patch();
  inputs.Sent("count", true);
  EXPECT_FALSE(inputs.NeedsQuiet("count"));
  EXPECT_THAT(inputs.known(), IsEmpty());
}

TEST(RestlessInputs, HaveABound) {
  RestlessInputs inputs;
  for (int i = 0; i < 1000; ++i) {
    inputs.Sent(std::to_string(i), true);
    inputs.Patch();
  }
  EXPECT_EQ(inputs.known().size(), RestlessInputs::kMost);
}

}  // namespace
}  // namespace fletbridge::headless
