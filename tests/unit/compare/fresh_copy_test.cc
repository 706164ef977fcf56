#include "src/compare/fresh_copy.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge::compare {
namespace {

namespace fs = std::filesystem;

class FreshCopyTest : public testing::Test {
 protected:
  FreshCopyTest() {
    fs::create_directories(root_ + "/data");
    fs::create_directories(root_ + "/.venv");
    Write(root_ + "/app.py", "x");
    Write(root_ + "/data/a.txt", "1");
    Write(root_ + "/.venv/python", "large");
    fs::create_symlink("app.py", root_ + "/link.py");
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  const TempFolder folder_;
  const std::string root_ = fs::canonical(folder_.path()).string() + "/root";
  const std::string to_ = folder_.path() + "/copy";
};

TEST_F(FreshCopyTest, HasTheAppsFilesAndLeavesNothing) {
  {
    const auto copy = FreshCopy::Make(root_, to_);
    ASSERT_NE(copy, nullptr);
    const std::string app = copy->Placed(root_ + "/app.py");
    EXPECT_NE(app, root_ + "/app.py");
    EXPECT_TRUE(fs::exists(app));
    EXPECT_TRUE(fs::exists(copy->Placed(root_ + "/data/a.txt")));
    EXPECT_TRUE(fs::is_symlink(to_ + "/app/link.py"));
    EXPECT_FALSE(fs::exists(to_ + "/app/.venv"));
    EXPECT_EQ(copy->Placed("/usr/bin/env"), "/usr/bin/env");
    EXPECT_TRUE(fs::equivalent(copy->Placed(root_), to_ + "/app"));
  }
  EXPECT_FALSE(fs::exists(to_));
}

TEST_F(FreshCopyTest, SeesWhatIsWrittenIntoItAndIntoItsHome) {
  const auto copy = FreshCopy::Make(root_, to_);
  ASSERT_NE(copy, nullptr);
  EXPECT_FALSE(copy->Written());
  fs::create_directories(to_ + "/app/__pycache__");
  Write(to_ + "/app/__pycache__/app.pyc", "x");
  EXPECT_FALSE(copy->Written());
  Write(to_ + "/home/state", "x");
  EXPECT_TRUE(copy->Written());
}

TEST_F(FreshCopyTest, IsNoneOfAFolderThatIsTooLarge) {
  for (std::size_t i = 0; i <= FreshCopy::kMostFiles; ++i)
    Write(root_ + "/data/" + std::to_string(i), "");
  EXPECT_EQ(FreshCopy::Make(root_, to_), nullptr);
  EXPECT_FALSE(fs::exists(to_));
  EXPECT_EQ(FreshCopy::Make(root_ + "/nowhere", to_), nullptr);
}

}  // namespace
}  // namespace fletbridge::compare
