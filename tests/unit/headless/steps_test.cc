#include "src/ui/headless/steps.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using std::chrono::milliseconds;

Step One(std::string_view text) {
  const Result<Steps> steps = ParseSteps(text);
  EXPECT_TRUE(steps) << steps.error().Line();
  EXPECT_EQ(steps->steps.size(), 1u);
  return steps->steps.at(0);
}

std::string Why(std::string_view text) {
  const Result<Steps> steps = ParseSteps(text);
  if (steps) return "accepted";
  EXPECT_EQ(steps.error().code, Errc::kUsage);
  return steps.error().Line();
}

TEST(Steps, SkipsCommentsAndEmptyLinesAndCountsThem) {
  const Result<Steps> steps = ParseSteps("# all\n\n  click text=\"#\"  # it\r\n\tclose\n");
  ASSERT_TRUE(steps) << steps.error().Line();
  ASSERT_EQ(steps->steps.size(), 2u);
  EXPECT_EQ(steps->steps[0].line, 3);
  EXPECT_EQ(steps->steps[0].source, "click text=\"#\"");
  EXPECT_EQ(steps->steps[0].finder.text, "#");
  EXPECT_EQ(steps->steps[1].line, 4);
  EXPECT_EQ(steps->steps[1].kind, StepKind::kClose);
}

TEST(Steps, AreNoneInAnEmptyFile) {
  const Result<Steps> steps = ParseSteps("");
  ASSERT_TRUE(steps);
  EXPECT_TRUE(steps->steps.empty());
}

TEST(Steps, ReadEveryFinder) {
  const Step step = One(R"(click type=Button text="a \"b\" \\ \n\t" icon=ADD key=save index=2)");
  EXPECT_EQ(step.finder.type, "Button");
  EXPECT_EQ(step.finder.text, "a \"b\" \\ \n\t");
  EXPECT_EQ(step.finder.icon, "ADD");
  EXPECT_EQ(step.finder.key, "save");
  EXPECT_EQ(step.finder.index, 2u);
  EXPECT_EQ(One("click text=\"\"").finder.text, "");
  EXPECT_EQ(One("click text=a=b").finder.text, "a=b");
}

