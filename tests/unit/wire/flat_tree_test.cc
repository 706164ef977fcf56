// What a session of generation 1 comes to.
#include "common/wire/flat_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/codec.h"
#include "common/wire/session.h"
#include "tests/unit/wire/hex.h"

namespace fletbridge::wire {
namespace {

using testing::ElementsAre;

class FlatTreeOf : public testing::Test {
 protected:
  FlatTreeOf() {
    session_.Restore(Value::MapOf({}));
    App(R"({"action":"registerWebClient","payload":{"session":{"id":"","controls":{"page":{"i":"page",)"
        R"("t":"page","p":"","c":[],"route":"/"}}},"error":"","appInactive":false}})");
  }
  Message App(const std::string& text) {
    Result<Message> message = codec_.Decode(Sender::kApp, AsBytes(text));
    EXPECT_TRUE(message) << message.error().Line();
    const Result<bool> applied = session_.Apply(*message);
    EXPECT_TRUE(applied) << applied.error().Line();
    return std::move(*message);
  }
  void Add(const std::string& controls) {
    App(R"({"action":"addPageControls","payload":{"controls":[)" + controls +
        R"(],"trimIDs":[]}})");
  }
  void Set(const std::string& props) {
    App(R"({"action":"pageControlsBatch","payload":[{"action":"updateControlProps","payload":{"props":[)" +
        props + "]}}]}");
  }
  void View() {
    Add(R"({"t":"view","i":"_1","p":"page","c":["_2","_3"],"at":"0"},)"
        R"({"t":"text","i":"_2","p":"_1","c":[],"value":"0"},)"
        R"({"t":"elevatedbutton","i":"_3","p":"_1","c":[],"text":"plus","style":"{\"a\":1}"})");
  }
  const Map& At(const char* id) const { return *session_.Find(std::stoll(id + 1) + 16); }
  std::vector<std::int64_t> Ids(const Value& list) const {
    std::vector<std::int64_t> ids;
    for (const Value& item : list.AsList()->items) ids.push_back(ControlId(*item.AsMap()) - 16);
    return ids;
  }

