#include "src/rollout/installation.h"

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

TEST(Installation, IsMadeOnceAndKept) {
  const TempFolder folder;
  const std::string state = folder.path() + "/a/state";
  const Installation first = FindInstallation(state);
  EXPECT_TRUE(first.kept) << first.problem;
  EXPECT_EQ(first.id.size(), 32U);
  EXPECT_EQ(FindInstallation(state).id, first.id);
  EXPECT_NE(FindInstallation(folder.path() + "/b").id, first.id);
}

TEST(Installation, IsMadeAnewWhereTheFileHoldsNone) {
  const TempFolder folder;
  folder.Write("installation-id", "not an id\n");
  const Installation made = FindInstallation(folder.path());
  EXPECT_TRUE(made.kept) << made.problem;
  EXPECT_EQ(FindInstallation(folder.path()).id, made.id);
}

TEST(Installation, IsForThisRunAloneWhereNothingCanBeWritten) {
  const Installation first = FindInstallation("/proc/no such place");
  EXPECT_FALSE(first.kept);
  EXPECT_EQ(first.id.size(), 32U);
  EXPECT_FALSE(first.problem.empty());
  EXPECT_FALSE(FindInstallation("").kept);
}

TEST(Installation, IsTheSameForAllThatStartAtOnce) {
  const TempFolder folder;
  const std::string state = folder.path() + "/state";
  int gate[2];
  int answers[2];
  ASSERT_EQ(::pipe(gate), 0);
  ASSERT_EQ(::pipe(answers), 0);
  constexpr int kStarts = 8;
  for (int i = 0; i < kStarts; ++i) {
    if (::fork() != 0) continue;
    char go = 0;
    ::close(gate[1]);
    (void)!::read(gate[0], &go, 1);  // until all are there
    const std::string id = FindInstallation(state).id;
    (void)!::write(answers[1], id.data(), id.size());
    ::_exit(0);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  while (::wait(nullptr) > 0) {
  }
  std::string all(32 * kStarts, ' ');
  ASSERT_EQ(::read(answers[0], all.data(), all.size()), static_cast<ssize_t>(all.size()));
  ::close(answers[0]);
  ::close(answers[1]);
  const std::string id = FindInstallation(state).id;
  for (int i = 0; i < kStarts; ++i) EXPECT_EQ(all.substr(32U * static_cast<unsigned>(i), 32), id);
}

}  // namespace
}  // namespace fletbridge
