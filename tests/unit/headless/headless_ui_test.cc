#include "src/ui/headless/headless_ui.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/headless/fake_app.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

using wire::Value;

Value L(std::initializer_list<Value> items) { return Value::ListOf(items); }
Value M(std::initializer_list<Value::Pair> entries) { return Value::MapOf(entries); }
Value Text(std::int64_t id, const char* value) {
  return M({{"_c", "Text"}, {"_i", id}, {"value", value}});
}
Value Button(std::int64_t id, const char* content) {
  return M({{"_c", "Button"}, {"_i", id}, {"content", content}, {"on_click", true}});
}
Value Event(std::int64_t target, const char* name, Value data) {
  return M({{"target", target}, {"name", name}, {"data", std::move(data)}});
}
Value Props(std::int64_t id, Value props) { return M({{"id", id}, {"props", std::move(props)}}); }
Value MethodAnswer(std::int64_t id, Value result, Value error) {
  return M({{"control_id", id},
            {"call_id", "call-" + std::to_string(id)},
            {"result", std::move(result)},
            {"error", std::move(error)}});
}

// A counter: text 9, button 10.
struct Counter : FakeApp {
  explicit Counter(std::string_view steps, FlowLimits limits = {}) : FakeApp(steps, limits) {
    controls = {Text(9, "0"), Button(10, "plus")};
    on_event = [this](const std::string& name, std::int64_t target, const Value&) {
      if (name == "click" && target == 10) Set(9, "value", std::to_string(++clicks));
    };
  }
  int clicks = 0;
};

TEST(HeadlessUi, TellsItsLifeOnceAndInOrder) {
  Counter app("click text=plus\nexpect text=1");
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_THAT(app.told,
              testing::ElementsAre("ready", "connected", "registered", "first frame", "closed"));
  EXPECT_FALSE(app.end->why.code);
  Packet late{PacketType::kControl, Buffer(std::string_view("x"))};
  EXPECT_EQ(app.session->Send(std::move(late)), SendResult::kClosed);
}

TEST(HeadlessUi, GoesOnWithItsStepsInTheNextSessionWhereAnAppMayComeBack) {
  HeadlessOptions options;
  options.steps = *ParseSteps("wait text=first\nwait text=second 10s\nexpect no text=first");
  options.renews = true;
  FakeApp app(std::move(options));
  app.controls = {Text(9, "first")};
  app.Start();
  ASSERT_TRUE(app.WaitFor([&] { return app.told.size() >= 4; }));
  app.controls = {Text(19, "second")};
  EXPECT_TRUE(app.ui->serves_another());
  app.EndSession();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_THAT(app.told, testing::ElementsAre("ready", "connected", "registered", "first frame",
                                             "disconnected", "connected", "registered",
                                             "first frame", "closed"));
}

TEST(HeadlessUi, HasOneSessionWhereTheAppsEndIsTheEnd) {
  Counter app("expect text=0");
  EXPECT_FALSE(app.ui->serves_another());
}

TEST(HeadlessUi, RegistersAsFletsClientDoes) {
  Counter app("close");
  app.Start();
  app.WaitClosed();
  const std::vector<Value> sent = app.Sent();
  ASSERT_GE(sent.size(), 6u);
  const wire::Map& body = *sent[0].AsList()->items[1].AsMap();
  EXPECT_TRUE(body.Find("session_id")->is_nil());
  const wire::Map& page = *body.Find("page")->AsMap();
  std::vector<std::string> keys;
  for (const auto& [key, value] : page.entries) keys.push_back(*key.AsText());
  EXPECT_EQ(keys, (std::vector<std::string>{"route", "pwa", "web", "debug", "wasm", "test",
                                            "multi_view", "pyodide", "platform_brightness", "width",
                                            "height", "platform", "window", "media"}));
  EXPECT_EQ(*page.Find("width"), Value(800.0));
  EXPECT_EQ(sent[1], L({4, Props(1, M({{"platform_brightness", "light"}}))}));
  EXPECT_EQ(sent[2], L({3, Event(1, "platform_brightness_change", M({{"brightness", "light"}}))}));
  EXPECT_NE(sent[3].AsList()->items[1].AsMap()->Find("props")->AsMap()->Find("media"), nullptr);
  EXPECT_EQ(sent[4], L({4, Props(1, M({{"width", 800.0}, {"height", 600.0}}))}));
  EXPECT_EQ(*sent[5].AsList()->items[1].AsMap()->Find("id"), Value(2));
}

TEST(HeadlessUi, MeasuresEveryInputThatIsAnswered) {
  Counter app("repeat 50 click text=plus\nexpect text=50");
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(app.ui->latencies()->size(), 50u);
}

TEST(HeadlessUi, GoesOnWhenAnInputIsNotAnswered) {
  Counter app("click text=plus 20ms\nexpect text=0");
  app.on_event = nullptr;
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_TRUE(app.ui->latencies()->empty());
}

