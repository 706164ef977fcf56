// The messages of Flet 0.28.3, as they were captured.
#include "common/wire/json_codec.h"

#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/json.h"
#include "common/wire/json_names.h"
#include "common/wire/session.h"
#include "common/wire/stream_decoder.h"
#include "tests/unit/wire/hex.h"

namespace fletbridge::wire {
namespace {

using testing::HasSubstr;

const Codec& G1() { return *CodecOf(Generation::kG1); }

Result<Message> Read(Sender sender, std::string_view text, Reading reading = Reading::kStrict) {
  return G1().Decode(sender, AsBytes(text), reading);
}
template <class M>
M Is(Sender sender, std::string_view text) {
  Result<Message> message = Read(sender, text);
  EXPECT_TRUE(message) << message.error().Line();
  if (!message || !std::holds_alternative<M>(*message)) {
    ADD_FAILURE() << "another kind of message: " << text;
    return {};
  }
  return std::get<M>(std::move(*message));
}
std::string Written(const Message& message) {
  std::string text;
  for (const Packet& packet : G1().Encode(message)) text += packet.payload.text();
  return text;
}

constexpr std::string_view kRegistration =
    R"({"action":"registerWebClient","payload":{"pageName":"tmp/x.sock","pageRoute":"/",)"
    R"("pageWidth":"1280.0","pageHeight":"720.0","windowWidth":"1280.0","windowHeight":"720.0",)"
    R"("windowTop":"0.0","windowLeft":"10.0","isPWA":"false","isWeb":"false","isDebug":"false",)"
    R"("platform":"linux","platformBrightness":"light","media":"{\"padding\":{\"top\":0.0}}",)"
    R"("sessionId":""}})";

TEST(JsonCodec, ReadsARegistrationAndWritesTheSame) {
  const auto registration = Is<Register>(Sender::kClient, kRegistration);
  EXPECT_EQ(registration.page_name, "tmp/x.sock");
  const Map& page = *registration.page.AsMap();
  EXPECT_EQ(In(page, "width"), Value(1280.0));
  EXPECT_EQ(In(page, "pwa"), Value(false));
  EXPECT_EQ(In(page, "platform_brightness"), Value("light"));
  EXPECT_EQ(In(*MapIn(page, "window"), "left"), Value(10.0));
  EXPECT_EQ(Written(registration), kRegistration);
}

TEST(JsonCodec, ARegistrationHasAllItsFifteenFields) {
  const Result<Message> message =
      Read(Sender::kClient, R"({"action":"registerWebClient","payload":{"pageRoute":"/"}})");
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().context,
            "the client sent a malformed message: registerWebClient: 'pageWidth' is missing or no "
            "text");
}

TEST(JsonCodec, ReadsTheAnswerWithAPage) {
  const auto answer = Is<RegisterAnswer>(
      Sender::kApp,
      R"({"action":"registerWebClient","payload":{"session":{"id":"","controls":{"page":{"i":"page",)"
      R"("t":"page","p":"","c":[],"route":"/","width":"800.0","windowwidth":"800.0",)"
      R"("platformBrightness":"light"}}},"error":"","appInactive":false}})");
  const Map& page = *answer.page_patch.AsMap();
  EXPECT_EQ(ControlId(page), kPageId);
  EXPECT_EQ(In(page, "platform_brightness"), Value("light"));
  EXPECT_EQ(ControlId(*MapIn(page, "window")), json_names::kWindowId);
  EXPECT_EQ(In(*MapIn(page, "window"), "width"), Value(800.0));
}

TEST(JsonCodec, ReadsAndWritesEvents) {
  constexpr std::string_view kClick =
      R"({"action":"pageEventFromWeb","payload":{"eventTarget":"_3","eventName":"click","eventData":""}})";
  const auto click = Is<ControlEvent>(Sender::kClient, kClick);
  EXPECT_EQ(click.name, "click");
  EXPECT_TRUE(click.data.is_nil());
  EXPECT_EQ(Written(click), kClick);
  EXPECT_EQ(G1().Peek(AsBytes(kClick)), Action::kControlEvent);
  EXPECT_EQ(G1().Skim({PacketType::kControl, Buffer(kClick)}).name, "click");
}

TEST(JsonCodec, EventsOfThePageHaveTheNamesOfLaterGenerations) {
  const auto there_and_back = [](const std::string& name, const std::string& data) {
    const std::string text =
        R"({"action":"pageEventFromWeb","payload":{"eventTarget":"page","eventName":")" + name +
        R"(","eventData":")" + data + R"("}})";
    const auto event = Is<ControlEvent>(Sender::kClient, text);
    EXPECT_EQ(Written(event), text);
    return event;
  };
  EXPECT_EQ(there_and_back("resized", R"({\"width\":1.5,\"height\":2.0})").data,
            Value::MapOf({{"width", 1.5}, {"height", 2.0}}));
  EXPECT_EQ(there_and_back("route_change", "/a").data, Value::MapOf({{"route", "/a"}}));
  const auto closes = there_and_back("window_event", "close");
  EXPECT_EQ(closes.target, json_names::kWindowId);
  EXPECT_EQ(closes.name, "event");
  EXPECT_EQ(closes.data, Value::MapOf({{"type", "close"}}));
}

