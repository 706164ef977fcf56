#include "common/wire/value_scanner.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/value.h"
#include "tests/unit/wire/hex.h"

namespace fletbridge::wire {
namespace {

using testing::HasSubstr;

TEST(ValueScanner, FindsTheEndOfEveryFormat) {
  const std::vector<std::string> values = {
      "00",
      "7f",
      "e0",
      "ff",
      "c0",
      "c2",
      "c3",  // one byte each
      "ca 00000000",
      "cb 0000000000000000",
      "cc ff",
      "cd ffff",  // numbers
      "ce ffffffff",
      "cf ffffffffffffffff",
      "d0 80",
      "d1 8000",  //
      "d2 80000000",
      "d3 8000000000000000",  //
      "a0",
      "a3 616263",
      "d9 03 616263",
      "da 0003 616263",      // text
      "db 00000003 616263",  //
      "c4 00",
      "c4 02 0102",
      "c5 0002 0102",
      "c6 00000002 0102",  // bytes
      "d4 01 00",
      "d5 01 0000",
      "d6 01 00000000",  // extensions
      "d7 01 0000000000000000",
      "d8 01 00000000000000000000000000000000",
      "c7 00 01",
      "c7 02 01 0000",
      "c8 0002 01 0000",
      "c9 00000002 01 0000",
      "90",
      "92 01 02",
      "dc 0002 01 a161",
      "dd 00000002 01 02",  // lists
      "80",
      "81 a161 01",
      "82 a161 90 a162 81 01 02",  // maps
      "de 0001 a161 01",
      "df 00000001 a161 c0",
      "92 02 82 a2 69 64 01 a5 70 61 74 63 68 92 91 00 94 00 00 a1 74 a1 78",
  };
  for (const std::string& digits : values) {
    const std::vector<std::byte> value = Hex(digits);
    std::vector<std::byte> stream = value;
    stream.push_back(std::byte{0xc1});  // the next, which is not looked at
    const Result<std::size_t> length = ValueLength(stream);
    ASSERT_TRUE(length) << digits;
    EXPECT_EQ(*length, value.size()) << digits;
    EXPECT_TRUE(Decode(value)) << digits << ": the two readers agree";
    for (std::size_t cut = 0; cut < value.size(); ++cut) {
      EXPECT_FALSE(ValueLength(std::span(value).first(cut))) << digits << " cut at " << cut;
      ValueScanner scanner;
      const Result<ValueScanner::Progress> first = scanner.Scan(std::span(value).first(cut));
      ASSERT_TRUE(first);
      EXPECT_FALSE(first->done);
      EXPECT_EQ(first->used, cut);
      EXPECT_LE(scanner.least_more(), value.size() - cut);
      const Result<ValueScanner::Progress> rest = scanner.Scan(std::span(stream).subspan(cut));
      ASSERT_TRUE(rest);
      EXPECT_TRUE(rest->done);
      EXPECT_EQ(rest->used, value.size() - cut);
      EXPECT_EQ(scanner.least_more(), 0u);
    }
  }
}

TEST(ValueScanner, KnowsHowMuchIsDeclared) {
  ValueScanner scanner;
  ASSERT_TRUE(scanner.Scan(Hex("dd ffffffff")));
  EXPECT_EQ(scanner.least_more(), 0xffffffffu);
  scanner.Reset();
  ASSERT_TRUE(scanner.Scan(Hex("92 01 db 40000000 00")));
  EXPECT_EQ(scanner.least_more(), 0x40000000u - 1);
}

TEST(ValueScanner, RefusesWhatIsNestedTooDeep) {
  const std::string deepest = std::string(ValueScanner::kMaxDepth, '\x91') + '\x01';
  const Result<std::size_t> length = ValueLength(AsBytes(deepest));
  ASSERT_TRUE(length);
  EXPECT_EQ(*length, deepest.size());
  const Result<std::size_t> deeper = ValueLength(AsBytes('\x91' + deepest));
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().code, Errc::kPeerMisbehaved);
  EXPECT_THAT(deeper.error().context, HasSubstr("nested deeper than 512 levels"));
}

TEST(ValueScanner, CountsOnlyWhatIsOpenAsDeep) {
  std::string list = "\xdd";
  list += std::string("\x00\x00\x10\x00", 4);
  for (int i = 0; i < 0x1000; ++i) list += "\x91\x91\x90";
  const Result<std::size_t> length = ValueLength(AsBytes(list));
  ASSERT_TRUE(length);
  EXPECT_EQ(*length, list.size());
}

TEST(ValueScanner, RefusesTheByteThatMessagePackNeverUses) {
  const Result<std::size_t> length = ValueLength(Hex("92 01 c1"));
  ASSERT_FALSE(length);
  EXPECT_THAT(length.error().context, HasSubstr("0xc1"));
}

}  // namespace
}  // namespace fletbridge::wire