TEST(Steps, ReadEveryStep) {
  EXPECT_EQ(One("click text=+").kind, StepKind::kClick);
  EXPECT_EQ(One("type key=name \"Ann\"").text, "Ann");
  EXPECT_EQ(One("type key=name 5s").text, "5s");
  EXPECT_EQ(One("submit key=name").kind, StepKind::kSubmit);
  EXPECT_TRUE(One("check text=Agree true").on);
  EXPECT_FALSE(One("check text=Agree false").on);
  EXPECT_EQ(One("dismiss text=Sure").kind, StepKind::kDismiss);
  EXPECT_EQ(One("route \"/x\"").text, "/x");
  EXPECT_EQ(One("expect text=1").kind, StepKind::kExpect);
  EXPECT_EQ(One("expect no text=1").kind, StepKind::kExpectNo);
  EXPECT_EQ(One("expect count=3 text=1").count, 3u);
  EXPECT_EQ(One("expect crash \"boom\"").text, "boom");
  EXPECT_EQ(One("tree out.json").text, "out.json");
  EXPECT_EQ(One("screenshot page.png 20s").time, milliseconds(20000));
  EXPECT_EQ(One("close").kind, StepKind::kClose);
  EXPECT_EQ(One("hover text=+").kind, StepKind::kHover);
  EXPECT_EQ(One("leave").kind, StepKind::kLeave);
  EXPECT_EQ(One("long_press key=row 3s").time, milliseconds(3000));
  EXPECT_EQ(One("clipboard \"x y\"").text, "x y");
  EXPECT_EQ(One("expect clipboard \"x\" 5s").kind, StepKind::kExpectClipboard);
  EXPECT_EQ(One("pick type=DatePicker 2026-03-04 3s").values.at(0).text, "2026-03-04");
  EXPECT_EQ(One("pick type=DateRangePicker 2026-03-04 2026-03-09").values.size(), 2u);

  const Step drag = One("drag key=pad from 1,2.5 to -3,4 steps 7");
  EXPECT_EQ(drag.x1, 1);
  EXPECT_EQ(drag.y1, 2.5);
  EXPECT_EQ(drag.x2, -3);
  EXPECT_EQ(drag.y2, 4);
  EXPECT_EQ(drag.count, 7u);
  EXPECT_EQ(One("drag key=pad from 1,2 to 3,4").count, 10u);
  EXPECT_EQ(One("drag key=pad from 1,2 to 3,4 steps 5 at 60/s 3s").rate, 60);
  EXPECT_EQ(One("stream 4096 count 8").bytes, 4096u);
  EXPECT_EQ(One("stream 4096 count 8").count, 8u);
  EXPECT_EQ(One("channel key=echo").kind, StepKind::kChannel);

  EXPECT_EQ(One("slide key=volume 40").x1, 40);
  EXPECT_EQ(One("slide key=volume 40").count, 1u);
  EXPECT_FALSE(One("slide key=volume 40").on);
  const Step range = One("slide key=range -2.5,60 steps 5 3s");
  EXPECT_TRUE(range.on);
  EXPECT_EQ(range.x1, -2.5);
  EXPECT_EQ(range.y1, 60);
  EXPECT_EQ(range.count, 5u);
  EXPECT_EQ(range.time, milliseconds(3000));

  const Step answer = One(R"(answer pick_files "/tmp/a b" none 3 5s)");
  EXPECT_EQ(answer.text, "pick_files");
  ASSERT_EQ(answer.values.size(), 3u);
  EXPECT_TRUE(answer.values[0].quoted);
  EXPECT_FALSE(answer.values[1].quoted);
  EXPECT_EQ(answer.time, milliseconds(5000));
  EXPECT_TRUE(One(R"(answer Clipboard.get error "no clipboard")").on);

  const Step resize = One("resize 640 480.5");
  EXPECT_EQ(resize.x1, 640);
  EXPECT_EQ(resize.y1, 480.5);

  const Step repeat = One("repeat 100 click text=+");
  EXPECT_EQ(repeat.repeat, 100u);
  EXPECT_EQ(repeat.kind, StepKind::kClick);
  EXPECT_EQ(repeat.source, "repeat 100 click text=+");
}

TEST(Steps, ReadDurationsAndHaveDefaults) {
  EXPECT_EQ(One("click text=+").time, milliseconds(1000));
  EXPECT_EQ(One("click text=+ 250ms").time, milliseconds(250));
  EXPECT_EQ(One("type key=n a 2s").time, milliseconds(2000));
  EXPECT_EQ(One("expect text=+").time, milliseconds(2000));
  EXPECT_EQ(One("expect no text=+ 1.5s").time, milliseconds(1500));
  EXPECT_EQ(One("expect crash x 3s").time, milliseconds(3000));
  EXPECT_EQ(One("wait text=done").time, milliseconds(10000));
  EXPECT_EQ(One("wait text=done 5s").time, milliseconds(5000));
  EXPECT_EQ(One("sleep 200ms").time, milliseconds(200));
}

