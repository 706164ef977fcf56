#include "src/legacy/kept_session.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/json_names.h"

namespace fletbridge::legacy {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using wire::Value;

class KeptSessionTest : public testing::TestWithParam<Generation> {
 protected:
  Packet Say(const wire::Message& message) {
    return {PacketType::kControl, codec_.EncodeOne(message)};
  }
  static wire::Patch Set(std::int64_t control, const char* key, Value value) {
    wire::Patch patch;
    patch.places.push_back({.control = control, .step = {}});
    patch.changes.push_back({.kind = wire::Change::Kind::kSet, .key = key, .value = value});
    return patch;
  }
  // A client has registered, and the page shows a text, the control 5, below the view 3.
  void Begin() {
    kept_.FromUi(Say(wire::Register{
        "", "p",
        Value::MapOf(
            {{"route", "/"}, {"width", 800.0}, {"platform", "linux"}, {"debug", false}})}));
    kept_.FromApp(
        Say(wire::RegisterAnswer{
            "its-id",
            Value::MapOf({{"_c", "Page"},
                          {"_i", 1},
                          {"views", Value::ListOf({Value::MapOf({{"_c", "View"}, {"_i", 3}})})}}),
            ""}),
        true);
    kept_.FromApp(
        Say(Set(3, "controls",
                Value::ListOf({Value::MapOf({{"_c", "Text"}, {"_i", 5}, {"value", "0"}})}))),
        true);
  }
  Packet Back(Value page) { return Say(wire::Register{"", "p", std::move(page)}); }
  wire::Message Read(Sender sender, const Packet& packet) {
    Result<wire::Message> message = codec_.Decode(sender, packet.payload.span());
    EXPECT_TRUE(message) << message.error().Line();
    return std::move(*message);
  }
  // The value of the text in what a UI that comes back is told.
  std::string Text(const KeptSession::Return& back) {
    const wire::Message first = Read(Sender::kApp, back.to_ui.front());
    const auto& answer = std::get<wire::RegisterAnswer>(first);
    EXPECT_EQ(answer.session_id, "its-id");
    EXPECT_EQ(answer.error, "");
    const wire::Map& page = *answer.page_patch.AsMap();
    const wire::Map& view = *page.Find("views")->AsList()->items[0].AsMap();
    return wire::TextIn(*view.Find("controls")->AsList()->items[0].AsMap(), "value");
  }
  wire::InvokeMethod Call(std::int64_t control, const char* id, std::string argument = "x") {
    return {control, id, "get", Value::MapOf({{"key", std::move(argument)}})};
  }