TEST(JsonCodec, WritesValuesAsTheTextsOfItsClient) {
  EXPECT_THAT(Written(ControlEvent{20, "change", true}), HasSubstr(R"("eventData":"true")"));
  EXPECT_THAT(Written(ControlEvent{20, "change", 40.0}), HasSubstr(R"("eventData":"40.0")"));
  EXPECT_THAT(Written(UpdateProps{20, Value::MapOf({{"selected_index", 2}})}),
              HasSubstr(R"([{"i":"_4","selectedindex":"2"}])"));
  EXPECT_THAT(Written(UpdateProps{json_names::kWindowId, Value::MapOf({{"width", 500.0}})}),
              HasSubstr(R"([{"i":"page","windowwidth":"500.0"}])"));
  const Value point = Value::MapOf({{"x", 1.0}, {"y", 2.0}});
  EXPECT_THAT(
      Written(ControlEvent{
          20, "pan_start",
          Value::MapOf(
              {{"k", "mouse"}, {"l", point}, {"g", point}, {"ts", Value(Ext{3, "16667"})}})}),
      HasSubstr(R"({\"lx\":1.0,\"ly\":2.0,\"gx\":1.0,\"gy\":2.0,\"kind\":\"mouse\",\"ts\":16})"));
}

TEST(JsonCodec, ReadsCallsAndTheirResults) {
  constexpr std::string_view kCall =
      R"({"action":"invokeMethod","payload":{"methodId":"m1","methodName":"clientStorage:get",)"
      R"("controlId":"","arguments":{"key":"k"}}})";
  const auto call = Is<InvokeMethod>(Sender::kApp, kCall);
  EXPECT_EQ(call.control_id, kPageId);
  EXPECT_EQ(call.name, "clientStorage:get");
  EXPECT_EQ(Written(call), kCall);
  EXPECT_EQ(G1().Skim({PacketType::kControl, Buffer(kCall)}).call_id, "m1");
  constexpr std::string_view kAnswer =
      R"({"action":"pageEventFromWeb","payload":{"eventTarget":"page","eventName":"invoke_method_result",)"
      R"("eventData":"{\"method_id\":\"m1\",\"result\":\"\\\"v\\\"\",\"error\":null}"}})";
  const auto result = Is<MethodResult>(Sender::kClient, kAnswer);
  EXPECT_EQ(result.call_id, "m1");
  EXPECT_EQ(result.result, Value("\"v\""));
  EXPECT_FALSE(result.error);
  EXPECT_EQ(Written(result), kAnswer);
  EXPECT_EQ(G1().Peek(AsBytes(kAnswer)), Action::kInvokeMethod) << "not an input of a person";
}

TEST(JsonCodec, AChangeIsWrittenAsItWasRead) {
  constexpr std::string_view kBatch =
      R"({"action":"pageControlsBatch","payload":[{"action":"updateControlProps","payload":{"props":[)"
      R"({"i":"page","title":"Counter"}]}},{"action":"addPageControls","payload":{"controls":[)"
      R"({"t":"view","i":"_1","p":"page","c":["_2"],"at":"0"},{"t":"text","i":"_2","p":"_1","c":[],)"
      R"("value":"0"}],"trimIDs":[]}},{"action":"removeControl","payload":{"ids":["_2"]}},)"
      R"({"action":"cleanControl","payload":{"ids":["_1"]}}]})";
  const auto patch = Is<FlatPatch>(Sender::kApp, kBatch);
  EXPECT_EQ(patch.changes.size(), 5U);
  EXPECT_EQ(Written(patch), kBatch);
  EXPECT_EQ(G1().Peek(AsBytes(kBatch)), Action::kPatchControl);
}

TEST(JsonCodec, ReadsACrash) {
  constexpr std::string_view kCrash = R"({"action":"sessionCrashed","payload":{"message":"boom"}})";
  EXPECT_EQ(Is<SessionCrashed>(Sender::kApp, kCrash).message, "boom");
  EXPECT_EQ(Written(SessionCrashed{"boom"}), kCrash);
}

