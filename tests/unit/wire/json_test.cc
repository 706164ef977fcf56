#include "common/wire/json.h"

#include <gtest/gtest.h>

namespace fletbridge::wire {
namespace {

TEST(Json, IsReadAsValuesAndWrittenBack) {
  const std::string text =
      R"({"a":[1,-2,40.0,true,null,"\u00e9\n"],"b":{"c":18446744073709551615}})";
  const Result<Value> value = FromJson(text);
  ASSERT_TRUE(value);
  EXPECT_EQ(ToJson(*value), text);
}

TEST(Json, NumbersAreWrittenAsDartWritesThem) {
  EXPECT_EQ(NumberText(40), "40.0");
  EXPECT_EQ(NumberText(-0.5), "-0.5");
  EXPECT_EQ(NumberText(1e300), "1e+300");
}

TEST(Json, TheLastOfTwoEqualKeysCounts) {
  const Result<Value> value = FromJson(R"({"a":1,"a":2})");
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, Value::MapOf({{"a", 2}}));
}

TEST(Json, NestedTooDeeplyIsRefused) {
  const Result<Value> value = FromJson(std::string(100'000, '['));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().context, "nested deeper than 512 levels");
  EXPECT_FALSE(FromJson("[[1]]", {.max_depth = 1}));
}

TEST(Json, TooManyValuesAreRefused) {
  const Result<Value> value = FromJson("[1,2,3]", {.max_values = 3});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().context, "more than 3 values in one message");
}

TEST(Json, WhatIsNoJsonIsRefusedInOneLine) {
  for (const char* text : {"", "{", "[1,]", "nul", "1 2", "\"\xff\"", "\"\\ud83d\"", "{1:2}"}) {
    const Result<Value> value = FromJson(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, Errc::kPeerMisbehaved);
    EXPECT_EQ(value.error().context.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace fletbridge::wire