TEST(Steps, NameTheLineAndWhatWasExpected) {
  EXPECT_EQ(
      Why("\n\njump text=x"),
      "steps, line 3: expected click, type, submit, check, drag, hover, leave, long_press, "
      "slide, pick, answer, clipboard, channel, stream, dismiss, resize, route, expect, wait, "
      "tree, screenshot, sleep, repeat or close, found 'jump'");
  EXPECT_EQ(Why("click"),
            "steps, line 1: expected a finder: text=\"...\", icon=NAME, key=NAME or type=NAME, "
            "found the end of the line");
  EXPECT_EQ(Why("click index=1"),
            "steps, line 1: expected a finder: text=\"...\", icon=NAME, key=NAME or type=NAME, "
            "found the end of the line");
  EXPECT_EQ(Why("click colour=red"),
            "steps, line 1: expected a finder: text=\"...\", icon=NAME, key=NAME or type=NAME, "
            "found 'colour=red'");
  EXPECT_EQ(Why("click text=+ now"), "steps, line 1: expected the end of the line, found 'now'");
  EXPECT_EQ(Why("click text=a text=b"),
            "steps, line 1: expected each of text=, icon=, key=, type= at most once, found "
            "'text=b'");
  EXPECT_EQ(Why("click text="), "steps, line 1: expected a value after text=, found 'text='");
  EXPECT_EQ(Why("click text=a index=-1"),
            "steps, line 1: expected index=N with a number from 0, found 'index=-1'");
  EXPECT_EQ(Why("click text=\"a"),
            "steps, line 1: expected a closing quote, found the end of the line");
  EXPECT_EQ(Why("click text=\"a\\q\""), "steps, line 1: expected \\\" \\\\ \\n or \\t, found \\q");
  EXPECT_EQ(Why("click text=\"a\"b"), "steps, line 1: expected a blank after a quoted text");
  EXPECT_EQ(Why("click text=a\"b\""), "steps, line 1: expected a blank before a quoted text");
  EXPECT_EQ(Why("type key=n"),
            "steps, line 1: expected the text to type, found the end of the line");
  EXPECT_EQ(Why("check key=n yes"), "steps, line 1: expected true or false, found 'yes'");
  EXPECT_EQ(Why("drag key=n"), "steps, line 1: expected from X,Y, found the end of the line");
  EXPECT_EQ(Why("drag key=n from 1,2 to 3,4 steps 5 at 60"),
            "steps, line 1: expected a rate such as 60/s after at, found '60'");
  EXPECT_EQ(Why("stream 0"),
            "steps, line 1: expected a number of bytes from 1 to 67108860 after stream, found '0'");
  EXPECT_EQ(Why("drag key=n from 1"), "steps, line 1: expected a point X,Y, found '1'");
  EXPECT_EQ(Why("drag key=n from 1,2 at"), "steps, line 1: expected to X,Y, found 'at'");
  EXPECT_EQ(Why("drag key=n from 1,2 to 1,nan"),
            "steps, line 1: expected a point X,Y, found '1,nan'");
  EXPECT_EQ(Why("drag key=n from 1,2 to 3,4 steps 0"),
            "steps, line 1: expected a number from 1 to 100000 after steps, found '0'");
  EXPECT_EQ(Why("resize 800"),
            "steps, line 1: expected a width and a height above 0, found the end of the line");
  EXPECT_EQ(Why("resize 800 -1"),
            "steps, line 1: expected a width and a height above 0, found '-1'");
  EXPECT_EQ(Why("route"),
            "steps, line 1: expected a route such as \"/settings\", found the end of the line");
  EXPECT_EQ(Why("expect count=x text=a"),
            "steps, line 1: expected count=N with a number from 0, found 'count=x'");
  EXPECT_EQ(Why("expect count=1 text=a index=0"),
            "steps, line 1: expected no index= beside count=");
  EXPECT_EQ(Why("expect crash"),
            "steps, line 1: expected a part of the crash's text, found the end of the line");
  EXPECT_EQ(Why("wait text=a soon"), "steps, line 1: expected the end of the line, found 'soon'");
  EXPECT_EQ(
      Why("tree"),
      "steps, line 1: expected a file to write, such as tree.json, found the end of the line");
  EXPECT_EQ(Why("sleep 5"), "steps, line 1: expected a duration such as 200ms or 5s, found '5'");
  EXPECT_EQ(Why("repeat click text=a"),
            "steps, line 1: expected a number after repeat, found 'click'");
  EXPECT_EQ(
      Why("repeat 2 repeat 2 click text=a"),
      "steps, line 1: expected click, type, submit, check, drag, hover, leave, long_press, "
      "slide, pick, answer, clipboard, channel, stream, dismiss, resize, route, expect, wait, "
      "tree, screenshot, sleep or close, found 'repeat'");
  EXPECT_EQ(Why("close now"), "steps, line 1: expected the end of the line, found 'now'");
}

}  // namespace
}  // namespace fletbridge