TEST(HeadlessUi, ClicksTheNearestControlAroundWhatIsFound) {
  FakeApp app("click text=inner\nexpect text=clicked");
  app.controls = {
      Text(9, ""),
      M({{"_c", "Container"},
         {"_i", 10},
         {"on_click", true},
         {"content", M({{"_c", "Row"}, {"_i", 11}, {"controls", L({Text(12, "inner")})}})}})};
  app.on_event = [&app](const std::string& name, std::int64_t target, const Value& data) {
    if (name == "click" && target == 10 && data.is_nil()) app.Set(9, "value", "clicked");
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, TapsGestureDetectorsWithAPosition) {
  FakeApp app("click key=pad 20ms");
  app.controls = {M({{"_c", "GestureDetector"}, {"_i", 9}, {"key", "pad"}, {"on_tap", true}})};
  app.Start();
  const Value point = M({{"x", 1.0}, {"y", 1.0}});
  EXPECT_TRUE(app.WaitSent(3, Event(9, "tap", M({{"k", "mouse"}, {"l", point}, {"g", point}}))));
}

TEST(HeadlessUi, FindsByKeyTypeIndexAndIconNumber) {
  FakeApp app(
      "expect key=k1\nexpect key=7\nexpect key=scroll\nexpect type=Icon index=1\n"
      "expect no type=Icon index=2\nexpect icon=65604\nexpect icon=0x10044\n"
      "expect count=2 type=Icon\nexpect type=Button text=deep\nexpect count=1 text=deep\n"
      "expect type=FloatingActionButton icon=65604");
  app.controls = {M({{"_c", "Icon"}, {"_i", 9}, {"icon", 65604}, {"key", "k1"}}),
                  M({{"_c", "Icon"}, {"_i", 10}, {"icon", 1}, {"key", 7}}),
                  M({{"_c", "Button"},
                     {"_i", 11},
                     {"content", Text(12, "deep")},
                     {"key", M({{"value", "scroll"}, {"_type", "scroll"}})}}),
                  M({{"_c", "FloatingActionButton"},
                     {"_i", 13},
                     {"icon", M({{"_c", "IconData"}, {"_i", 14}, {"icon", 65604}})}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, FindsIconsByTheNamesOfTheAppsFlet) {
  const std::filesystem::path package =
      std::filesystem::path(testing::TempDir()) / ("flet-" + std::to_string(getpid()));
  std::filesystem::create_directories(package / "controls/material");
  std::filesystem::create_directories(package / "controls/cupertino");
  std::ofstream(package / "controls/material/icons.json") << R"({"ADD":65604})";
  std::ofstream(package / "controls/cupertino/cupertino_icons.json") << R"({"ADD":131072})";
  HeadlessOptions options;
  options.steps = *ParseSteps("expect count=2 icon=ADD\nexpect icon=add\nexpect icon=NONE");
  options.flet_package = package.string();
  FakeApp app(std::move(options));
  app.controls = {M({{"_c", "Icon"}, {"_i", 9}, {"icon", 65604}}),
                  M({{"_c", "CupertinoIcon"}, {"_i", 10}, {"icon", 131072}})};
  testing::internal::CaptureStderr();
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(
                "step 3 (line 3): expect icon=NONE: the app's Flet has no icon named NONE"),
            std::string::npos);
  std::filesystem::remove_all(package);
}

TEST(HeadlessUi, SeesOnlyTheTopViewAndOpenDialogs) {
  FakeApp app(
      "expect text=top\nexpect no text=covered\nexpect text=shown\nexpect no text=closed\n"
      "expect no text=invisible\nexpect no text=within");
  app.on_event = nullptr;
  app.controls = {Text(9, "covered")};
  app.draws = false;
  app.Start();
  app.SendMessage(
      2, M({{"id", 1},
            {"patch",
             L({L({0, M({{"_dialogs", L({1})}})}),
                L({0, 0, "views",
                   L({M({{"_c", "View"}, {"_i", 20}, {"controls", L({Text(21, "covered")})}}),
                      M({{"_c", "View"},
                         {"_i", 22},
                         {"controls", L({Text(23, "top"),
                                         M({{"_c", "Text"},
                                            {"_i", 24},
                                            {"value", "invisible"},
                                            {"visible", false}}),
                                         M({{"_c", "Row"},
                                            {"_i", 25},
                                            {"visible", false},
                                            {"controls", L({Text(26, "within")})}})})}})})}),
                L({0, 1, "controls",
                   L({M({{"_c", "AlertDialog"}, {"_i", 27}, {"open", true}, {"title", "shown"}}),
                      M({{"_c", "AlertDialog"},
                         {"_i", 28},
                         {"open", false},
                         {"title", "closed"}})})})})}}));
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, SearchesInsideComponents) {
  FakeApp app("click text=in\nexpect text=n=1");
  app.draws = false;
  app.on_event = [&app](const std::string&, std::int64_t, const Value&) {
    app.Set(31, "value", "n=1");
  };
  app.Start();
  app.Set(1, "views",
          M({{"_c", "C"},
             {"_i", 29},
             {"_b", L({M({{"_c", "View"},
                          {"_i", 30},
                          {"controls", M({{"_c", "C"},
                                          {"_i", 32},
                                          {"_b", L({Text(31, "n=0"), Button(33, "in")})}})}})})}}));
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, TypesPropertyFirstThenEvent) {
  FakeApp app("type key=name \"Ann\"\nexpect text=\"hello Ann\"\nsubmit key=name 20ms");
  app.controls = {Text(9, ""), M({{"_c", "TextField"},
                                  {"_i", 10},
                                  {"key", "name"},
                                  {"on_change", true},
                                  {"on_submit", true}})};
  app.on_event = [&app](const std::string& name, std::int64_t, const Value& data) {
    if (name == "change") app.Set(9, "value", "hello " + *data.AsText());
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  const std::vector<Value> sent = app.Sent();
  EXPECT_EQ(sent[6], L({4, Props(10, M({{"value", "Ann"}}))}));
  EXPECT_EQ(sent[7], L({3, Event(10, "change", "Ann")}));
  EXPECT_EQ(sent[8], L({3, Event(10, "submit", "Ann")}));
}

TEST(HeadlessUi, SendsNoEventThatTheAppDoesNotHandle) {
  FakeApp app("type key=name Ann\nexpect text=Ann");
  app.controls = {M({{"_c", "TextField"}, {"_i", 10}, {"key", "name"}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  const std::vector<Value> sent = app.Sent();
  EXPECT_EQ(sent.back(), L({4, Props(10, M({{"value", "Ann"}}))}));
}

TEST(HeadlessUi, ChecksAndTogglesBoxes) {
  FakeApp app("check text=Agree true 20ms\ncheck text=Agree false 20ms\nclick text=Agree 20ms");
  app.controls = {M({{"_c", "Checkbox"}, {"_i", 10}, {"label", "Agree"}, {"on_change", true}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  const std::vector<Value> sent = app.Sent();
  EXPECT_EQ(sent[6], L({4, Props(10, M({{"value", true}}))}));
  EXPECT_EQ(sent[7], L({3, Event(10, "change", true)}));
  EXPECT_EQ(sent[9], L({3, Event(10, "change", false)}));
  EXPECT_EQ(sent[11], L({3, Event(10, "change", true)}));
}

TEST(HeadlessUi, SelectsRadiosOptionsDestinationsTabsAndChips) {
  FakeApp app(
      "click text=B 20ms\nclick text=Green 20ms\nclick text=Stars 20ms\nclick text=T2 20ms\n"
      "click text=Tag 20ms");
  app.controls = {
      M({{"_c", "RadioGroup"},
         {"_i", 10},
         {"on_change", true},
         {"content", M({{"_c", "Radio"}, {"_i", 11}, {"label", "B"}, {"value", "b"}})}}),
      M({{"_c", "Dropdown"},
         {"_i", 12},
         {"on_select", true},
         {"options",
          L({M({{"_c", "DropdownOption"}, {"_i", 13}, {"key", "g"}, {"text", "Green"}})})}}),
      M({{"_c", "NavigationBar"},
         {"_i", 14},
         {"on_change", true},
         {"destinations",
          L({M({{"_c", "NavigationBarDestination"}, {"_i", 15}, {"label", "Home"}}),
             M({{"_c", "NavigationBarDestination"}, {"_i", 16}, {"label", "Stars"}})})}}),
      M({{"_c", "Tabs"},
         {"_i", 17},
         {"on_change", true},
         {"content", M({{"_c", "TabBar"},
                        {"_i", 18},
                        {"tabs", L({M({{"_c", "Tab"}, {"_i", 19}, {"label", "T1"}}),
                                    M({{"_c", "Tab"}, {"_i", 20}, {"label", "T2"}})})}})}}),
      M({{"_c", "Chip"}, {"_i", 21}, {"on_select", true}, {"label", "Tag"}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_TRUE(app.WaitSent(3, Event(10, "change", "b")));
  EXPECT_TRUE(app.WaitSent(3, Event(12, "select", "g")));
  EXPECT_TRUE(app.WaitSent(3, Event(14, "change", 1)));
  EXPECT_TRUE(app.WaitSent(4, Props(17, M({{"selected_index", 1}}))));
  EXPECT_TRUE(app.WaitSent(3, Event(21, "select", true)));
}

TEST(HeadlessUi, DragsFromStartToEnd) {
  FakeApp app("drag key=pad from 0,0 to 10,20 steps 2 20ms");
  app.controls = {M({{"_c", "GestureDetector"},
                     {"_i", 9},
                     {"key", "pad"},
                     {"on_pan_start", true},
                     {"on_pan_update", true},
                     {"on_pan_end", true}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  const auto point = [](double x, double y) { return M({{"x", x}, {"y", y}}); };
  const std::vector<Value> sent = app.Sent();
  ASSERT_EQ(sent.size(), 10u);
  EXPECT_EQ(sent[6], L({3, Event(9, "pan_start",
                                 M({{"k", "mouse"},
                                    {"l", point(0, 0)},
                                    {"g", point(0, 0)},
                                    {"ts", wire::Ext{3, "0"}}}))}));
  EXPECT_EQ(sent[8], L({3, Event(9, "pan_update",
                                 M({{"l", point(10, 20)},
                                    {"g", point(10, 20)},
                                    {"ld", point(5, 10)},
                                    {"gd", point(5, 10)},
                                    {"pd", {}},
                                    {"ts", wire::Ext{3, "33334"}}}))}));
  EXPECT_EQ(
      sent[9],
      L({3,
         Event(9, "pan_end",
               M({{"l", point(10, 20)}, {"g", point(10, 20)}, {"v", point(0, 0)}, {"pv", {}}}))}));
}

TEST(HeadlessUi, ResizesAndNavigates) {
  FakeApp app("resize 500 900\nroute \"/two\"");
  app.controls = {};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_TRUE(app.WaitSent(4, Props(1, M({{"width", 500.0}, {"height", 900.0}}))));
  EXPECT_TRUE(app.WaitSent(3, Event(1, "resize", M({{"width", 500.0}, {"height", 900.0}}))));
  EXPECT_TRUE(app.WaitSent(4, Props(1, M({{"route", "/two"}}))));
  EXPECT_TRUE(app.WaitSent(3, Event(1, "route_change", M({{"route", "/two"}}))));
}

TEST(HeadlessUi, WaitsForControlsThatComeLater) {
  Counter app("click text=plus\nclick text=late\nwait text=done 5s\nexpect no text=late 5s");
  app.on_event = [&app](const std::string&, std::int64_t target, const Value&) {
    if (target == 10) {
      app.Set(9, "value", "first");
      app.Set(3, "controls", L({Button(11, "late")}));
    } else if (target == 11) {
      app.Set(11, "key", "seen");
      app.Set(3, "controls", L({Text(12, "done")}));
    }
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

// What another generation says at once reaches a client as several packets.
TEST(HeadlessUi, LooksAtThePageWhenAChangeOfSeveralPacketsIsWhole) {
  Counter app("click text=plus\nexpect text=1\nexpect text=one");
  app.controls.push_back(Text(11, ""));
  app.on_event = [&app](const std::string&, std::int64_t, const Value&) {
    app.Set(9, "value", "1", true);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    app.Set(11, "value", "one");
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(app.ui->latencies()->size(), 1u);
}

struct Failing {
  const char* steps;
  const char* line;
};
void PrintTo(const Failing& failing, std::ostream* out) { *out << failing.steps; }

class FailedStep : public testing::TestWithParam<Failing> {};

TEST_P(FailedStep, EndsWithOneAndSaysWhy) {
  FakeApp app(GetParam().steps);
  app.controls = {
      Text(9, "0"),
      M({{"_c", "Button"}, {"_i", 10}, {"content", "off"}, {"on_click", true}, {"disabled", true}}),
      M({{"_c", "Button"},
         {"_i", 11},
         {"content", "gone"},
         {"on_click", true},
         {"visible", false}})};
  testing::internal::CaptureStderr();
  app.Start();
  const UiEnd closed = app.WaitClosed();
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_EQ(closed.exit_code, 1);
  EXPECT_FALSE(closed.why.code);
  EXPECT_NE(shown.find(GetParam().line), std::string::npos) << shown;
  EXPECT_NE(shown.find("\n    Text #9 value=\"0\"\n"), std::string::npos) << shown;
}

INSTANTIATE_TEST_SUITE_P(
    Each, FailedStep,
    testing::Values(
        Failing{"\nexpect text=1 20ms",
                "step 1 (line 2): expect text=1 20ms: not found after 20 ms; on the screen: \"0\""},
        Failing{"wait text=1 20ms", "not found after 20 ms"},
        Failing{"expect no text=0 20ms", "it is there after 20 ms"},
        Failing{"expect count=2 text=0 20ms", "found 1 after 20 ms"},
        Failing{"expect crash x 20ms", "no such crash after 20 ms"},
        Failing{"click text=off 20ms", "it is disabled after 20 ms"},
        Failing{"click text=gone 20ms", "it is not visible after 20 ms"},
        Failing{"click text=0 20ms", "nothing there takes a click"},
        Failing{"click text=none 20ms", "not found after 20 ms"},
        Failing{"type text=0 x 20ms", "it is a Text, not a text field"},
        Failing{"check text=0 true 20ms", "it is a Text, not a checkbox or a switch"},
        Failing{"drag text=0 from 0,0 to 1,1 20ms", "nothing there takes a drag"},
        Failing{"dismiss text=0 20ms", "it is in no open dialog"},
        Failing{"hover text=0 20ms", "nothing there sees the pointer"},
        Failing{"long_press text=0 20ms", "nothing there takes a long press"},
        Failing{"slide text=0 1 20ms", "it is a Text, not a slider"},
        Failing{"pick text=0 14:30 20ms", "it is a Text, not a picker"},
        Failing{"expect clipboard x 20ms", "the clipboard is empty after 20 ms"},
        Failing{"expect icon=ADD", "the names of icons"},
        Failing{"tree /nowhere/at/all.json", "cannot write /nowhere/at/all.json"}));

TEST(HeadlessUi, FailsWhenTheAppRaises) {
  Counter app("click text=plus\nexpect text=1");
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.Crash("boom\nTraceback (most recent call last):\n  …\n");
  };
  testing::internal::CaptureStderr();
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_NE(shown.find("the app raised: boom\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("Traceback"), std::string::npos) << "Flet has logged it: " << shown;
  EXPECT_NE(shown.find("step 1 (line 1): click text=plus: the app crashed: boom"),
            std::string::npos);
}

TEST(HeadlessUi, FailsWhenTheAppRaisesBehindItsLastAnswer) {
  for (const char* steps : {"click text=plus", "click text=plus\nclose"}) {
    Counter app(steps);
    app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
      if (name != "click") return;
      app.Set(9, "value", "1");
      app.loop.Post([&app] { app.Crash("boom\nTraceback"); });
    };
    testing::internal::CaptureStderr();
    app.Start();
    EXPECT_EQ(app.WaitClosed().exit_code, 1) << steps;
    const std::string shown = testing::internal::GetCapturedStderr();
    EXPECT_NE(shown.find("the app crashed, which no step expects: boom\n"), std::string::npos)
        << shown;
  }
}

TEST(HeadlessUi, FailsWhenMainRaisesAndThereIsNoStep) {
  FakeApp app("# nothing to do");
  app.draws = false;
  app.Start();
  app.Crash("main broke");
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
}

TEST(HeadlessUi, ConsumesOneCrashForEachThatIsExpected) {
  Counter app("repeat 2 click text=plus\nrepeat 2 expect crash boom\nexpect text=0");
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.Crash("boom");
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, FailsForACrashMoreThanIsExpected) {
  Counter app("repeat 2 click text=plus\nexpect crash boom\nexpect text=0");
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.Crash("boom");
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
}

TEST(HeadlessUi, ExpectsACrashOfMainBeforeAnyFrame) {
  FakeApp app("expect crash \"main broke\"");
  app.draws = false;
  app.Start();
  app.Crash("main broke");
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, StaysAfterACrashWithoutSteps) {
  FakeApp app;
  app.controls = {};
  app.Start();
  app.Crash("boom");
  app.Call(1, "get_device_info");
  EXPECT_TRUE(app.WaitFor([&app] { return app.sent.size() == 7; }));
  app.ui->Close(MakeError(Errc::kPeerGone, "gone"));
  const UiEnd closed = app.WaitClosed();
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_EQ(closed.why.code, Errc::kPeerGone);
}

TEST(HeadlessUi, NamesTheStepThatTheAppDidNotLiveToSee) {
  Counter app("click text=plus\nexpect text=1");
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.ui->Close(MakeError(Errc::kPeerGone, "gone"));
  };
  testing::internal::CaptureStderr();
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "fletbridge: the app ended before step 2 (line 2): expect text=1\n");
}

TEST(HeadlessUi, IsContentWhenTheLastInputEndsTheApp) {
  Counter app("click text=plus");
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.ui->Close(MakeError(Errc::kPeerGone, "gone"));
  };
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, ClosesWhenTheAppClosesItsWindow) {
  FakeApp app;
  app.Start();
  app.Call(2, "center");
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(2, {}, {})));
  app.Call(2, "close");
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, AsksTheAppBeforeItClosesIfTheAppWantsThat) {
  FakeApp app("close\n");
  app.on_event = [&app](const std::string& name, std::int64_t target, const Value& data) {
    if (name == "event" && target == 2 && data == M({{"type", "close"}})) app.Call(2, "destroy");
  };
  app.draws = false;
  app.Start();
  app.SendMessage(
      2,
      M({{"id", 2},
         {"patch", L({L({0}), L({0, 0, "prevent_close", true}), L({0, 0, "on_event", true})})}}));
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

// Asks in a dialog before its window closes: No is 21, Yes is 22.
struct Careful : FakeApp {
  explicit Careful(std::string_view steps) : FakeApp(steps) {
    controls = {Text(9, "here")};
    on_event = [this](const std::string& name, std::int64_t target, const Value& data) {
      if (name == "event" && target == 2 && data == M({{"type", "close"}})) {
        ++asked;
        const Value actions = L({Button(21, "No"), Button(22, "Yes")});
        Set(5, "controls",
            L({M({{"_c", "AlertDialog"}, {"_i", 20}, {"open", true}, {"actions", actions}})}));
      }
      if (name == "click" && target == 21) Set(5, "controls", L({}));
      if (name == "click" && target == 22) Call(2, "destroy");
    };
    draws = false;
  }
  void Start() {
    FakeApp::Start();
    SendMessage(
        2,
        M({{"id", 2},
           {"patch", L({L({0}), L({0, 0, "prevent_close", true}), L({0, 0, "on_event", true})})}}));
    Set(3, "controls", L({Text(9, "here")}));
  }
  int asked = 0;
};

TEST(HeadlessUi, AnswersAnAppThatAsksBeforeItsWindowCloses) {
  Careful app("wait text=here\nclose\nclick text=No\nexpect no text=Yes\nclose\nclick text=Yes");
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(app.asked, 2);
}

TEST(HeadlessUi, FailsWhereStepsAreLeftBehindAWindowThatHasGone) {
  Careful app("wait text=here\nclose\nclick text=Yes\nexpect text=here");
  testing::internal::CaptureStderr();
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "fletbridge: the app closed its window before step 4 (line 4): expect text=here\n");
}

TEST(HeadlessUi, EndsWithTheWindowWhateverStepsFollow) {
  Counter app("close\nexpect text=never");
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0) << "without prevent_close, as ever";
}

TEST(HeadlessUi, TellsWhenADialogThatTheAppClosedIsGone) {
  FakeApp app;
  app.Start();
  app.Set(5, "controls",
          L({M({{"_c", "AlertDialog"}, {"_i", 20}, {"open", true}, {"on_dismiss", true}})}));
  app.Set(20, "open", false);
  EXPECT_TRUE(app.WaitSent(4, Props(20, M({{"open", false}}))));
  EXPECT_TRUE(app.WaitSent(3, Event(20, "dismiss", {})));
}

TEST(HeadlessUi, DismissesADialogAsAPersonDoes) {
  FakeApp app("dismiss text=Sure 20ms\nexpect no text=Sure");
  app.draws = false;
  app.Start();
  app.Set(5, "controls",
          L({M({{"_c", "AlertDialog"},
                {"_i", 20},
                {"open", true},
                {"on_dismiss", true},
                {"title", Text(21, "Sure")}})}));
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_TRUE(app.WaitSent(3, Event(20, "dismiss", {})));
}

TEST(HeadlessUi, AnswersTheServicesThatAppsUse) {
  FakeApp app;
  app.Start();
  app.Set(7, "_services",
          L({M({{"_c", "SharedPreferences"}, {"_i", 20}}), M({{"_c", "Clipboard"}, {"_i", 21}}),
             M({{"_c", "UrlLauncher"}, {"_i", 22}})}));
  const auto answers = [&app](std::int64_t id, const char* name, Value args, Value result,
                              Value error = {}) {
    {
      const std::lock_guard lock(app.mutex);
      app.sent.clear();
    }
    app.Call(id, name, std::move(args));
    return app.WaitSent(5, MethodAnswer(id, std::move(result), std::move(error)));
  };
  EXPECT_TRUE(answers(20, "get", M({{"key", "k"}}), {}));
  EXPECT_TRUE(answers(20, "set", M({{"key", "k"}, {"value", 5}}), true));
  EXPECT_TRUE(answers(20, "get", M({{"key", "k"}}), 5));
  EXPECT_TRUE(answers(20, "contains_key", M({{"key", "k"}}), true));
  EXPECT_TRUE(answers(20, "get_keys", M({{"key_prefix", ""}}), L({"k"})));
  EXPECT_TRUE(answers(20, "get_keys", M({{"key_prefix", "x"}}), L({})));
  EXPECT_TRUE(answers(20, "remove", M({{"key", "k"}}), true));
  EXPECT_TRUE(answers(20, "remove", M({{"key", "k"}}), false));
  EXPECT_TRUE(answers(20, "clear", {}, true));
  EXPECT_TRUE(answers(21, "get", {}, {}));
  EXPECT_TRUE(answers(21, "set", M({{"data", "copied"}}), {}));
  EXPECT_TRUE(answers(21, "get", {}, "copied"));
  EXPECT_TRUE(answers(22, "can_launch_url", M({{"url", "https://x"}}), true));
  EXPECT_TRUE(answers(22, "launch_url", M({{"url", "https://x"}}), true));
  EXPECT_TRUE(answers(3, "scroll_to", M({{"offset", 1.0}}), {}));
  EXPECT_TRUE(answers(1, "take_screenshot", {}, {},
                      "fletbridge headless does not know the method take_screenshot; the steps "
                      "may say: answer take_screenshot VALUE"));
}

// The events and properties that were sent to a control, in their order.
std::vector<std::string> SentTo(FakeApp& app, std::int64_t id) {
  std::vector<std::string> found;
  for (const Value& message : app.Sent()) {
    const std::int64_t action = *message.AsList()->items[0].AsInt();
    const wire::Map& body = *message.AsList()->items[1].AsMap();
    if (action == 3 && *body.Find("target") == Value(id)) {
      const Value& data = *body.Find("data");
      const double* number = std::get_if<double>(&data.content());
      const auto* ext = std::get_if<std::shared_ptr<wire::Ext>>(&data.content());
      found.push_back(*body.Find("name")->AsText() + (data.is_nil()     ? ""
                                                      : data.is_true()  ? " true"
                                                      : data.is_false() ? " false"
                                                      : number ? " " + std::to_string(*number)
                                                      : ext    ? " " + (*ext)->data
                                                               : " …"));
    }
    if (action == 4 && *body.Find("id") == Value(id)) {
      for (const auto& [key, value] : body.Find("props")->AsMap()->entries)
        found.push_back(*key.AsText() + "=");
    }
  }
  return found;
}

using Told = std::vector<std::string>;

TEST(HeadlessUi, MovesASliderAsFlutterDoes) {
  FakeApp app("slide type=Slider 10 steps 2 20ms\nslide type=RangeSlider 2,6 20ms");
  const auto slider = [](std::int64_t id, const char* type) {
    return M({{"_c", type},
              {"_i", id},
              {"min", 0},
              {"max", 10.0},
              {"divisions", 5},
              {"end_value", 10.0},
              {"on_change_start", true},
              {"on_change", true},
              {"on_change_end", true}});
  };
  app.controls = {slider(9, "Slider"), slider(10, "RangeSlider")};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(SentTo(app, 9), (Told{"change_start 0.000000", "value=", "change 6.000000",
                                  "value=", "change 10.000000", "change_end 10.000000"}));
  EXPECT_EQ(SentTo(app, 10),
            (Told{"change_start", "start_value=", "end_value=", "change", "change_end"}));
}

TEST(HeadlessUi, LeavesWhatThePointerWasOverBeforeItEntersAnother) {
  FakeApp app("hover text=in 20ms\nhover text=beside 20ms\nleave 20ms");
  app.controls = {
      M({{"_c", "GestureDetector"},
         {"_i", 9},
         {"on_enter", true},
         {"on_hover", true},
         {"on_exit", true},
         {"content",
          M({{"_c", "Container"}, {"_i", 10}, {"on_hover", true}, {"content", Text(11, "in")}})}}),
      M({{"_c", "Button"}, {"_i", 12}, {"on_hover", true}, {"content", "beside"}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(SentTo(app, 9), (Told{"enter …", "hover …", "exit …"}));
  EXPECT_EQ(SentTo(app, 10), (Told{"hover true", "hover false"}));
  EXPECT_EQ(SentTo(app, 12), (Told{"hover true", "hover false"}));
}

TEST(HeadlessUi, PressesLongInTheOrderOfFluttersRecognizers) {
  FakeApp app("long_press text=in 20ms");
  Value detector = M({{"_c", "GestureDetector"}, {"_i", 9}, {"content", Text(11, "in")}});
  for (const char* event : {"tap", "tap_down", "tap_up", "tap_cancel", "long_press_down",
                            "long_press_start", "long_press", "long_press_end", "long_press_up"})
    detector.AsMap()->Set(Value("on_" + std::string(event)), true);
  app.controls = {detector};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(SentTo(app, 9),
            (Told{"long_press_down …", "tap_down …", "tap_cancel", "long_press_start …",
                  "long_press", "long_press_end …", "long_press_up"}));
}

TEST(HeadlessUi, PicksDatesTimesAndRows) {
  FakeApp app(
      "pick type=TimePicker 14:05 20ms\npick type=CupertinoPicker 1 20ms\n"
      "dismiss type=DateRangePicker 20ms\npick type=CupertinoTimerPicker 0:01:30 20ms");
  const auto picker = [](std::int64_t id, const char* type) {
    return M({{"_c", type},
              {"_i", id},
              {"open", true},
              {"value", 5},
              {"on_change", true},
              {"on_dismiss", true},
              {"controls", L({Text(id + 10, "a"), Text(id + 20, "b")})}});
  };
  app.controls = {picker(100, "TimePicker"), picker(200, "CupertinoPicker"),
                  picker(300, "DateRangePicker"), picker(400, "CupertinoTimerPicker")};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(SentTo(app, 100), (Told{"value=", "open=", "change 14:5", "dismiss false"}));
  EXPECT_EQ(SentTo(app, 200), (Told{"selected_index=", "change …"}));
  EXPECT_EQ(SentTo(app, 300), (Told{"start_value=", "end_value=", "open=", "dismiss true"}));
  EXPECT_EQ(SentTo(app, 400), (Told{"value=", "change …"}));
}

TEST(HeadlessUi, PicksADayAsALocalMomentInUtc) {
  const ScopedVariable zone("TZ", "UTC-2");  // two hours ahead
  ::tzset();
  FakeApp app("pick type=DatePicker 2026-03-04 20ms");
  app.controls = {M({{"_c", "DatePicker"},
                     {"_i", 9},
                     {"open", true},
                     {"first_date", Value(wire::Ext{1, "2026-03-03T22:00:00+00:00"})},
                     {"on_change", true}})};
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(SentTo(app, 9), (Told{"value=", "open=", "change 2026-03-03T22:00:00.000+00:00"}));
}

TEST(HeadlessUi, AnswersACallThatWaitsForItsStep) {
  FakeApp app("click text=save\nanswer save_file /tmp/x\nexpect text=saved");
  app.controls = {Text(9, "0"), Button(10, "save"), M({{"_c", "FilePicker"}, {"_i", 20}})};
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.Call(20, "save_file", M({}));
  };
  app.Start();
  ASSERT_TRUE(app.WaitSent(5, MethodAnswer(20, "/tmp/x", {})));
  app.Set(9, "value", "saved");
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, AnswersTheNextCallsOneByOne) {
  FakeApp app(
      "answer Clipboard.get error gone\nanswer get 1 2\nanswer get none\nclick text=go 20ms\n"
      "wait text=done");
  app.controls = {Text(9, "0"), Button(10, "go"), M({{"_c", "Clipboard"}, {"_i", 20}}),
                  M({{"_c", "SharedPreferences"}, {"_i", 21}})};
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name != "click") return;
    app.Call(21, "get");
    app.Call(20, "get");
    app.Call(10, "get");
  };
  app.Start();
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(21, L({1, 2}), {})));
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(20, {}, "gone")));
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(10, {}, {})));
  app.Set(9, "value", "done");
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, FailsForAnAnswerThatTheAppNeverAsksFor) {
  FakeApp app("answer save_file /tmp/x\nexpect text=0");
  app.controls = {Text(9, "0")};
  testing::internal::CaptureStderr();
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(
                "step 1 (line 1): answer save_file /tmp/x: the app has not called save_file"),
            std::string::npos);
}

TEST(HeadlessUi, KeepsAClipboardThatStepsReadAndWrite) {
  FakeApp app("clipboard old\nclick text=go 20ms\nexpect clipboard new");
  app.controls = {Button(10, "go"), M({{"_c", "Clipboard"}, {"_i", 20}})};
  app.on_event = [&app](const std::string& name, std::int64_t, const Value&) {
    if (name == "click") app.Call(20, "get");
  };
  app.Start();
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(20, "old", {})));
  app.Call(20, "set", M({{"data", "new"}}));
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
}

TEST(HeadlessUi, NamesWhatIsAlmostWhatAStepHasNotFound) {
  FakeApp app("click text=\"Sav all\" 20ms");
  app.controls = {Button(9, "Save all"), Button(10, "Open"), Text(11, "Delete")};
  testing::internal::CaptureStderr();
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 1);
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_NE(shown.find("not found after 20 ms; nearest: text=\"Save all\"; on the screen:"),
            std::string::npos)
      << shown;
}

TEST(HeadlessUi, NavigatesBeforeItAnswersPushRoute) {
  FakeApp app;
  app.Start();
  app.Call(1, "push_route", M({{"route", "/r"}}));
  ASSERT_TRUE(app.WaitSent(5, MethodAnswer(1, {}, {})));
  const std::vector<Value> sent = app.Sent();
  EXPECT_EQ(sent[sent.size() - 3], L({4, Props(1, M({{"route", "/r"}}))}));
  EXPECT_EQ(sent[sent.size() - 2], L({3, Event(1, "route_change", M({{"route", "/r"}}))}));
}

TEST(HeadlessUi, NeverAnswersForAControlThatIsGone) {
  FakeApp app;
  app.Start();
  app.Set(7, "_services", L({M({{"_c", "Clipboard"}, {"_i", 21}})}));
  app.Set(7, "_services", L({}));
  app.Call(21, "get");
  app.Call(2, "center");
  ASSERT_TRUE(app.WaitSent(5, MethodAnswer(2, {}, {})));
  for (const Value& message : app.Sent()) {
    EXPECT_NE(message, L({5, MethodAnswer(21, {}, {})}));
  }
}

TEST(HeadlessUi, DropsDataChannelsAndUnknownTypes) {
  FakeApp app;
  app.Start();
  for (const int type : {1, 1, 9, 255}) {
    Packet packet{static_cast<PacketType>(type), Buffer(std::string_view("\1\0", 2))};
    EXPECT_EQ(app.session->Send(std::move(packet)), SendResult::kAccepted);
  }
  app.Call(2, "center");
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(2, {}, {})));
}

TEST(HeadlessUi, EndsWithOneClearLineWhenTheAppBreaksTheProtocol) {
  FakeApp app;
  app.Start();
  static_cast<void>(
      app.session->Send(Packet{PacketType::kControl, Buffer(std::string_view("\xc1"))}));
  const UiEnd closed = app.WaitClosed();
  EXPECT_EQ(closed.exit_code, 70);
  EXPECT_EQ(closed.why.code, Errc::kPeerMisbehaved);
  EXPECT_EQ(closed.why.Line(), "the app sent a malformed message: byte 0 is no MessagePack");
}

TEST(HeadlessUi, SurvivesRandomMessages) {
  std::mt19937 random(42);
  const Buffer good =
      wire::Encode(L({2, M({{"id", 1},
                            {"patch", L({L({0, M({{"views", L({1})}})}), L({1, 1, 0, Text(9, "x")}),
                                         L({0, 0, "title", "t"})})}})}));
  for (int i = 0; i < 1000; ++i) {
    FakeApp app;
    app.Start();
    std::string bytes(good.text());
    for (int c = 0; c < 3; ++c) bytes[random() % bytes.size()] = static_cast<char>(random());
    static_cast<void>(
        app.session->Send(Packet{PacketType::kControl, Buffer(std::string_view(bytes))}));
    app.ui->Close(MakeError(Errc::kPeerGone, "gone"));
    const UiEnd closed = app.WaitClosed();
    ASSERT_TRUE(closed.exit_code == 70 || closed.exit_code == 0) << i;
  }
}

TEST(HeadlessUi, IsClosedByAnAppThatWasGoneBeforeItBegan) {
  FakeApp app;
  app.loop.Start();
  app.ui->Close(MakeError(Errc::kPeerGone, "gone"));
  app.ui->Start(app);
  EXPECT_EQ(app.WaitClosed().why.code, Errc::kPeerGone);
}

TEST(HeadlessUi, SendsNoInputWhileTheAppCannotTakeIt) {
  Counter app("repeat 3 click text=plus\nexpect text=3");
  const auto old = app.on_event;
  app.on_event = [&](const std::string& name, std::int64_t target, const Value& data) {
    old(name, target, data);
    if (name == "click" && app.clicks == 1) app.session->PauseReceiving();
  };
  app.Start();
  // The click's answer comes and a method is answered, but no second click.
  EXPECT_TRUE(app.WaitSent(3, Event(10, "click", {})));
  app.Call(2, "center");
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(2, {}, {})));
  EXPECT_EQ(app.clicks, 1);
  app.session->ResumeReceiving();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(app.clicks, 3);
}

