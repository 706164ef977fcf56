#include "src/host/accelerators.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// As the shim writes it: text number `count`, then the count.
void Write(const AppNote& note, std::uint64_t count, const std::string& text,
           std::uint32_t length) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(length >> (8 * i));
  bytes += text;
  const auto place = static_cast<off_t>(8 + count % 2 * AppNote::kPlace);
  ASSERT_EQ(::pwrite(note.fd(), bytes.data(), bytes.size(), place),
            static_cast<ssize_t>(bytes.size()));
  std::string number;
  for (int i = 0; i < 8; ++i) number += static_cast<char>(count >> (8 * i));
  ASSERT_EQ(::pwrite(note.fd(), number.data(), number.size(), 0), 8);
}
void Write(const AppNote& note, std::uint64_t count, const std::string& text) {
  Write(note, count, text, static_cast<std::uint32_t>(text.size()));
}

TEST(AppNote, HoldsWhatWasWrittenLast) {
  const AppNote note;
  ASSERT_GE(note.fd(), 0);
  EXPECT_FALSE(note.Read());
  Write(note, 1, "one");
  EXPECT_EQ(note.Read(), "one");
  Write(note, 2, "");
  EXPECT_EQ(note.Read(), "");
  Write(note, 3, std::string(AppNote::kPlace - 4, 'x'));
  EXPECT_EQ(note.Read()->size(), AppNote::kPlace - 4);
}

TEST(AppNote, KeepsTheTextBeforeOneThatWasCutOff) {
  const AppNote note;
  Write(note, 1, "whole");
  ASSERT_EQ(::pwrite(note.fd(), "\xff\xff\xff\xff cut", 8, 8), 8);  // the place of the second
  EXPECT_EQ(note.Read(), "whole");
}

TEST(AppNote, GrowsForNobodyAndReadsNothingBeyondItsPlace) {
  const AppNote note;
  EXPECT_NE(::ftruncate(note.fd(), 1 << 20), 0);
  EXPECT_NE(::ftruncate(note.fd(), 0), 0);
  EXPECT_LT(::pwrite(note.fd(), "x", 1, AppNote::kSize), 1);
  Write(note, 1, "x", AppNote::kPlace);
  EXPECT_FALSE(note.Read());
  Write(note, 2, "x", 0xffffffff);
  EXPECT_FALSE(note.Read());
}

TEST(ReadAcceleratorsNote, TakesWhatTheAppsSideWrites) {
  const auto told = ReadAcceleratorsNote(
      R"({"state": {"diff": null, "scan": "there is none"},
          "counters": {"nodes": 7, "failures": 0}, "differences": ["at /1"]})");
  ASSERT_TRUE(told);
  EXPECT_THAT(told->state, ElementsAre(Pair("diff", ""), Pair("scan", "there is none")));
  EXPECT_THAT(told->counters, ElementsAre(Pair("failures", 0u), Pair("nodes", 7u)));
  EXPECT_EQ(told->Counted("nodes"), 7u);
  EXPECT_EQ(told->Counted("others"), 0u);
  EXPECT_THAT(told->differences, ElementsAre("at /1"));
}

TEST(ReadAcceleratorsNote, ShowsNothingThatIsNotFitToBeShown) {
  for (const char* text : {"", "[", "[]", "7", "{\"state\":", "\xff"})
    EXPECT_FALSE(ReadAcceleratorsNote(text)) << text;
  for (
      const char* text :
      {"{}", R"({"state": 7, "counters": "x", "differences": null})",
       R"({"state": ["x"], "counters": [1, 2], "differences": {"a": 1}})",
       R"({"state": {"": null, "A b": "x", "diff": 7}, "counters": {"a": -1, "b": 1.5, "../c": 1}})"}) {
    const auto told = ReadAcceleratorsNote(text);
    ASSERT_TRUE(told) << text;
    EXPECT_TRUE(told->state.empty() && told->counters.empty() && told->differences.empty()) << text;
  }
  std::string many = "{\"state\": {\"diff\": \"" + std::string(5000, 'x') + "\\n\\u001b[2J\"}";
  many += ", \"differences\": [\"a\\nb\"";
  for (int i = 0; i < 5000; ++i) many += ",\"x\"";
  const auto told = ReadAcceleratorsNote(many + "]}");
  ASSERT_TRUE(told);
  EXPECT_LT(told->state.at("diff").size(), 400u);
  EXPECT_EQ(told->differences.front(), "a b");
  EXPECT_LE(told->differences.size(), 32u);
  const std::string deep(20000, '[');
  EXPECT_FALSE(ReadAcceleratorsNote("{\"state\": " + deep));
}

TEST(Accelerators, SayOfEachThatWasAskedForWhatBecameOfIt) {
  RunRequest request;
  request.accelerators = "diff,scan";
  AppSpec spec;
  Accelerators accelerators(request, "", Interpreter{});
  accelerators.GiveTo(spec);
  RunReport report;
  accelerators.AddTo(report);
  ASSERT_EQ(report.accelerators.state.size(), 2u);
  EXPECT_EQ(report.accelerators.state[0].name, "diff");
  EXPECT_FALSE(report.accelerators.state[0].obstacle.empty()) << "nothing was told yet";
  EXPECT_FALSE(report.accelerators.counters);
  EXPECT_TRUE(report.used.accelerators.empty());
}

}  // namespace
}  // namespace fletbridge
