#include "common/wire/value.h"

#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/support/growth.h"
#include "tests/unit/wire/hex.h"

namespace fletbridge::wire {
namespace {

TEST(Value, ReadsEveryTypeThatFletSends) {
  const Result<Value> value =
      Decode(Hex("9a c0 c3 07 ff cf8000000000000000 cb3ff8000000000000 a3 616263 c4 02 0102 "
                 "c7 03 01 323031 81 00 91 ca 3f800000"));
  ASSERT_TRUE(value) << value.error().Line();
  const auto& items = value->AsList()->items;
  EXPECT_TRUE(items[0].is_nil());
  EXPECT_TRUE(items[1].is_true());
  EXPECT_EQ(items[2], Value(7));
  EXPECT_EQ(items[3], Value(-1));
  EXPECT_EQ(items[4], Value(std::uint64_t{1} << 63));
  EXPECT_EQ(items[5], Value(1.5));
  EXPECT_EQ(items[6], Value("abc"));
  EXPECT_EQ(items[7], Value(Bytes{std::string("\1\2", 2)}));
  EXPECT_EQ(items[8], Value(Ext{1, "201"}));
  EXPECT_EQ(*items[9].AsMap()->FindKey(Value(0)), Value::ListOf({1.0}));
}

TEST(Value, WritesWhatItReads) {
  const Value value = Value::ListOf({{},
                                     true,
                                     false,
                                     0,
                                     -5,
                                     1 << 20,
                                     std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::uint64_t>::max(),
                                     1.25,
                                     "",
                                     "text",
                                     Bytes{""},
                                     Bytes{"b"},
                                     Ext{3, "1000"},
                                     Value::ListOf({}),
                                     Value::MapOf({{"k", Value::ListOf({1, "two"})}})});
  const Result<Value> again = Decode(Encode(value).span());
  ASSERT_TRUE(again) << again.error().Line();
  EXPECT_EQ(*again, value);
}

TEST(Value, KeepsFloatsWithoutAFractionFloats) {
  const Result<Value> again = Decode(Encode(Value(800.0)).span());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, Value(800.0));
  EXPECT_NE(*again, Value(800));
}

TEST(Value, KeepsTheOrderOfAMap) {
  const Result<Value> value = Decode(Hex("83 a1 7a 01 a1 61 02 05 03"));
  ASSERT_TRUE(value);
  const auto& entries = value->AsMap()->entries;
  EXPECT_EQ(entries[0].first, Value("z"));
  EXPECT_EQ(entries[1].first, Value("a"));
  EXPECT_EQ(entries[2].first, Value(5));
}

TEST(Value, FindsSetsAndRemovesInALargeMapAsInASmallOne) {
  for (const std::int64_t size : {3, 40, 1000}) {
    auto map = std::make_shared<Map>();
    for (std::int64_t i = 0; i < size; ++i) map->Set("k" + std::to_string(i), i);
    map->Set(7, "a number");
    for (std::int64_t i = 0; i < size; ++i) {
      const Value* found = map->Find("k" + std::to_string(i));
      ASSERT_NE(found, nullptr) << size << " " << i;
      EXPECT_EQ(*found, Value(i));
    }
    EXPECT_EQ(*map->FindKey(7), Value("a number"));
    EXPECT_EQ(map->Find("7"), nullptr);
    EXPECT_EQ(map->FindKey(Value(1.5)), nullptr);
    EXPECT_EQ(map->Remove("none"), std::nullopt);
    for (std::int64_t i = 0; i < size; i += 2) {
      const std::string key = "k" + std::to_string(i);
      EXPECT_EQ(map->Remove(key), Value(i));
      EXPECT_EQ(map->Find(key), nullptr) << key;
    }
    EXPECT_EQ(*map->Find("k1"), Value(1));
    map->entries.emplace_back("k1", "again");
    EXPECT_EQ(*map->Find("k1"), Value(1));  // of two the first counts
    EXPECT_EQ(map->Remove("k1"), Value(1));
    EXPECT_EQ(*map->Find("k1"), Value("again"));
    map->Set("k0", "new");
    EXPECT_EQ(*map->Find("k0"), Value("new"));
    EXPECT_EQ(map->entries.size(), static_cast<std::size_t>(size / 2 + 2));
  }
}

TEST(Value, TakesALinearTimeForTheKeysOfALargeMap) {
  EXPECT_LT(GrowthOf(1000,
                     [](std::size_t size) {
                       Map map;
                       for (std::size_t i = 0; i < size; ++i) map.Set("k" + std::to_string(i), i);
                       for (std::size_t i = 0; i < size; ++i)
                         ASSERT_NE(map.Find("k" + std::to_string(i)), nullptr);
                       for (std::size_t i = 0; i < size; ++i)
                         ASSERT_TRUE(map.Remove("k" + std::to_string(i)));
                     }),
            kMostGrowth);
}

TEST(Value, RefusesWhatIsNotExactlyOneValue) {
  const auto why = [](std::string_view hex) {
    const Result<Value> value = Decode(Hex(hex));
    return value ? std::string("accepted") : value.error().Line();
  };
  EXPECT_EQ(why(""), "the value is cut off at byte 0");
  EXPECT_EQ(why("92 01"), "the value is cut off at byte 2");
  EXPECT_EQ(why("93 01"), "a list claims 3 elements in a message of 2 bytes");
  EXPECT_EQ(why("92 01 a5 61"), "the value is cut off at byte 3");
  EXPECT_EQ(why("01 02"), "1 byte follows the message");
  EXPECT_EQ(why("c1"), "byte 0 is no MessagePack");
  EXPECT_EQ(why("81 c0 01"), "a map key is nil, not text or an integer");
  EXPECT_EQ(why("81 90 01"), "a map key is a list, not text or an integer");
}

TEST(Value, ChecksDeclaredSizesBeforeItAllocates) {
  EXPECT_EQ(Decode(Hex("dd ffffffff")).error().Line(),
            "a list claims 4294967295 elements in a message of 5 bytes");
  EXPECT_EQ(Decode(Hex("df ffffffff")).error().Line(),
            "a map claims 4294967295 elements in a message of 5 bytes");
  EXPECT_FALSE(Decode(Hex("db ffffffff")));
  EXPECT_FALSE(Decode(Hex("c6 ffffffff")));
  EXPECT_FALSE(Decode(Hex("c9 ffffffff")));
  // Nested claims are counted together: each would fit alone.
  EXPECT_FALSE(Decode(Hex("94 93 92 93 01")));
}

TEST(Value, BoundsDepthAndNumberOfValues) {
  const std::string deep = std::string(600, '\x91') + '\x01';
  EXPECT_EQ(Decode(AsBytes(deep)).error().Line(), "nested deeper than 512 levels");
  const std::string just = std::string(512, '\x91') + '\x01';
  EXPECT_TRUE(Decode(AsBytes(just)));
  const std::string many = "\x9f" + std::string(15, '\x01');
  EXPECT_EQ(Decode(AsBytes(many), {.max_values = 10}).error().Line(),
            "more than 10 values in one message");
}

TEST(Value, SurvivesRandomChangesOfARealMessage) {
  const Buffer good = Encode(Value::ListOf(
      {2, Value::MapOf({{"id", 1}, {"patch", Value::ListOf({Value::ListOf({0}), "x", 1.5})}})}));
  std::mt19937 random(4711);
  for (int i = 0; i < 1000; ++i) {
    std::string bytes(good.text());
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int c = 0; c < changes; ++c) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random()));
          break;
        default:
          bytes.resize(at + 1);
      }
    }
    const Result<Value> value = Decode(AsBytes(bytes));
    if (value) {
      EXPECT_EQ(Encode(*value).size() > 0, true);
    } else {
      EXPECT_EQ(value.error().code, Errc::kPeerMisbehaved);
    }
  }
}

}  // namespace
}  // namespace fletbridge::wire
