#include "common/base/error.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

TEST(Error, SpeaksItsContextAndElseItsCode) {
  EXPECT_EQ(MakeError(Errc::kSetup, "no flet; pip install flet").Line(),
            "no flet; pip install flet");
  EXPECT_EQ(MakeError(Errc::kPeerGone, "").Line(), "the other side is gone");
}

TEST(Error, ComparesByCode) {
  const Error error = MakeError(Errc::kLimit, "x");
  EXPECT_EQ(error.code, Errc::kLimit);
  EXPECT_NE(error.code, Errc::kClosed);
}

TEST(Result, CarriesAnErrorWithItsContext) {
  const Result<int> result = MakeError(Errc::kUsage, "no such stage");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().context, "no such stage");
}

}  // namespace
}  // namespace fletbridge
