#include "src/rollout/flags/murmur3.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

// The vectors that the implementations of MurmurHash3 are compared by.
TEST(Murmur3, GivesThePublishedHashes) {
  EXPECT_EQ(Murmur3("", 0), 0U);
  EXPECT_EQ(Murmur3("", 1), 0x514E28B7U);
  EXPECT_EQ(Murmur3("", 0xffffffffU), 0x81F16F39U);
  EXPECT_EQ(Murmur3(std::string_view("\0\0\0\0", 4), 0), 0x2362F9DEU);
  EXPECT_EQ(Murmur3("test", 0), 0xba6bd213U);
  EXPECT_EQ(Murmur3("test", 0x9747b28cU), 0x704b81dcU);
  EXPECT_EQ(Murmur3("Hello, world!", 0), 0xc0363e43U);
  EXPECT_EQ(Murmur3("Hello, world!", 0x9747b28cU), 0x24884CBAU);
  EXPECT_EQ(Murmur3("The quick brown fox jumps over the lazy dog", 0), 0x2e4ff723U);
  EXPECT_EQ(Murmur3("The quick brown fox jumps over the lazy dog", 0x9747b28cU), 0x2FA826CDU);
}

TEST(Murmur3, TakesEveryLengthOfItsTail) {
  EXPECT_EQ(Murmur3("a", 0x9747b28cU), 0x7FA09EA6U);
  EXPECT_EQ(Murmur3("aa", 0x9747b28cU), 0x5D211726U);
  EXPECT_EQ(Murmur3("aaa", 0x9747b28cU), 0x283E0130U);
  EXPECT_EQ(Murmur3("aaaa", 0x9747b28cU), 0x5A97808AU);
}

// What flagd's own suite calls its edges: keys whose hashes lie at the ends of the range.
TEST(Murmur3, MeetsTheEdgesOfFlagdsSuite) {
  EXPECT_EQ(Murmur3("ejOoVL"), 0U);
  EXPECT_EQ(Murmur3("bY9fO-"), 1U);
  EXPECT_EQ(Murmur3("SI7p-"), 0x7fffffffU);
  EXPECT_EQ(Murmur3("6LvT0"), 0x80000000U);
  EXPECT_EQ(Murmur3("ceQdGm"), 0xffffffffU);
}

TEST(Murmur3, ReadsBytesAboveAscii) {
  EXPECT_NE(Murmur3("\xC3\xA4"), Murmur3("\xC3\xB6"));
  EXPECT_EQ(
      Murmur3("\xCF\x80\xCF\x80\xCF\x80\xCF\x80\xCF\x80\xCF\x80\xCF\x80\xCF\x80", 0x9747b28cU),
      0xD58063C1U);
}

}  // namespace
}  // namespace fletbridge
