#include "src/ui/web/visitors.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

TrustedProxies Trusted() { return *TrustedProxies::Of({"10.0.0.0/24"}); }

TEST(WebVisitors, AreLimitedByAddress) {
  Visitors visitors(Trusted());
  for (std::size_t i = 0; i < Visitors::kMostOfOneAddress; ++i)
    ASSERT_TRUE(visitors.Enter("192.168.1.1"));
  EXPECT_FALSE(visitors.Enter("192.168.1.1"));
  EXPECT_TRUE(visitors.Enter("192.168.1.2"));
  visitors.Leave("192.168.1.1");
  EXPECT_TRUE(visitors.Enter("192.168.1.1"));
}

TEST(WebVisitors, OfATrustedProxyAndOfThisMachineAreLimitedOnlyInAll) {
  for (const char* address : {"10.0.0.7", "127.0.0.1", "::1"}) {
    Visitors visitors(Trusted());
    for (std::size_t i = 0; i < Visitors::kMost; ++i) ASSERT_TRUE(visitors.Enter(address));
    EXPECT_FALSE(visitors.Enter(address));
    EXPECT_FALSE(visitors.Enter("192.168.1.1"));
    visitors.Leave(address);
    EXPECT_TRUE(visitors.Enter("192.168.1.1"));
  }
}

TEST(WebVisitors, WhoNeverEnteredCannotLeave) {
  Visitors visitors(Trusted());
  for (int i = 0; i < 3; ++i) visitors.Leave("192.168.1.1");
  for (std::size_t i = 0; i < Visitors::kMost; ++i) ASSERT_TRUE(visitors.Enter("::1"));
  EXPECT_FALSE(visitors.Enter("::1"));
}

}  // namespace
}  // namespace fletbridge::web