TEST(HeadlessUi, StopsADragWhileTheAppCannotTakeIt) {
  FakeApp app("drag key=pad from 0,0 to 10,20 steps 100");
  app.controls = {
      M({{"_c", "GestureDetector"}, {"_i", 9}, {"key", "pad"}, {"on_pan_update", true}})};
  int updates = 0;
  app.on_event = [&](const std::string& name, std::int64_t, const Value&) {
    if (name != "pan_update") return;
    if (++updates == 10) app.session->PauseReceiving();
    if (updates == 100) app.Set(9, "data", 1);
  };
  app.Start();
  app.Call(2, "center");
  EXPECT_TRUE(app.WaitSent(5, MethodAnswer(2, {}, {})));
  EXPECT_EQ(updates, 10);
  app.session->ResumeReceiving();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  EXPECT_EQ(updates, 100);
}

TEST(HeadlessUi, WritesATreeWhereItWasStarted) {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path start =
      std::filesystem::path(testing::TempDir()) / ("start-" + std::to_string(getpid()));
  std::filesystem::create_directories(start);
  std::filesystem::current_path(start);
  Counter app("wait text=0\ntree here.json");
  std::filesystem::current_path("/proc");  // as an app in this process may, and nothing lies there
  app.Start();
  EXPECT_EQ(app.WaitClosed().exit_code, 0);
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::exists(start / "here.json"));
  std::filesystem::remove_all(start);
}

