#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/recording/diff/control_path.h"
#include "src/recording/diff/recording_diff.h"
#include "src/recording/diff/report.h"
#include "tests/unit/recording/made_up_session.h"
#include "tests/unit/support/growth.h"

namespace fletbridge::diff {
namespace {

using namespace fletbridge::recording;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Recording Of(const std::vector<Frame>& frames) {
  return *Recording::FromBytes(Buffer(std::string_view(FileOf(frames))));
}

Comparison Compared(const std::vector<Frame>& a, const std::vector<Frame>& b,
                    const std::vector<std::string>& masks = {}) {
  const Recording left = Of(a);
  const Recording right = Of(b);
  return Compare(TrackOf(left), TrackOf(right), *Mask::Of(masks));
}

std::vector<std::string> Lines(const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const Difference& one : comparison.differences)
    lines.push_back(one.path + ": " + one.a + " / " + one.b);
  return lines;
}

void Add(std::vector<Frame>& frames, Frame frame) { frames.push_back(std::move(frame)); }

TEST(Compare, SaysThatARecordingIsTheSameAsItself) {
  const Comparison comparison = Compared(Counter(), Counter());
  EXPECT_TRUE(comparison.same());
  EXPECT_EQ(comparison.inputs, 2u);
  EXPECT_EQ(comparison.comparisons, 3u);
}

TEST(Compare, PassesOverOtherNumbersOfControls) {
  EXPECT_THAT(Lines(Compared(Counter("+", 10), Counter("+", 70))), IsEmpty());
}

TEST(Compare, NamesTheControlAndBothValuesAndTheInput) {
  const Comparison comparison = Compared(Counter("+"), Counter("plus"));
  EXPECT_THAT(Lines(comparison),
              ElementsAre(R"(Page > View[/] > Button "+" . content: "+" / "plus")"));
  const Difference& one = comparison.differences.front();
  EXPECT_EQ(one.input, "the client registers");
  EXPECT_EQ(one.frame_a, 3u);
  EXPECT_EQ(one.times, 2u);
}

TEST(Compare, PassesOverChangesThatComeInAnotherNumberOfFrames) {
  std::vector<Frame> one = Counter();
  Add(one,
      ToUi(Message(
          2, M({{"id", 1},
                {"patch", L({L({0, M({{"views", L({1, At(0, L({2, M({{"controls", L({
                                                                                      3,
                                                                                      At(0, L({4})),
                                                                                  })}})}))})}})}),
                             L({0, 4, "value", "2"}), L({0, 4, "size", 9})})}}))));
  Add(one, ToApp(Event(11, "click")));
  std::vector<Frame> two = Counter();
  Add(two, ToUi(Sets(0, "size", 9)));
  Add(two, ToUi(Sets(0, "value", "2")));
  Add(two, ToApp(Event(11, "click")));
  EXPECT_THAT(Lines(Compared(one, two)), IsEmpty());
}

TEST(Compare, PassesOverAnAppThatIsAheadWhenAnInputComes) {
  std::vector<Frame> slow = Counter();
  Add(slow, ToApp(Event(11, "click")));
  Add(slow, ToApp(Event(11, "click")));
  Add(slow, ToUi(Sets(0, "value", "2")));
  Add(slow, ToUi(Sets(0, "value", "3")));
  std::vector<Frame> fast = Counter();
  Add(fast, ToApp(Event(11, "click")));
  Add(fast, ToUi(Sets(0, "value", "2")));
  Add(fast, ToApp(Event(11, "click")));
  Add(fast, ToUi(Sets(0, "value", "3")));
  EXPECT_THAT(Lines(Compared(slow, fast)), IsEmpty());
  EXPECT_THAT(Lines(Compared(fast, slow)), IsEmpty());
}

TEST(Compare, FindsWhatDiffersAtTheEndAlone) {
  std::vector<Frame> other = Counter();
  other.pop_back();
  Add(other, ToUi(Sets(0, "value", "2")));
  const Comparison comparison = Compared(Counter(), other);
  EXPECT_THAT(Lines(comparison), ElementsAre(R"(Page > View[/] > Text "1" . value: "1" / "2")"));
  EXPECT_EQ(comparison.differences.front().input, R"(click on Page > View[/] > Button "+")");
}

TEST(Compare, ShowsWhatWasPutInAndNotAllThatFollows) {
  const auto shows = [](Value controls) {
    std::vector<Frame> frames;
    Add(frames, ToApp(Register()));
    Add(frames, ToUi(Registered()));
    Add(frames, ToUi(Shows(std::move(controls))));
    return frames;
  };
  EXPECT_THAT(
      Lines(Compared(shows(L({Text(10, "a"), Text(11, "c")})),
                     shows(L({Text(10, "a"), Text(11, "b"), Text(12, "c")})))),
      ElementsAre(HasSubstr(R"(View[/] . controls.1:  / {"_c":"Text","_i":11,"value":"b"})")));
}

TEST(Compare, SaysWhichInputTheOtherLacks) {
  std::vector<Frame> more = Counter();
  more.insert(more.begin() + 3, ToApp(Event(10, "hover")));
  EXPECT_THAT(Lines(Compared(more, Counter())),
              ElementsAre(R"(input: hover on Page > View[/] > Text "0" / )"));
  EXPECT_THAT(Lines(Compared(Counter(), more)),
              ElementsAre(R"(input:  / hover on Page > View[/] > Text "0")"));
}

TEST(Compare, ComparesCallsAndCrashes) {
  const auto call = [](const char* id, int n) {
    return ToUi(Message(
        5, M({{"control_id", 10}, {"call_id", id}, {"name", "ask"}, {"args", M({{"n", n}})}})));
  };
  std::vector<Frame> a = Counter();
  Add(a, call("aaa", 1));
  Add(a, ToUi(Message(6, M({{"message", "boom\nTraceback 1"}}))));
  std::vector<Frame> b = Counter();
  Add(b, call("bbb", 1));
  Add(b, ToUi(Message(6, M({{"message", "boom\nTraceback 2"}}))));
  EXPECT_THAT(Lines(Compared(a, b)), IsEmpty());
  Add(b, call("ccc", 2));
  Add(b, ToUi(Message(6, M({{"message", "bang"}}))));
  EXPECT_THAT(Lines(Compared(a, b)), ElementsAre(R"(Page > View[/] > Text "1" . ask():  / {"n":2})",
                                                 "what the app raised:  / bang"));
}

TEST(Compare, MasksByPathByExpressionAndByKind) {
  const auto with = [](const char* value) {
    std::vector<Frame> frames = Counter();
    Add(frames, ToUi(Sets(0, "value", value)));
    return frames;
  };
  const auto left = with("12:03:04 on 2024-01-02, 7 left");
  const auto right = with("12:13:14 on 2024-01-03, 7 left");
  EXPECT_FALSE(Compared(left, right).same());
  for (const char* mask : {"time", "random", "*View*Text*.value", "re:Text \".*\" \\. value"}) {
    const Comparison comparison = Compared(left, right, {mask});
    EXPECT_TRUE(comparison.same()) << mask;
    EXPECT_EQ(comparison.masked, 1u) << mask;
  }
  EXPECT_FALSE(Compared(left, with("12:13:14 on 2024-01-03, 8 left"), {"time"}).same());
  EXPECT_THAT(Mask::Of({"re:("}).error().Line(), HasSubstr("no regular expression"));
}

TEST(Compare, TakesAMaskedValueForAnyOther) {
  std::vector<Frame> masked = Counter();
  Add(masked, ToUi(Sets(0, "value", "[masked]")));
  std::vector<Frame> plain = Counter();
  Add(plain, ToUi(Sets(0, "value", "hunter2")));
  EXPECT_TRUE(Compared(masked, plain).same());
}

TEST(Compare, ReportsWithoutFurtherFilesAndWithoutTrustingText) {
  const Comparison comparison = Compared(Counter("<script>"), Counter("&"));
  const std::string html = HtmlReport(comparison, {"a.rec", {}}, {"b.rec", {}});
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
  EXPECT_THAT(TextReport(comparison, {"a.rec", {}}, {"b.rec", {}}),
              HasSubstr("1 difference in 2 inputs"));
}

// ---- Large pages: what one of them costs for each control, all of them cost in proportion

// `make(i)` is the i-th control of a view.
template <class Make>
std::vector<Frame> ManyControls(std::size_t size, Make&& make) {
  auto controls = std::make_shared<wire::List>();
  for (std::size_t i = 0; i < size; ++i) controls->items.push_back(make(i));
  std::vector<Frame> frames;
  Add(frames, ToApp(Register()));
  Add(frames, ToUi(Registered()));
  Add(frames, ToUi(Shows(Value(controls))));
  return frames;
}

TEST(Compare, TakesALinearTimeForManyKeys) {
  EXPECT_LT(GrowthOf(1000,
                     [](std::size_t size) {
                       const auto frames = [&](std::size_t first) {
                         return ManyControls(1, [&](std::size_t) {
                           Value control = Text(20, "");
                           for (std::size_t i = 0; i < size; ++i) {
                             const std::size_t n = (first + i) % size;
                             control.AsMap()->entries.emplace_back("k" + std::to_string(n), n);
                           }
                           return control;
                         });
                       };
                       EXPECT_THAT(Lines(Compared(frames(0), frames(size / 2))), IsEmpty());
                     }),
            kMostGrowth);
}

TEST(Compare, TakesALinearTimeForManySiblingsThatNameOthers) {
  EXPECT_LT(GrowthOf(250,
                     [](std::size_t size) {
                       const auto frames = [&](std::int64_t base) {
                         return ManyControls(size, [&](std::size_t i) {
                           const auto id = static_cast<std::int64_t>(i) + base;
                           return M({{"_c", "Text"}, {"_i", id}, {"service_id", id}});
                         });
                       };
                       EXPECT_THAT(Lines(Compared(frames(100), frames(100'000'000))), IsEmpty());
                     }),
            kMostGrowth);
}

TEST(Compare, TakesALinearTimeForManyMaskedDifferences) {
  EXPECT_LT(GrowthOf(250,
                     [](std::size_t size) {
                       const auto frames = [&](const std::string& word) {
                         return ManyControls(size, [&](std::size_t i) {
                           return Text(static_cast<std::int64_t>(i) + 20,
                                       (word + std::to_string(i)).c_str());
                         });
                       };
                       const Comparison comparison = Compared(frames("a"), frames("b"), {"*"});
                       EXPECT_TRUE(comparison.same());
                       EXPECT_EQ(comparison.masked, size);
                     }),
            kMostGrowth);
}

TEST(Compare, TakesALinearTimeForManyInputsOnManySiblings) {
  EXPECT_LT(GrowthOf(250,
                     [](std::size_t size) {
                       const auto frames = [&](const std::string& word) {
                         std::vector<Frame> made = ManyControls(size, [&](std::size_t i) {
                           return Button(static_cast<std::int64_t>(i) + 20,
                                         (i == 0 ? word : std::to_string(i)).c_str());
                         });
                         for (std::size_t i = 0; i < size; ++i)
                           Add(made, ToApp(Event(static_cast<std::int64_t>(i) + 20, "click")));
                         return made;
                       };
                       const Comparison comparison = Compared(frames("a"), frames("b"));
                       EXPECT_EQ(comparison.inputs, size + 1);
                       ASSERT_EQ(comparison.differences.size(), 1u);
                       EXPECT_EQ(comparison.differences[0].times, size + 1);
                     }),
            kMostGrowth);
}

// std::regex would go one call deeper for each digit.
TEST(Mask, IsNotUsedUpByALongRunOfDigits) {
  const Mask mask = *Mask::Of({"time", "random", "re:x*"});
  const Value a(std::string(30'000, '1') + "a");
  const Value b(std::string(30'000, '1') + "b");
  EXPECT_FALSE(Mask(*Mask::Of({"time"})).Covers("path", &a, &b));
  EXPECT_TRUE(mask.Covers("path", &a, &b));
  EXPECT_FALSE(Mask(*Mask::Of({"re:(a|b)*c"})).Covers(std::string(30'000, 'a'), &a, &b));
}

}  // namespace
}  // namespace fletbridge::diff
