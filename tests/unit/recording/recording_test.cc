#include "src/recording/recording.h"

#include <cstdint>
#include <cstring>

#include <boost/crc.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/session.h"
#include "src/recording/readable.h"
#include "tests/unit/recording/made_up_session.h"
#include "tests/unit/support/growth.h"

namespace fletbridge::recording {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Recording Read(const std::string& file) {
  Result<Recording> recording = Recording::FromBytes(Buffer(std::string_view(file)));
  EXPECT_TRUE(recording.has_value()) << recording.error().Line();
  return std::move(*recording);
}

TEST(Recording, TellsWhatWasWritten) {
  const Recording recording = Read(FileOf(Counter()));
  EXPECT_EQ(recording.info().id, "made-up");
  EXPECT_EQ(recording.info().stage, "1");
  ASSERT_EQ(recording.packets(), 5u);
  const Entry& click = recording.entries()[3];
  EXPECT_EQ(click.number, 4u);
  EXPECT_EQ(click.at_ns, 4'000'000);
  EXPECT_EQ(click.direction, Direction::kToApp);
  EXPECT_EQ(Buffer(click.payload).text(), Event(11, "click").text());
  ASSERT_TRUE(recording.end());
  EXPECT_EQ(recording.end()->reason, "the UI closed");
  EXPECT_THAT(recording.flaws(), ElementsAre());
}

TEST(Recording, IsReadUpToACutAtAnyByte) {
  const std::string file = FileOf(Counter());
  // Where each record ends, and how many packets there are by then.
  std::vector<std::pair<std::size_t, std::size_t>> ends;
  {
    Result<RecordReader> reader = RecordReader::Open(std::as_bytes(std::span(file)));
    ASSERT_TRUE(reader);
    std::size_t packets = 0;
    while (const auto record = reader->Next()) {
      packets += record->kind == RecordKind::kPacket ? 1 : 0;
      ends.emplace_back(reader->offset(), packets);
    }
  }
  ASSERT_EQ(ends.size(), 7u);
  for (std::size_t size = 0; size <= file.size(); ++size) {
    const Recording recording = Read(file.substr(0, size));
    std::size_t whole = 0;
    bool at_end = size == kHeaderBytes;
    for (const auto& [end, packets] : ends) {
      if (end <= size) whole = packets;
      at_end = at_end || end == size;
    }
    EXPECT_EQ(recording.packets(), whole) << size;
    EXPECT_EQ(recording.end().has_value(), size == file.size()) << size;
    EXPECT_EQ(recording.flaws().empty(), at_end) << size;
  }
}

TEST(Recording, IsReadUpToAByteThatWasChanged) {
  const std::string whole = FileOf(Counter());
  for (std::size_t at = kHeaderBytes; at < whole.size(); ++at) {
    std::string file = whole;
    file[at] = static_cast<char>(file[at] ^ 0x10);
    const Recording recording = Read(file);
    EXPECT_FALSE(recording.flaws().empty()) << at;
    EXPECT_LE(recording.packets(), 5u) << at;
  }
}

TEST(Recording, HasTheChecksumThatIsDocumentedWhateverTheProcessorOffers) {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string record;
    AppendRecord(record, RecordKind::kInfo, 7, std::string(size, 'x'));
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(record.data(), 4);
    crc.process_bytes(record.data() + 8, record.size() - 8);
    std::uint32_t written = 0;
    std::memcpy(&written, record.data() + 4, sizeof written);
    EXPECT_EQ(written, crc.checksum()) << size;
  }
}

TEST(Recording, PassesOverKindsOfRecordsThatItDoesNotKnow) {
  std::string file = FileOf(Counter(), false);
  AppendRecord(file, static_cast<RecordKind>(77), 9'000'000, "of a later version");
  AppendPacket(file, 9'000'000, Direction::kToUi, PacketType::kControl, 0,
               Sets(0, "value", "2").span());
  const Recording recording = Read(file);
  EXPECT_EQ(recording.packets(), 6u);
  EXPECT_THAT(recording.flaws(), ElementsAre());
}

TEST(Recording, RefusesWhatIsNoneAndAnotherVersion) {
  const auto why = [](std::string_view bytes) {
    return Recording::FromBytes(Buffer(bytes)).error().Line();
  };
  EXPECT_THAT(why("my diary"), HasSubstr("no recording"));
  std::string later = Header();
  later[8] = 2;
  EXPECT_THAT(why(later), HasSubstr("version 2"));
}

TEST(Recording, IsShownWithoutWhatATerminalWouldHeed) {
  EXPECT_EQ(Printable("a\x1b[31m\x7f\xc2\x9b\nä"), "a\\x1b[31m\\x7f\\x9b\\x0aä");
}

TEST(Session, FollowsBothSides) {
  wire::Session session;
  const auto apply = [&](const Frame& frame) {
    Result<wire::Message> message =
        wire::Newest().Decode(SenderOf(frame.direction), frame.payload.span());
    return message && session.Apply(*message);
  };
  for (const Frame& frame : Counter()) ASSERT_TRUE(apply(frame));
  ASSERT_NE(session.tree(), nullptr);
  const wire::Map* text = session.tree()->Find(10);
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(wire::TextIn(*text, "value"), "1");

  // What the client changes by itself.
  ASSERT_TRUE(apply(ToApp(Update(10, M({{"value", "typed"}})))));
  EXPECT_EQ(wire::TextIn(*text, "value"), "typed");
}

TEST(Json, KeepsTheOrderOfKeysOrSortsThem) {
  const Value value =
      L({M({{"b", 1}, {"a", M({})}, {"c", L({})}}), At(5, "x"), wire::Bytes{"abc"}, 1.5, Value()});
  EXPECT_EQ(ToJson(value), R"([{"b":1,"a":{},"c":[]},{"5":"x"},{"$bytes":3},1.5,null])");
  EXPECT_EQ(ToJson(value, -1, KeyOrder::kSorted),
            R"([{"a":{},"b":1,"c":[]},{"5":"x"},{"$bytes":3},1.5,null])");
  EXPECT_EQ(ToJson(M({{"b", L({1, "\"\xff"})}, {"a", M({})}}), 2),
            "{\n  \"b\": [\n    1,\n    \"\\\"\uFFFD\"\n  ],\n  \"a\": {}\n}");
  Value twice = At(5, "first");
  twice.AsMap()->entries.emplace_back("5", "last");
  EXPECT_EQ(ToJson(twice), R"({"5":"last"})");
}

TEST(Json, TakesALinearTimeForAMapOfManyKeys) {
  EXPECT_LT(GrowthOf(2000,
                     [](std::size_t size) {
                       auto map = std::make_shared<wire::Map>();
                       for (std::size_t i = 0; i < size; ++i)
                         map->entries.emplace_back("k" + std::to_string(i), i);
                       EXPECT_GT(ToJson(Value(map), 2).size(), size);
                     }),
            kMostGrowth);
}

}  // namespace
}  // namespace fletbridge::recording