TEST(HeadlessUi, WritesATreeThatDoesNotDependOnIdsOrOrder) {
  const auto file = [](int n) {
    return (std::filesystem::path(testing::TempDir()) /
            ("tree-" + std::to_string(getpid()) + "-" + std::to_string(n)))
        .string();
  };
  const auto tree = [&file](int n, std::vector<Value> controls) {
    FakeApp app("tree " + file(n));
    app.controls = std::move(controls);
    app.Start();
    EXPECT_EQ(app.WaitClosed().exit_code, 0);
    std::ifstream in(file(n));
    std::string text(std::istreambuf_iterator<char>(in), {});
    std::filesystem::remove(file(n));
    return text;
  };
  const std::string one = tree(1, {Text(9, "a"), Button(10, "b")});
  const std::string two =
      tree(2, {M({{"value", "a"}, {"_i", 29}, {"_c", "Text"}}),
               M({{"on_click", true}, {"_i", 24}, {"content", "b"}, {"_c", "Button"}})});
  EXPECT_EQ(one, two);
  const nlohmann::json json = nlohmann::json::parse(one);
  EXPECT_EQ(json["_c"], "Page");
  EXPECT_EQ(json["_i"], 1);
  EXPECT_EQ(json["_services"]["_internals"]["uid"], "*");
  EXPECT_EQ(json["views"][0]["controls"][0]["value"], "a");
  EXPECT_EQ(json["width"], 800.0);
}

}  // namespace
}  // namespace fletbridge