  const wire::Codec& codec_ = *wire::CodecOf(GetParam());
  KeptSession kept_{codec_};
};

TEST_P(KeptSessionTest, IsWorthKeepingOnceAClientIsRegistered) {
  EXPECT_FALSE(kept_.keepable());
  Begin();
  EXPECT_TRUE(kept_.keepable());
}

TEST_P(KeptSessionTest, GivesAUiThatComesBackThePageAsItIsNow) {
  Begin();
  kept_.FromApp(Say(Set(5, "value", "with a UI")), true);
  EXPECT_THAT(kept_.UiGone(), IsEmpty());
  EXPECT_THAT(kept_.FromApp(Say(Set(5, "value", "without one")), false), IsEmpty());
  const auto back = kept_.Rejoin(Back(Value::MapOf({{"route", "/"}, {"width", 800.0}})));
  ASSERT_TRUE(back);
  EXPECT_EQ(Text(*back), "without one");
  EXPECT_THAT(back->to_app, IsEmpty());
  EXPECT_TRUE(kept_.keepable()) << "for the next time";
}

TEST_P(KeptSessionTest, TellsTheAppInWhatTheNewUiDiffersButNotItsRoute) {
  Begin();
  kept_.FromUi(Say(wire::UpdateProps{1, Value::MapOf({{"route", "/far"}})}));
  (void)kept_.UiGone();
  const auto back = kept_.Rejoin(Back(
      Value::MapOf({{"route", "/"}, {"width", 500.0}, {"platform", "linux"}, {"debug", false}})));
  ASSERT_TRUE(back);
  ASSERT_THAT(back->to_app, SizeIs(1));
  const wire::Message told = Read(Sender::kClient, back->to_app.front());
  const auto& update = std::get<wire::UpdateProps>(told);
  EXPECT_EQ(update.id, 1);
  EXPECT_EQ(update.props, Value::MapOf({{"width", 500.0}}));
  const wire::Message first = Read(Sender::kApp, back->to_ui.front());
  EXPECT_EQ(wire::TextIn(*std::get<wire::RegisterAnswer>(first).page_patch.AsMap(), "route"),
            "/far");
}

TEST_P(KeptSessionTest, TakesNothingButARegistrationForAReturn) {
  Begin();
  (void)kept_.UiGone();
  EXPECT_FALSE(kept_.Rejoin(Say(wire::ControlEvent{5, "click", {}})));
  EXPECT_FALSE(kept_.Rejoin({PacketType::kData, Buffer(std::string_view("\1\0\0\0x"))}));
}

TEST_P(KeptSessionTest, AsksTheNewUiWhatNobodyHasAnswered) {
  Begin();
  kept_.FromApp(Say(Call(5, "answered")), true);
  kept_.FromApp(Say(Call(5, "open")), true);
  kept_.FromUi(Say(wire::MethodResult{5, "answered", "result", {}}));
  (void)kept_.UiGone();
  kept_.FromApp(Say(Call(5, "late")), false);
  kept_.FromApp(Say(Call(99, "gone")), false);
  const auto back = kept_.Rejoin(Back(Value::MapOf({})));
  ASSERT_TRUE(back);
  ASSERT_THAT(back->to_ui, SizeIs(3)) << "a control that is not there is asked nothing";
  for (std::size_t i = 1; i < 3; ++i) {
    const wire::Message call = Read(Sender::kApp, back->to_ui[i]);
    EXPECT_EQ(std::get<wire::InvokeMethod>(call).call_id, i == 1 ? "open" : "late");
  }
}

TEST_P(KeptSessionTest, AnswersACallThatIsTooLargeToBeKeptWithAnError) {
  Begin();
  const Packet call = Say(Call(5, "big", std::string(KeptSession::kMostCallBytes, 'x')));
  EXPECT_THAT(kept_.FromApp(call, true), IsEmpty()) << "the UI has it";
  std::vector<Packet> told = kept_.UiGone();
  ASSERT_THAT(told, SizeIs(1));
  const wire::Message answer = Read(Sender::kClient, told.front());
  EXPECT_EQ(std::get<wire::MethodResult>(answer).call_id, "big");
  EXPECT_TRUE(std::get<wire::MethodResult>(answer).error);
  EXPECT_THAT(kept_.FromApp(call, false), SizeIs(1));
  EXPECT_THAT(
      kept_.FromApp(Say(Call(99, "big", std::string(KeptSession::kMostCallBytes, 'x'))), false),
      IsEmpty())
      << "Flet would end the connection for a result of a control that it does not have";
}

TEST_P(KeptSessionTest, BoundsTheCallsThatItKnows) {
  Begin();
  (void)kept_.UiGone();
  std::size_t refused = 0;
  for (std::size_t i = 0; i < KeptSession::kMostCalls + 10; ++i)
    refused += kept_.FromApp(Say(Call(5, std::to_string(i).c_str())), false).size();
  EXPECT_EQ(refused, 10u);
}

TEST_P(KeptSessionTest, TellsOfAnExceptionThatNobodyHasSeen) {
  Begin();
  kept_.FromApp(Say(wire::SessionCrashed{"seen"}), true);
  (void)kept_.UiGone();
  kept_.FromApp(Say(wire::SessionCrashed{"unseen"}), false);
  const auto back = kept_.Rejoin(Back(Value::MapOf({})));
  ASSERT_TRUE(back);
  ASSERT_THAT(back->to_ui, SizeIs(2));
  const wire::Message crash = Read(Sender::kApp, back->to_ui[1]);
  EXPECT_EQ(std::get<wire::SessionCrashed>(crash).message, "unseen");
}

TEST_P(KeptSessionTest, DoesNotKeepWhatItDoesNotUnderstand) {
  Begin();
  kept_.FromApp({PacketType::kControl, Buffer(std::string_view("\x92\x02\xc1"))}, true);
  EXPECT_FALSE(kept_.keepable());
}

TEST_P(KeptSessionTest, DoesNotKeepASessionThatFailedBeforeMain) {
  kept_.FromUi(Back(Value::MapOf({})));
  kept_.FromApp(Say(wire::RegisterAnswer{"id", Value::MapOf({}), "before_main() raised"}), true);
  EXPECT_FALSE(kept_.keepable());
}

INSTANTIATE_TEST_SUITE_P(Generations, KeptSessionTest,
                         testing::Values(Generation::kG2, Generation::kG3),
                         [](const testing::TestParamInfo<Generation>& given) {
                           return given.param == Generation::kG2 ? "G2" : "G3";
                         });

// ---- The generations whose messages are texts

class KeptTextsTest : public testing::TestWithParam<Generation> {
 protected:
  static Packet Say(std::string_view text) { return {PacketType::kControl, Buffer(text)}; }
  static constexpr std::string_view kRegistration =
      R"({"action":"registerWebClient","payload":{"pageName":"","pageRoute":"/","pageWidth":"800.0",)"
      R"("pageHeight":"600.0","windowWidth":"","windowHeight":"","windowTop":"","windowLeft":"",)"
      R"("isPWA":"false","isWeb":"false","isDebug":"false","platform":"linux",)"
      R"("platformBrightness":"light","media":"{}","sessionId":""}})";

