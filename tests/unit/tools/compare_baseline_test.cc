#include "tools/compare_baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(NamedBaselines, AreFoundAgainByTheAppTheyAreOf) {
  const TempFolder folder;
  const std::string state = folder.path() + "/not/yet/there";
  const NamedBaselines mine(state, "/a/main.py"), other(state, "/b/main.py");
  ASSERT_TRUE(mine.Save("before-1.2", "{}"));
  ASSERT_TRUE(mine.Save("before-1.2", "{\"again\":1}"));
  EXPECT_THAT(mine.Names(), ElementsAre("before-1.2"));
  EXPECT_TRUE(other.Names().empty());
  EXPECT_EQ(*mine.Find("before-1.2"), *mine.FileOf("before-1.2"));
  EXPECT_THAT(mine.Find("after").error().Line(), HasSubstr("there are before-1.2"));
  EXPECT_THAT(other.Find("before-1.2").error().Line(), HasSubstr("--save before-1.2"));
  // A path is a path.
  folder.Write("old.json", "{}");
  EXPECT_EQ(*mine.Find(folder.path() + "/old.json"), folder.path() + "/old.json");
  EXPECT_EQ(*mine.Find("/nowhere/old.json"), "/nowhere/old.json");
}

TEST(NamedBaselines, HaveNamesThatLeadNowhereElse) {
  const TempFolder folder;
  const NamedBaselines baselines(folder.path(), "-m app");
  for (const char* name : {"", ".", "..", "../a", "a/b", "-a", ".a", "a b", "a\n", "ü"})
    EXPECT_EQ(baselines.FileOf(name).error().code, Errc::kUsage) << name;
  EXPECT_FALSE(baselines.FileOf(std::string(65, 'a')));
  EXPECT_TRUE(baselines.FileOf(std::string(64, 'a')));
  EXPECT_THAT(NamedBaselines("", "a.py").FileOf("a").error().Line(), HasSubstr("XDG_STATE_HOME"));
}

}  // namespace
}  // namespace fletbridge