TEST(JsonCodec, WhatMakesNoSenseIsRefusedInOneLine) {
  for (
      const char* text :
      {"", "{}", "[1]", R"({"action":"pageControlsBatch","payload":{}})",
       R"({"action":"pageControlsBatch","payload":[{"action":"launch","payload":{}}]})",
       R"({"action":"addPageControls","payload":{"controls":{}}})",
       R"({"action":"addPageControls","payload":{"controls":[{"t":"text","i":"x","p":"page"}]}})",
       R"({"action":"addPageControls","payload":{"controls":[{"t":"text","i":"_1","p":"page","at":"-1"}]}})",
       R"({"action":"addPageControls","payload":{"controls":[{"i":"_1","p":"page"}]}})",
       R"({"action":"removeControl","payload":{"ids":[7]}})",
       R"({"action":"updateControlProps","payload":{"props":[{"value":"1"}]}})",
       R"({"action":"invokeMethod","payload":{"methodName":"x"}})",
       R"({"action":"sessionCrashed","payload":{}})"}) {
    const Result<Message> message = Read(Sender::kApp, text);
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, Errc::kPeerMisbehaved);
    EXPECT_EQ(message.error().context.find('\n'), std::string::npos);
  }
  for (
      const char* text :
      {R"({"action":"pageEventFromWeb","payload":{"eventTarget":"x","eventName":"click"}})",
       R"({"action":"pageEventFromWeb","payload":{"eventTarget":"page","eventName":"invoke_method_result","eventData":"7"}})",
       R"({"action":"updateControlProps","payload":{"props":[]}})"}) {
    EXPECT_FALSE(Read(Sender::kClient, text)) << text;
  }
}

TEST(JsonCodec, IdsAreThoseOfTheAppAndNoOthers) {
  EXPECT_EQ(json_names::IdOf("page"), 1);
  EXPECT_EQ(json_names::TextOfId(*json_names::IdOf("_7")), "_7");
  for (const char* wrong : {"", "_", "_0", "_07", "_-1", "_1x", "_99999999999999999999", "7"})
    EXPECT_FALSE(json_names::IdOf(wrong)) << wrong;
}

// What a peer is told by its first bytes, and what is read of it.
class Stream : public testing::Test, public FrameHandler {
 protected:
  void OnFrame(Packet&& packet) override { seen_.emplace_back(packet.payload.text()); }
  void OnOversizedFrame(std::size_t bytes) override { oversized_ = bytes; }
  Result<> Feed(StreamDecoder& decoder, std::string_view bytes, std::size_t piece) {
    while (!bytes.empty()) {
      const std::span<std::byte> room = decoder.Room();
      const std::size_t n = std::min({room.size(), bytes.size(), piece});
      std::memcpy(room.data(), bytes.data(), n);
      bytes.remove_prefix(n);
      if (Result<> ok = decoder.Consume(n, *this); !ok) return ok;
    }
    return {};
  }
  static std::string Framed(std::string_view payload) {
    FrameHeader header{};
    const std::size_t size = *G1().Frame(PacketType::kControl, payload.size(), header);
    return std::string(reinterpret_cast<const char*>(header.data()), size) + std::string(payload);
  }
  std::vector<std::string> seen_;
  std::size_t oversized_ = 0;
};

TEST_F(Stream, OfAClientIsToldByItsFirstBytes) {
  const std::string frames = Framed(kRegistration) + Framed("{}");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, frames.size()}) {
    seen_.clear();
    StreamDecoder decoder(Generation::kUnknown, 1 << 20);
    ASSERT_TRUE(Feed(decoder, frames, piece));
    EXPECT_EQ(decoder.generation(), Generation::kG1);
    EXPECT_THAT(seen_, testing::ElementsAre(std::string(kRegistration), "{}"));
  }
}

TEST_F(Stream, SkipsAFrameOverTheLimitAndReadsTheNext) {
  StreamDecoder decoder(Generation::kG1, 8);
  ASSERT_TRUE(Feed(decoder, Framed("123456789") + Framed("{}"), 2));
  EXPECT_EQ(oversized_, 9U);
  EXPECT_THAT(seen_, testing::ElementsAre("{}"));
}

TEST_F(Stream, RefusesAnAbsurdLength) {
  StreamDecoder decoder(Generation::kG1, 8);
  const Result<> fed = Feed(decoder, std::string_view("\xff\xff\xff\xf0", 4), 4);
  ASSERT_FALSE(fed);
  EXPECT_THAT(fed.error().context, HasSubstr("does not speak Flet up to 0.28"));
}