  const Codec& codec_ = *CodecOf(Generation::kG1);
  Session session_;
};

TEST_F(FlatTreeOf, ACounterIsThatOfLaterGenerations) {
  View();
  const Map& view = *In(session_.tree()->page(), "views").AsList()->items.at(0).AsMap();
  EXPECT_EQ(ControlType(view), "View");
  EXPECT_THAT(Ids(In(view, "controls")), ElementsAre(2, 3));
  EXPECT_EQ(In(At("_2"), "value"), Value("0")) << "a text's value is text";
  EXPECT_EQ(ControlType(At("_3")), "Button");
  EXPECT_EQ(In(At("_3"), "content"), Value("plus"));
  EXPECT_EQ(In(At("_3"), "style"), Value::MapOf({{"a", 1}}));
  EXPECT_TRUE(In(At("_3"), "on_click").is_true());
}

TEST_F(FlatTreeOf, TypesOfValuesFollowTheControl) {
  View();
  Add(R"({"t":"checkbox","i":"_4","p":"_1","c":[],"at":"2","value":"true","labelposition":"left"},)"
      R"({"t":"slider","i":"_5","p":"_1","c":[],"at":"3","value":"40.5","max":"100"},)"
      R"({"t":"textfield","i":"_6","p":"_1","c":[],"at":"4","value":"true","password":"true"})");
  EXPECT_EQ(In(At("_4"), "value"), Value(true));
  EXPECT_EQ(In(At("_4"), "label_position"), Value("left"));
  EXPECT_EQ(In(At("_5"), "value"), Value(40.5));
  EXPECT_EQ(In(At("_5"), "max"), Value(100));
  EXPECT_EQ(In(At("_6"), "value"), Value("true"));
  EXPECT_EQ(In(At("_6"), "password"), Value(true));
  Set(R"({"i":"_4","value":"false","labelposition":""})");
  EXPECT_EQ(In(At("_4"), "value"), Value(false));
  EXPECT_EQ(At("_4").Find("label_position"), nullptr) << "an empty text takes the property away";
  Result<Message> typed = codec_.Decode(
      Sender::kClient,
      AsBytes(
          R"({"action":"updateControlProps","payload":{"props":[{"i":"_4","value":"true"}]}})"));
  ASSERT_TRUE(typed && session_.Apply(*typed));
  EXPECT_EQ(In(At("_4"), "value"), Value(true));
}

TEST_F(FlatTreeOf, ChildrenGoWhereTheirParentHasThem) {
  Add(R"({"t":"view","i":"_1","p":"page","c":["_2","_4"],"at":"0"},)"
      R"({"t":"appbar","i":"_2","p":"_1","c":["_3"]},{"t":"text","i":"_3","p":"_2","c":[],"n":"title","value":"T"},)"
      R"({"t":"container","i":"_4","p":"_1","c":["_5"]},{"t":"text","i":"_5","p":"_4","c":[],"n":"content","value":"in"})");
  EXPECT_EQ(ControlType(*MapIn(At("_1"), "appbar")), "AppBar");
  EXPECT_EQ(TextIn(*MapIn(*MapIn(At("_1"), "appbar"), "title"), "value"), "T");
  EXPECT_EQ(TextIn(*MapIn(At("_4"), "content"), "value"), "in");
  EXPECT_EQ(At("_5").Find("n"), nullptr);
  // Places count all children; the bar is one of them.
  Add(R"({"t":"text","i":"_6","p":"_1","c":[],"at":"1","value":"first"})");
  Add(R"({"t":"text","i":"_7","p":"_1","c":[],"at":"3","value":"last"})");
  EXPECT_THAT(Ids(In(At("_1"), "controls")), ElementsAre(6, 4, 7));
  App(R"({"action":"removeControl","payload":{"ids":["_5"]}})");
  EXPECT_EQ(MapIn(At("_4"), "content"), nullptr);
}

TEST_F(FlatTreeOf, DialogsLieApartFromTheOverlay) {
  View();
  Add(R"({"t":"offstage","i":"_8","p":"page","c":[],"at":"1"})");
  Add(R"({"t":"filepicker","i":"_9","p":"_8","c":[],"at":"0"})");
  Add(R"({"t":"alertdialog","i":"_10","p":"_8","c":["_11"],"at":"1","open":"true"},)"
      R"({"t":"textbutton","i":"_11","p":"_10","c":[],"n":"action","text":"OK"})");
  const Map& page = session_.tree()->page();
  EXPECT_THAT(Ids(In(*MapIn(page, "_overlay"), "controls")), ElementsAre(9));
  EXPECT_THAT(Ids(In(*MapIn(page, "_dialogs"), "controls")), ElementsAre(10));
  EXPECT_TRUE(In(At("_10"), "open").is_true());
  EXPECT_THAT(Ids(In(At("_10"), "actions")), ElementsAre(11));
  EXPECT_EQ(In(page, "views").AsList()->items.size(), 1U);
}

TEST_F(FlatTreeOf, ThePagesWindowIsAPartOfIt) {
  Set(R"({"i":"page","title":"T","windowwidth":"500","windowpreventclose":"true"})");
  const Map& page = session_.tree()->page();
  EXPECT_EQ(TextIn(page, "title"), "T");
  EXPECT_EQ(In(*MapIn(page, "window"), "width"), Value(500));
  EXPECT_TRUE(In(*MapIn(page, "window"), "prevent_close").is_true());
}

TEST_F(FlatTreeOf, CleaningTakesAwayAllThatAControlHolds) {
  View();
  App(R"({"action":"cleanControl","payload":{"ids":["_1"]}})");
  EXPECT_TRUE(In(At("_1"), "controls").AsList()->items.empty());
  EXPECT_EQ(session_.Find(18), nullptr);
  Add(R"({"t":"text","i":"_4","p":"_1","c":[],"at":"0","value":"new"})");
  EXPECT_THAT(Ids(In(At("_1"), "controls")), ElementsAre(4));
}

TEST_F(FlatTreeOf, AControlThatIsReplacedComesInItsPlace) {
  View();
  App(R"({"action":"pageControlsBatch","payload":[{"action":"removeControl","payload":{"ids":["_2"]}},)"
      R"({"action":"addPageControls","payload":{"controls":[{"t":"text","i":"_2","p":"_1","c":[],"at":"0","value":"9"}],"trimIDs":[]}}]})");
  EXPECT_THAT(Ids(In(At("_1"), "controls")), ElementsAre(2, 3));
  EXPECT_EQ(TextIn(At("_2"), "value"), "9");
}

TEST_F(FlatTreeOf, WhatDoesNotFitTheTreeIsRefused) {
  Result<Message> message = codec_.Decode(
      Sender::kApp,
      AsBytes(
          R"({"action":"addPageControls","payload":{"controls":[{"t":"text","i":"_2","p":"_77"}]}})"));
  ASSERT_TRUE(message);
  EXPECT_FALSE(session_.Apply(*message));
}

TEST_F(FlatTreeOf, IsFollowedFromTheMiddleOfARecording) {
  View();
  Add(R"({"t":"offstage","i":"_8","p":"page","c":[],"at":"1"})");
  Session later;
  later.Restore(Copied(session_.page()));
  for (
      const char* text :
      {R"({"action":"addPageControls","payload":{"controls":[{"t":"text","i":"_9","p":"_1","c":[],"at":"2","value":"n"}]}})",
       R"({"action":"addPageControls","payload":{"controls":[{"t":"snackbar","i":"_10","p":"_8","c":[],"at":"0","open":"true"}]}})",
       R"({"action":"removeControl","payload":{"ids":["_3"]}})"}) {
    Result<Message> message = codec_.Decode(Sender::kApp, AsBytes(text));
    ASSERT_TRUE(message && later.Apply(*message)) << text;
    App(text);
  }
  EXPECT_EQ(later.page(), session_.page());
}

// What stands in a thousand rows, each in a message of its own, is found and changed at once.
TEST_F(FlatTreeOf, AThousandRowsComeAndGo) {
  Add(R"({"t":"view","i":"_1","p":"page","c":[],"at":"0"})");
  for (int i = 0; i < 1000; ++i) {
    const std::string id = "_" + std::to_string(i + 10);
    Add(R"({"t":"text","i":")" + id + R"(","p":"_1","c":[],"at":")" + std::to_string(i) +
        R"(","value":"row"})");
  }
  EXPECT_EQ(In(At("_1"), "controls").AsList()->items.size(), 1000U);
  for (int i = 0; i < 1000; i += 2)
    App(R"({"action":"removeControl","payload":{"ids":["_)" + std::to_string(i + 10) + R"("]}})");
  EXPECT_EQ(In(At("_1"), "controls").AsList()->items.size(), 500U);
}

}  // namespace
}  // namespace fletbridge::wire