  // A page with a title, a bar, a text and a field, in which somebody has typed.
  void Begin() {
    kept_.FromUi(Say(kRegistration));
    kept_.FromApp(
        Say(R"({"action":"registerWebClient","payload":{"session":{"id":"its-id","controls":{"page":)"
            R"({"i":"page","t":"page","p":"","c":[],"route":"/","width":"800.0"}}},"error":"",)"
            R"("appInactive":false}})"),
        true);
    kept_.FromApp(
        Say(R"({"action":"pageControlsBatch","payload":[)"
            R"({"action":"updateControlProps","payload":{"props":[{"i":"page","title":"Kept"}]}},)"
            R"({"action":"addPageControls","payload":{"controls":[)"
            R"({"t":"view","i":"_1","p":"page","c":["_4","_2","_3"],"at":"0"},)"
            R"({"t":"appbar","i":"_4","p":"_1","c":["_5"]},)"
            R"({"t":"text","i":"_5","p":"_4","c":[],"n":"title","value":"bar"},)"
            R"({"t":"text","i":"_2","p":"_1","c":[],"value":"0"},)"
            R"({"t":"textfield","i":"_3","p":"_1","c":[],"label":"Name","onchange":"true"})"
            R"(],"trimIDs":[]}}]})"),
        true);
    kept_.FromUi(
        Say(R"({"action":"updateControlProps","payload":{"props":[{"i":"_3","value":"Ann"}]}})"));
  }
  // The page of a client that is told this.
  static wire::Session Shown(const wire::Codec& codec, const std::vector<Packet>& packets) {
    wire::Session session;
    session.Restore(Value::MapOf({}));
    for (const Packet& packet : packets) {
      Result<wire::Message> message = codec.Decode(Sender::kApp, packet.payload.span());
      EXPECT_TRUE(message) << message.error().Line();
      EXPECT_TRUE(message && session.Apply(*message));
    }
    return session;
  }
  static std::string TextOf(const wire::Session& session, std::string_view id, const char* name) {
    const wire::Map* control = session.Find(*wire::json_names::IdOf(id));
    return control == nullptr ? "none" : wire::TextIn(*control, name);
  }

  const wire::Codec& codec_ = *wire::CodecOf(GetParam());
  KeptSession kept_{codec_};
};

TEST_P(KeptTextsTest, GiveAUiThatComesBackAllThatIsOnThePage) {
  Begin();
  (void)kept_.UiGone();
  kept_.FromApp(
      Say(R"({"action":"pageControlsBatch","payload":[)"
          R"({"action":"updateControlProps","payload":{"props":[{"i":"_2","value":"7"}]}},)"
          R"({"action":"addPageControls","payload":{"controls":[)"
          R"({"t":"text","i":"_6","p":"_1","c":[],"at":"1","value":"first"}],"trimIDs":[]}}]})"),
      false);
  for (int time = 0; time < 2; ++time) {
    const auto back = kept_.Rejoin(Say(kRegistration));
    ASSERT_TRUE(back);
    EXPECT_THAT(back->to_app, IsEmpty());
    const wire::Session shown = Shown(codec_, back->to_ui);
    EXPECT_EQ(TextOf(shown, "_2", "value"), "7");
    EXPECT_EQ(TextOf(shown, "_3", "value"), "Ann");
    EXPECT_EQ(TextOf(shown, "_5", "value"), "bar");
    const wire::Map& view = *shown.tree()->page().Find("views")->AsList()->items[0].AsMap();
    EXPECT_EQ(wire::TextIn(*wire::MapIn(*wire::MapIn(view, "appbar"), "title"), "value"), "bar");
    const std::vector<Value>& items = view.Find("controls")->AsList()->items;
    ASSERT_THAT(items, SizeIs(3));
    EXPECT_EQ(wire::TextIn(*items[0].AsMap(), "value"), "first");
    EXPECT_TRUE(kept_.keepable()) << "for the next time";
    (void)kept_.UiGone();
  }
}

TEST_P(KeptTextsTest, GiveNothingOfWhatHasGone) {
  Begin();
  kept_.FromApp(Say(R"({"action":"removeControl","payload":{"ids":["_2"]}})"), true);
  kept_.FromApp(Say(R"({"action":"cleanControl","payload":{"ids":["_4"]}})"), true);
  (void)kept_.UiGone();
  const auto back = kept_.Rejoin(Say(kRegistration));
  ASSERT_TRUE(back);
  const wire::Session shown = Shown(codec_, back->to_ui);
  EXPECT_EQ(TextOf(shown, "_2", "value"), "none");
  EXPECT_EQ(TextOf(shown, "_5", "value"), "none");
  EXPECT_EQ(TextOf(shown, "_3", "value"), "Ann");
}

INSTANTIATE_TEST_SUITE_P(Generations, KeptTextsTest,
                         testing::Values(Generation::kG0, Generation::kG1),
                         [](const testing::TestParamInfo<Generation>& given) {
                           return given.param == Generation::kG0 ? "G0" : "G1";
                         });

}  // namespace
}  // namespace fletbridge::legacy
