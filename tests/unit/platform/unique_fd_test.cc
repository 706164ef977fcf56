#include "common/platform/unique_fd.h"

#include <fcntl.h>
#include <utility>

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
int OpenNull() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(UniqueFd, ClosesWhatItOwns) {
  int fd = -1;
  {
    const UniqueFd owner(OpenNull());
    fd = owner.get();
    ASSERT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(UniqueFd, MovesAndLeavesNothingBehind) {
  UniqueFd from(OpenNull());
  const int fd = from.get();
  UniqueFd to(OpenNull());
  const int replaced = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), fd);
  EXPECT_FALSE(from);
  EXPECT_FALSE(IsOpen(replaced));
  EXPECT_TRUE(IsOpen(fd));
}

TEST(UniqueFd, GivesItAwayOpen) {
  UniqueFd owner(OpenNull());
  const UniqueFd other(owner.release());
  EXPECT_FALSE(owner);
  EXPECT_TRUE(IsOpen(other.get()));
}

}  // namespace
}  // namespace fletbridge
