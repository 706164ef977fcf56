#include "common/platform/memory.h"

#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fletbridge::platform {
namespace {

off_t SizeOf(const UniqueFd& memory) {
  struct stat info {};
  return ::fstat(memory.get(), &info) == 0 ? info.st_size : -1;
}

TEST(Memory, HoldsWhatWasWrittenAndHasNoPath) {
  const UniqueFd memory = MakeMemory("test");
  ASSERT_TRUE(memory);
  EXPECT_EQ(SizeOf(memory), 0);
  constexpr std::string_view kText = "handed over";
  ASSERT_EQ(::write(memory.get(), kText.data(), kText.size()), 11);
  char read[32];
  EXPECT_EQ(::pread(memory.get(), read, sizeof read, 0), 11);
  EXPECT_EQ(std::string_view(read, 11), kText);
  struct stat info {};
  ASSERT_EQ(::fstat(memory.get(), &info), 0);
  EXPECT_EQ(info.st_nlink, 0U);
}

TEST(Memory, OfAFixedSizeIsZerosOfThatSize) {
  const UniqueFd memory = MakeFixedMemory("test", 4096);
  ASSERT_TRUE(memory);
  EXPECT_EQ(SizeOf(memory), 4096);
  char last = 1;
  EXPECT_EQ(::pread(memory.get(), &last, 1, 4095), 1);
  EXPECT_EQ(last, 0);
  EXPECT_EQ(::pwrite(memory.get(), "x", 1, 4095), 1);
}

}  // namespace
}  // namespace fletbridge::platform
