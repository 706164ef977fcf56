#include "src/compare/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge::compare {
namespace {

using testing::HasSubstr;

TEST(ParseVariant, ReadsStagesFletAndTheOriginal) {
  const Result<Variant> stage = ParseVariant("2:tcp@static");
  ASSERT_TRUE(stage);
  EXPECT_EQ(stage->kind, Variant::Kind::kStage);
  EXPECT_EQ(stage->stage, "2");
  EXPECT_EQ(stage->transport, "tcp");
  EXPECT_EQ(stage->hosting, "static");
  EXPECT_EQ(ParseVariant("1")->transport, "uds");
  EXPECT_EQ(ParseVariant("3")->transport, "ffi");
  EXPECT_EQ(ParseVariant("flet:uds")->kind, Variant::Kind::kFlet);
  EXPECT_EQ(ParseVariant("original:ffi")->kind, Variant::Kind::kPackaged);
  EXPECT_EQ(ParseVariant("bridge:ffi")->stage, "bridge");
}

TEST(ParseVariant, ReadsAnAddedDelay) {
  EXPECT_EQ(ParseVariant("1:uds+100us")->delay, std::chrono::microseconds(100));
  EXPECT_FALSE(ParseVariant("2:uds")->accelerated);
  EXPECT_TRUE(ParseVariant("2:uds+accelerators")->accelerated);
  EXPECT_EQ(ParseVariant("3@library+14us")->hosting, "library");
  for (const char* wrong : {"1:uds+", "1:uds+us", "1:uds+100", "1:uds+-1us", "1:uds+2000000us"}) {
    EXPECT_FALSE(ParseVariant(wrong)) << wrong;
  }
}

TEST(ParseVariant, NamesWhatThereIsWhenThereIsNone) {
  for (const char* wrong : {"", "4", "3:uds", "1:udp", "flet", "flet:ffi", "flet:uds@static",
                            "original:uds", "1:uds@static", "2:uds@shared"}) {
    const Result<Variant> variant = ParseVariant(wrong);
    ASSERT_FALSE(variant) << wrong;
    EXPECT_EQ(variant.error().code, Errc::kUsage);
    EXPECT_THAT(variant.error().Line(), HasSubstr("bridge:ffi"));
  }
}

TEST(ParseVariants, TakesEachOnceAndInOrder) {
  const auto variants = ParseVariants("1:uds,3,flet:tcp");
  ASSERT_TRUE(variants);
  ASSERT_EQ(variants->size(), 3u);
  EXPECT_EQ((*variants)[2].name, "flet:tcp");
  EXPECT_THAT(ParseVariants("3,1:uds,3").error().Line(), HasSubstr("named twice"));
  EXPECT_FALSE(ParseVariants("3,"));
}

}  // namespace
}  // namespace fletbridge::compare
