#include "src/ui/web/upload_url.h"

#include <gtest/gtest.h>

#include "src/ui/web/query.h"

namespace fletbridge::web {
namespace {

// By flet_web 1.0.5: build_upload_query_string() and get_upload_signature().
constexpr const char* kQuery =
    "f=a+b%2F%C3%BC%2B.txt&e=2030-01-02T03%3A04%3A05.678901%2B00%3A00&s="
    "7a1afbd03cea16745eab2b9c1dbdf69b1b0993785cc9ee3af522cb2f5b9e53f6";
constexpr const char* kMounted =
    "f=x&e=2030-01-02T03%3A04%3A05%2B00%3A00&s="
    "b39a8aa67461df98b3e86c39c4d635ad0a1127a835dab9c8f597a7c2f0f8007e";

using Clock = std::chrono::system_clock;
const Clock::time_point kExpires =
    Clock::from_time_t(1893553445) + std::chrono::microseconds(678901);

UploadAnswer Check(const std::string& query, const std::string& key = "a secret",
                   Clock::time_point now = kExpires - std::chrono::milliseconds(1)) {
  std::string name;
  return CheckUploadUrl("/upload", query, key, now, name);
}

std::string With(const std::string& part, const std::string& other) {
  std::string query = kQuery;
  return query.replace(query.find(part), part.size(), other);
}

TEST(WebUploadUrl, WhatFletHasSignedIsKnown) {
  std::string name;
  EXPECT_EQ(CheckUploadUrl("/upload", kQuery, "a secret", kExpires - std::chrono::seconds(1), name)
                .status,
            200);
  EXPECT_EQ(name, "a b/\xc3\xbc+.txt");
  // A longer key than a block of the hash, another path, no fraction of a second.
  EXPECT_EQ(CheckUploadUrl("/my/app/upload", kMounted, std::string(100, 'k'),
                           kExpires - std::chrono::seconds(2), name)
                .status,
            200);
  EXPECT_EQ(name, "x");
}

TEST(WebUploadUrl, AnythingElseIsRefusedWithFletsOwnStatus) {
  EXPECT_EQ(Check(kQuery).status, 200);
  for (const char* part : {"f=a+b", "2030-01-02", "678901", "7a1afbd0"})
    EXPECT_NE(Check(With(part, std::string(part).replace(1, 1, "3"))).status, 200) << part;
  EXPECT_EQ(Check(With("7a1afbd0", "8a1afbd0")).status, 403);
  EXPECT_EQ(Check(kQuery, "another").status, 403);
  EXPECT_EQ(Check(kQuery, "").status, 403);
  EXPECT_EQ(Check(kMounted).status, 403);
  EXPECT_EQ(Check("").status, 400);
  EXPECT_EQ(Check("f=a&e=b").status, 400);
  for (const char* time : {"soon", "2030-01-02", "2030-01-02T03:04:05", "2030-01-02T03:04:05Z",
                           "2030-01-02T03:04:05.1%2B00:00", "2030-01-02T03:04:05%2B01:00"})
    EXPECT_EQ(Check("f=a&s=b&e=" + std::string(time)).status, 400) << time;
  EXPECT_EQ(Check("f=a&s=b&e=2030-13-02T03:04:05%2B00:00").status, 400);
  EXPECT_EQ(Check("f=a&s=b&e=9999-12-31T23:59:59%2B00:00").status, 403);
}

TEST(WebUploadUrl, AnAddressExpiresToTheMicrosecond) {
  EXPECT_EQ(Check(kQuery, "a secret", kExpires - std::chrono::microseconds(1)).status, 200);
  EXPECT_EQ(Check(kQuery, "a secret", kExpires).status, 410);
}

TEST(WebQuery, IsReadAndWrittenAsPythonDoesIt) {
  EXPECT_EQ(QueryValue("a=1&b=x%20y+z&a=2&c", "a"), "2");
  EXPECT_EQ(QueryValue("a=1&b=x%20y+z&a=2&c", "b"), "x y z");
  EXPECT_EQ(QueryValue("a=%4&b=%zz&c=%", "a"), "%4");
  EXPECT_EQ(QueryValue("a=%4&b=%zz&c=%", "b"), "%zz");
  EXPECT_EQ(QueryValue("ab=1", "a"), "");
  EXPECT_EQ(QueryEncoded("a b/~_.-\xc3\xbc"), "a+b%2F~_.-%C3%BC");
}

}  // namespace
}  // namespace fletbridge::web