TEST_F(Stream, HasNoPlaceForDataPackets) {
  FrameHeader header{};
  EXPECT_FALSE(G1().Frame(PacketType::kData, 4, header));
}

// ---- Generation 0, as `fletd` of Flet 0.1.65 speaks

const Codec& G0() { return *CodecOf(Generation::kG0); }

TEST(JsonCodecOfGeneration0, GivesEachMessageAnIdAndTheResizeItsOwnName) {
  const std::vector<Packet> click = G0().Encode(ControlEvent{20, "click", {}});
  EXPECT_EQ(*FromJson(click.at(0).payload.text()),
            *FromJson(R"({"action":"pageEventFromWeb","payload":)"
                      R"({"eventTarget":"_4","eventName":"click","eventData":""},"id":""})"));
  const Value size = Value::MapOf({{"width", 1.5}, {"height", 2.0}});
  const std::vector<Packet> resize = G0().Encode(ControlEvent{kPageId, "resize", size});
  EXPECT_THAT(std::string(resize.at(0).payload.text()), HasSubstr(R"("eventName":"resize")"));
  Result<Message> read = G0().Decode(Sender::kClient, resize.at(0).payload.span());
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<ControlEvent>(*read).data, size);
}

TEST(JsonCodecOfGeneration0, ReadsWhatFletdSaysWithItsIds) {
  constexpr std::string_view kBatch =
      R"({"id":"","action":"pageControlsBatch","payload":[{"id":"","action":"addPageControls",)"
      R"("payload":{"controls":[{"at":"0","c":["_2"],"i":"_1","p":"page","t":"view"},)"
      R"({"c":[],"i":"_2","p":"_1","t":"text","value":"0"}],"trimIDs":[]}}]})";
  EXPECT_EQ(G0().Peek(AsBytes(kBatch)), Action::kPatchControl);
  Result<Message> read = G0().Decode(Sender::kApp, AsBytes(kBatch));
  ASSERT_TRUE(read) << read.error().Line();
  EXPECT_EQ(std::get<FlatPatch>(*read).changes.size(), 2U);
}

TEST(JsonCodecOfGeneration0, HasNoFormOnAStream) {
  for (const std::string_view begin : {"", "{", "\0\0\1\0"})
    EXPECT_EQ(G0().Recognize(AsBytes(begin)), Codec::Match::kNo);
}

// ---- A session that goes on

TEST(JsonCodec, ReadsAndWritesWhatASessionHasAlready) {
  constexpr std::string_view kAnswer =
      R"({"action":"registerWebClient","payload":{"session":{"id":"s","controls":{)"
      R"("_10":{"t":"text","i":"_10","p":"_2","c":[],"value":"b"},)"
      R"("_2":{"t":"row","i":"_2","p":"_1","c":["_3","_10"]},)"
      R"("_3":{"t":"text","i":"_3","p":"_2","c":[],"value":"a"},)"
      R"("_1":{"t":"view","i":"_1","p":"page","c":["_2"],"at":"0"},)"
      R"("page":{"i":"page","t":"page","p":"","c":["_1"],"route":"/"},)"
      R"("_9":{"t":"text","i":"_9","p":"_8","c":[],"value":"of nobody"}}},"error":""}})";
  auto answer = Is<RegisterAnswer>(Sender::kApp, kAnswer);
  ASSERT_EQ(answer.flat.changes.size(), 4U);
  const std::string written = Written(answer);
  const auto shown = [](Message message) {
    Session session;
    session.Restore(Value::MapOf({}));
    EXPECT_TRUE(session.Apply(message));
    const Map& view = *session.tree()->page().Find("views")->AsList()->items.at(0).AsMap();
    const Map& row = *view.Find("controls")->AsList()->items.at(0).AsMap();
    std::string texts;
    for (const Value& text : row.Find("controls")->AsList()->items)
      texts += TextIn(*text.AsMap(), "value");
    return texts;
  };
  EXPECT_EQ(shown(std::move(answer)), "ab");
  EXPECT_EQ(shown(Is<RegisterAnswer>(Sender::kApp, written)), "ab");
}

TEST(JsonCodec, ASessionWhoseControlsHoldOneAnotherEnds) {
  const auto answer = Is<RegisterAnswer>(
      Sender::kApp,
      R"({"action":"registerWebClient","payload":{"session":{"id":"s","controls":{)"
      R"("page":{"i":"page","c":["_1"]},"_1":{"t":"row","i":"_1","p":"page","c":["_1","page"]}}},)"
      R"("error":""}})");
  EXPECT_EQ(answer.flat.changes.size(), 1U);
}

}  // namespace
}  // namespace fletbridge::wire
