#include "src/ui/web/proxy.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

TrustedProxies Trusting(const std::vector<std::string>& texts) {
  Result<TrustedProxies> made = TrustedProxies::Of(texts);
  EXPECT_TRUE(made);
  return made ? *made : TrustedProxies();
}

constexpr ForwardedHeaders kAll{"6.6.6.6, 203.0.113.9, 10.1.0.2", "https", "shop.example:8443",
                                "/tools/shop/"};

TEST(WebProxy, OfStrangersTheHeadersCountForNothing) {
  for (const auto& proxies : {Trusting({}), Trusting({"10.0.0.1"})}) {
    const Origin origin = OriginOf(proxies, "127.0.0.1", "localhost:8550", kAll);
    EXPECT_EQ(origin.ip, "127.0.0.1");
    EXPECT_EQ(origin.host, "localhost:8550");
    EXPECT_EQ(origin.prefix, "");
    EXPECT_FALSE(origin.is_https);
    EXPECT_FALSE(origin.through_proxy);
  }
}

TEST(WebProxy, ATrustedOneSaysWhoHasAskedForWhat) {
  const Origin origin =
      OriginOf(Trusting({"127.0.0.1", "10.0.0.0/8"}), "127.0.0.1", "localhost:8550", kAll);
  EXPECT_EQ(origin.ip, "203.0.113.9");  // the last that no trusted one has made up
  EXPECT_EQ(origin.host, "shop.example:8443");
  EXPECT_EQ(origin.prefix, "/tools/shop");
  EXPECT_TRUE(origin.is_https);
  EXPECT_TRUE(origin.through_proxy);
}

TEST(WebProxy, WhatIsMalformedCountsAsAbsent) {
  const TrustedProxies proxies = Trusting({"::1"});
  const Origin none = OriginOf(proxies, "::1", "a", {"unknown", "gopher", "a b", "shop"});
  EXPECT_EQ(none.ip, "::1");
  EXPECT_EQ(none.host, "a");
  EXPECT_EQ(none.prefix, "");
  EXPECT_FALSE(none.is_https);
  for (const char* prefix : {"/a/../b", "/a\"b", "/<a>", "x", "/", ""})
    EXPECT_EQ(OriginOf(proxies, "::1", "a", {"", "", "", prefix}).prefix, "") << prefix;
  // Another host's page would be loaded from there.
  EXPECT_EQ(OriginOf(proxies, "::1", "a", {"", "", "", "//evil.example"}).prefix, "/evil.example");
  EXPECT_EQ(OriginOf(proxies, "::1", "a", {"[2001:db8::1]:99", "", "", ""}).ip, "2001:db8::1");
  EXPECT_EQ(OriginOf(proxies, "::1", "a", {"192.0.2.1:99", "", "", ""}).ip, "192.0.2.1");
}

TEST(WebProxy, NetworksAreReadByTheirBits) {
  const TrustedProxies proxies = Trusting({"10.16.0.0/12", "2001:db8::/33", "0.0.0.0/32"});
  for (const char* inside : {"10.16.0.1", "10.31.255.255", "2001:db8:7fff::1"})
    EXPECT_TRUE(proxies.Trusts(inside)) << inside;
  for (const char* outside : {"10.32.0.1", "10.15.0.1", "2001:db8:8000::1", "1.2.3.4", "::", ""})
    EXPECT_FALSE(proxies.Trusts(outside)) << outside;
  EXPECT_TRUE(Trusting({"0.0.0.0/0"}).Trusts("1.2.3.4"));
  EXPECT_FALSE(Trusting({"0.0.0.0/0"}).Trusts("::1"));
  for (const char* bad : {"proxy.example", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "/8",
                          "::/129", "10.0.0.0/8x", ""})
    EXPECT_FALSE(TrustedProxies::Of({bad})) << bad;
}

}  // namespace
}  // namespace fletbridge::web
