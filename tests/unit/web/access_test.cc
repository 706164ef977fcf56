#include "src/ui/web/access.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

Access Closed() { return {"0123456789abcdef", "fletbridge_8550", {"shop.example"}}; }
Access Open() { return {}; }

TEST(WebAccess, AHostIsReadWithoutPortAndBracketsAndNothingElseIsOne) {
  EXPECT_EQ(HostName("LocalHost:8550"), "localhost");
  EXPECT_EQ(HostName("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(HostName("[::1]:8550"), "::1");
  for (const char* odd : {"", "a b", "a/b", "[::1", "[::1]x", "a:80x", "a@b", "a:1:2"})
    EXPECT_EQ(HostName(odd), "") << odd;
}

TEST(WebAccess, AnotherNameThatLeadsHereIsRefused) {
  for (const char* ours :
       {"localhost:8550", "127.0.0.1:8550", "[::1]:8550", "192.168.1.2:8550", "shop.example"})
    EXPECT_TRUE(HostAllowed(Closed(), ours)) << ours;
  for (const char* theirs : {"evil.example:8550", "localhost.evil.example",
                             "127.0.0.1.evil.example", "", "2130706433", "0x7f.1"})
    EXPECT_FALSE(HostAllowed(Closed(), theirs)) << theirs;
  EXPECT_TRUE(HostAllowed(Open(), "shop.other"));
  EXPECT_FALSE(HostAllowed(Open(), "a b"));
}

TEST(WebAccess, APageOfAnotherSiteIsRefusedAndAProgramHasNone) {
  EXPECT_TRUE(OriginAllowed("", "localhost:8550"));
  EXPECT_TRUE(OriginAllowed("http://localhost:8550", "LOCALHOST:8550"));
  EXPECT_TRUE(OriginAllowed("https://shop.example", "shop.example"));
  for (const char* other : {"null", "http://localhost:8551", "http://evil.example",
                            "http://localhost:8550.evil.example", "localhost:8550"})
    EXPECT_FALSE(OriginAllowed(other, "localhost:8550")) << other;
}

TEST(WebAccess, TheTokenOpensAndTheCookieGoesOn) {
  std::string rest;
  EXPECT_TRUE(HasToken(Closed(), "/a?x=1&token=0123456789abcdef&y=2", rest));
  EXPECT_EQ(rest, "/a?x=1&y=2");
  EXPECT_TRUE(HasToken(Closed(), "/?token=0123456789abcdef", rest));
  EXPECT_EQ(rest, "/");
  for (const char* none : {"/", "/?", "/?token=", "/?token=0123456789abcdeF",
                           "/?xtoken=0123456789abcdef", "/token=0123456789abcdef"})
    EXPECT_FALSE(HasToken(Closed(), none, rest)) << none;
  EXPECT_FALSE(HasToken(Open(), "/?token=", rest));

  EXPECT_EQ(SetCookie(Closed(), false),
            "fletbridge_8550=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_TRUE(SetCookie(Closed(), true).ends_with("; Secure"));
  EXPECT_TRUE(HasCookie(Closed(), "a=b; fletbridge_8550=0123456789abcdef; c=d"));
  for (const char* none :
       {"", "fletbridge_8550=", "fletbridge_8550=0123", "xfletbridge_8550=0123456789abcdef",
        "fletbridge_85500=0123456789abcdef", "a=fletbridge_8550=0123456789abcdef"})
    EXPECT_FALSE(HasCookie(Closed(), none)) << none;
  EXPECT_TRUE(HasCookie(Open(), ""));
}

TEST(WebAccess, EachTokenIsAnother) {
  const std::string one = MakeToken();
  EXPECT_EQ(one.size(), 32U);
  EXPECT_NE(one, MakeToken());
}

}  // namespace
}  // namespace fletbridge::web
