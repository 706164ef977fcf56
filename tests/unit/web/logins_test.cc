#include "src/ui/web/logins.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

using namespace std::chrono_literals;

const Logins::Time kNow{};

TEST(WebLogins, AnAnswerForAPopupGoesToTheAppOnce) {
  Logins logins;
  logins.Add("s1", "", "", kNow + 1s);
  logins.Add("s2", "<b>done</b>", "", kNow + 1s);
  EXPECT_EQ(logins.Answer("code=c", kNow).status, 400);
  EXPECT_EQ(logins.Answer("code=c&state=other", kNow).status, 400);
  const Logins::Callback answer = logins.Answer("code=a%2Fb&state=s1", kNow);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.text.find("window.close()"), std::string::npos);
  ASSERT_TRUE(answer.for_app);
  EXPECT_EQ(answer.for_app->code, "a/b");
  EXPECT_EQ(answer.for_app->error, std::nullopt);
  EXPECT_EQ(logins.Answer("code=c&state=s1", kNow).status, 400);
  EXPECT_EQ(logins.Answer("error=no&state=s2", kNow).text, "<b>done</b>");
}

TEST(WebLogins, AnAnswerForThePageWaitsForItsBrowser) {
  Logins logins;
  logins.Add("s", "", "http://a/shop", kNow + 1s);
  EXPECT_FALSE(logins.Take("s", kNow));  // the provider has not answered
  const Logins::Callback answer = logins.Answer("error=denied&error_description=d&state=s", kNow);
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(answer.location, "http://a/shop");
  EXPECT_EQ(answer.state, "s");
  EXPECT_FALSE(answer.for_app);
  EXPECT_EQ(logins.Answer("code=c&state=s", kNow).status, 400);
  logins.Add("t", "", "http://a/", kNow + 1s);
  (void)logins.Answer("code=c&state=t", kNow);
  const auto taken = logins.Take("t", kNow);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->code, "c");
  EXPECT_FALSE(logins.Take("t", kNow));
  EXPECT_FALSE(logins.Take("", kNow));
}

TEST(WebLogins, TheyEndInTimeAndTheirNumberIsBounded) {
  Logins logins;
  logins.Add("late", "", "", kNow + 1s);
  EXPECT_EQ(logins.Answer("code=c&state=late", kNow + 1s).status, 400);
  logins.Add("first", "", "", kNow + 1s);
  for (std::size_t i = 0; i < kMostLogins; ++i)
    logins.Add("s" + std::to_string(i), "", "", kNow + 1s);
  EXPECT_EQ(logins.Answer("code=c&state=first", kNow).status, 400);
  EXPECT_EQ(logins.Answer("code=c&state=s0", kNow).status, 200);
  logins.Add("large", std::string(kMostLoginBytes, 'x'), "", kNow + 1s);
  EXPECT_EQ(logins.Answer("code=c&state=large", kNow).status, 400);
}

}  // namespace
}  // namespace fletbridge::web
