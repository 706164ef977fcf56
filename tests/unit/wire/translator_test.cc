#include "common/wire/translator.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wire/hex.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using wire::Value;

constexpr Generation kG2 = Generation::kG2;
constexpr Generation kG3 = Generation::kG3;

Packet Control(Buffer payload) { return {PacketType::kControl, std::move(payload)}; }
Packet Data(std::string_view payload) { return {PacketType::kData, Buffer(payload)}; }

Packet Message(int action, std::initializer_list<Value::Pair> body) {
  return Control(wire::Encode(Value::ListOf({Value(action), Value::MapOf(body)})));
}

Packet Encoded(const wire::Message& message) { return Control(wire::Newest().EncodeOne(message)); }

// Tells whether a packet passes; one that does is the one that was given.
struct Passing : Translator {
  using Translator::Translator;
  Result<bool> ToClient(const Packet& packet) { return Try(&Translator::ToClient, packet); }
  Result<bool> ToApp(const Packet& packet) { return Try(&Translator::ToApp, packet); }

 private:
  Result<bool> Try(Result<> (Translator::*take)(Packet&&, const Pass&), const Packet& packet) {
    int passed = 0;
    const auto pass = [&](Packet&& other) {
      ++passed;
      EXPECT_EQ(other.type, packet.type);
      EXPECT_EQ(other.payload.text(), packet.payload.text());
    };
    const Result<> taken = (this->*take)(Packet{packet.type, Buffer(packet.payload.span())}, pass);
    if (!taken) return taken.error();
    EXPECT_LE(passed, 1);
    return passed == 1;
  }
};

class TranslatorTest : public testing::Test {
 protected:
  Passing Make(Generation app, Generation client) {
    return {wire::CodecOf(app), wire::CodecOf(client),
            [this](const std::string& line) { warnings_.push_back(line); }};
  }
  std::vector<std::string> warnings_;
};

std::vector<Packet> FromTheApp() {
  std::vector<Packet> packets;
  packets.push_back(Message(1, {{"session_id", "s"}, {"page_patch", Value::MapOf({})}}));
  // A capture (flet-protocol, 3.1): the click of a counter, the same bytes in both generations.
  const std::vector<std::byte> patch =
      Hex("920282a2696401a5706174636892920081a5766965777392018100920281a8636f6e74726f6c73920381"
          "009104940004a576616c7565a131");
  packets.push_back(Control(Buffer(std::span<const std::byte>(patch))));
  packets.push_back(
      Message(5, {{"control_id", 27}, {"call_id", "Myr1"}, {"name", "a_call_of_tomorrow"}}));
  packets.push_back(Message(6, {{"message", "boom"}}));
  return packets;
}

std::vector<Packet> FromTheClient() {
  std::vector<Packet> packets;
  packets.push_back(Encoded(wire::Register{{}, "p", Value::MapOf({})}));
  packets.push_back(Encoded(wire::ControlEvent{10, "click", {}}));
  packets.push_back(Encoded(wire::UpdateProps{1, Value::MapOf({{"width", 800.0}})}));
  packets.push_back(Encoded(wire::MethodResult{27, "Myr1", 1, std::nullopt}));
  return packets;
}

TEST_F(TranslatorTest, PassesWhatBothGenerationsSayUnchanged) {
  for (const auto& [app, client] : {std::pair(kG2, kG3), std::pair(kG3, kG2)}) {
    Passing translator = Make(app, client);
    EXPECT_TRUE(translator.active());
    for (const Packet& packet : FromTheApp()) {
      const Result<bool> passes = translator.ToClient(packet);
      ASSERT_TRUE(passes) << passes.error().context;
      EXPECT_TRUE(*passes);
    }
    for (const Packet& packet : FromTheClient()) {
      const Result<bool> passes = translator.ToApp(packet);
      ASSERT_TRUE(passes) << passes.error().context;
      EXPECT_TRUE(*passes);
    }
    EXPECT_THAT(warnings_, IsEmpty());
  }
}

TEST_F(TranslatorTest, RefusesDataChannelsOfAClientWithOneWarning) {
  Passing translator = Make(kG2, kG3);
  const Packet open = Encoded(wire::ControlEvent{
      9, "data_channel_open", Value::MapOf({{"channel_name", "frames"}, {"channel_id", 1}})});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(translator.ToApp(open).value());
    EXPECT_FALSE(translator.ToApp(Data("\1\0\0\0hi")).value());
  }
  ASSERT_THAT(warnings_, SizeIs(1));
  EXPECT_THAT(warnings_[0], HasSubstr("the client uses data channels"));
  EXPECT_THAT(warnings_[0], HasSubstr("its app of Flet 0.70 to 0.85 does not have"));
}

TEST_F(TranslatorTest, RefusesWhatAnAppOfGeneration3SaysToAClientOf2WithOneWarningForEachKind) {
  Passing translator = Make(kG3, kG2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(translator.ToClient(Data("\1\0\0\0hi")).value());
    EXPECT_FALSE(
        translator.ToClient(Message(7, {{"text", "a line"}, {"is_stderr", false}})).value());
    EXPECT_FALSE(translator.ToClient({static_cast<PacketType>(9), Buffer("?")}).value());
  }
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("the app uses data channels"),
                                     HasSubstr("python_output"), HasSubstr("packets of type 9")));
}

TEST_F(TranslatorTest, NamesACallThatTheClientCannotDoWithOneWarning) {
  for (const auto& [app, client] : {std::pair(kG2, kG3), std::pair(kG3, kG2)}) {
    warnings_.clear();
    Passing translator = Make(app, client);
    for (const char* id : {"first", "second"}) {
      const wire::InvokeMethod call{1, id, "take_animation", {}};
      EXPECT_TRUE(translator
                      .ToClient(Message(5, {{"control_id", 1},
                                            {"call_id", id},
                                            {"name", call.name},
                                            {"args", Value::MapOf({{"name", "x"}})}}))
                      .value());
      const Packet answer = Encoded(
          wire::MethodResult{1, id, {}, "unknown method" + std::string(300, '!') + "\nmore"});
      EXPECT_TRUE(translator.ToApp(answer).value()) << "the app's call raises it";
      EXPECT_TRUE(translator.ToApp(answer).value()) << "nobody waits for this one";
    }
    const Packet good = Message(5, {{"control_id", 1}, {"call_id", "3"}, {"name", "get"}});
    EXPECT_TRUE(translator.ToClient(good).value());
    EXPECT_TRUE(translator.ToApp(Encoded(wire::MethodResult{1, "3", "x", std::nullopt})).value());
    EXPECT_THAT(warnings_, ElementsAre(testing::AllOf(
                               HasSubstr("\"take_animation\" failed"),
                               testing::EndsWith("unknown method" + std::string(300, '!')))));
  }
}

TEST_F(TranslatorTest, BlamesNoClientForACallThatFailedForAnotherReason) {
  Passing translator = Make(kG3, kG2);
  const auto call = [&](const std::string& id, const std::string& name, const std::string& error) {
    EXPECT_TRUE(
        translator.ToClient(Message(5, {{"control_id", 7}, {"call_id", id}, {"name", name}}))
            .value());
    EXPECT_TRUE(translator.ToApp(Encoded(wire::MethodResult{7, id, {}, error})).value());
  };
  // As Flet's Linux client answers where there is no session bus, and where a file is in the way.
  call("1", "save_file",
       "SocketException: Connection failed (OS Error: No such file or directory, errno = 2), "
       "address = /run/user/0/bus, port = 0");
  call("2", "pick_files", "Exception: unknown type of file");
  EXPECT_THAT(warnings_, testing::IsEmpty());
  call("3", "save_file", "Exception: Unknown FilePicker method: save_file");
  call("4", "crop", "Exception: No invoke method listeners registered.");
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("\"save_file\" failed at its client of Flet 0.70 "),
                                     HasSubstr("\"crop\" failed")));
}

TEST_F(TranslatorTest, TakesNoOtherEventForADataChannel) {
  Passing translator = Make(kG2, kG3);
  for (const char* name : {"click", "data_channel", "data_channel_opened", ""})
    EXPECT_TRUE(
        translator.ToApp(Encoded(wire::ControlEvent{9, name, "data_channel_open"})).value());
  EXPECT_TRUE(translator.ToApp(Message(3, {{"nam", "data_channel_open"}})).value());
  EXPECT_TRUE(translator.ToApp(Message(3, {})).value());
  // Wherever the key stands, whatever stands before it.
  EXPECT_FALSE(translator
                   .ToApp(Message(3, {{"data", Value::MapOf({{"name", "x"}})},
                                      {"target", 9},
                                      {"name", "data_channel_open"}}))
                   .value());
}

TEST_F(TranslatorTest, RefusesWhatIsNotExactlyOneMessage) {
  for (const char* digits : {"", "92", "92 03 81", "92 03 80 00", "c1", "01", "92 c1 00"}) {
    Passing translator = Make(kG2, kG3);
    const std::vector<std::byte> bytes = Hex(digits);
    const Result<bool> passes =
        translator.ToApp(Control(Buffer(std::span<const std::byte>(bytes))));
    ASSERT_FALSE(passes) << digits;
    EXPECT_EQ(passes.error().code, Errc::kPeerMisbehaved);
    EXPECT_THAT(passes.error().context, HasSubstr("the client sent a malformed message"));
  }
}

// fletd tells its app of a client before it answers the client, and sends on what the app says.
TEST_F(TranslatorTest, GivesNothingOfAnAppOfGeneration0BeforeTheAnswerToTheRegistration) {
  constexpr std::string_view kPatch =
      R"({"id":"","action":"pageControlsBatch","payload":[{"id":"","action":"addPageControls",)"
      R"("payload":{"controls":[{"at":"0","c":["_2"],"i":"_1","p":"page","t":"view"},)"
      R"({"c":[],"i":"_2","p":"_1","t":"text","value":"0"}],"trimIDs":[]}}]})";
  constexpr std::string_view kAnswer =
      R"({"id":"","action":"registerWebClient","payload":{"session":{"id":"s","controls":{)"
      R"("page":{"i":"page","t":"page","p":"","c":[],"route":"/"}}},"error":""}})";
  for (const Generation client : {Generation::kG1, kG3}) {
    Translator translator(wire::CodecOf(Generation::kG0), wire::CodecOf(client), {});
    std::vector<Action> passed;
    const auto pass = [&](Packet&& packet) {
      passed.push_back(wire::CodecOf(client)->Peek(packet));
    };
    wire::Register registration;
    registration.page = Value::MapOf({});
    for (int session = 0; session < 2; ++session) {
      passed.clear();
      for (Packet& packet : wire::CodecOf(client)->Encode(registration))
        ASSERT_TRUE(translator.ToApp(std::move(packet), [](Packet&&) {}));
      ASSERT_TRUE(translator.ToClient(Control(Buffer(kPatch)), pass));
      EXPECT_THAT(passed, IsEmpty());
      ASSERT_TRUE(translator.ToClient(Control(Buffer(kAnswer)), pass));
      ASSERT_TRUE(translator.ToClient(Control(Buffer(kPatch)), pass));
      ASSERT_THAT(passed, SizeIs(testing::Ge(3)));
      EXPECT_EQ(passed.at(0), Action::kRegisterClient);
      EXPECT_EQ(passed.at(1), Action::kPatchControl);
    }
  }
}

// A client must not take the first of several patches for the whole change.
TEST_F(TranslatorTest, MarksThePacketsOfABatchThatMoreFollow) {
  constexpr std::string_view kAnswer =
      R"({"action":"registerWebClient","payload":{"session":{"id":"s","controls":{"page":)"
      R"({"i":"page","t":"page","p":"","c":[],"route":"/"}}},"error":"","appInactive":false}})";
  constexpr std::string_view kPage =
      R"({"action":"addPageControls","payload":{"controls":[{"c":["_2","_3"],"i":"_1","p":"page",)"
      R"("t":"view"},{"c":[],"i":"_2","p":"_1","t":"text","value":"0"},{"c":[],"i":"_3","p":"_1",)"
      R"("t":"text","value":""}],"trimIDs":[]}})";
  constexpr std::string_view kBatch =
      R"({"action":"pageControlsBatch","payload":[{"action":"updateControlProps","payload":)"
      R"({"props":[{"i":"_2","value":"1"}]}},{"action":"updateControlProps","payload":{"props":)"
      R"([{"i":"_3","value":"one"}]}}]})";
  Translator translator(wire::CodecOf(Generation::kG1), wire::CodecOf(kG3), {});
  std::vector<bool> go_on;
  const auto pass = [&](Packet&& packet) { go_on.push_back(packet.goes_on); };
  ASSERT_TRUE(translator.ToApp(Encoded(wire::Register{{}, "p", Value::MapOf({})}), pass));
  ASSERT_TRUE(translator.ToClient(Control(Buffer(kAnswer)), pass));
  ASSERT_TRUE(translator.ToClient(Control(Buffer(kPage)), pass));
  go_on.clear();
  ASSERT_TRUE(translator.ToClient(Control(Buffer(kBatch)), pass));
  EXPECT_THAT(go_on, ElementsAre(true, false));
}

TEST_F(TranslatorTest, HasNothingToDoWithinAGeneration) {
  for (const Generation both : {kG2, kG3}) {
    Passing translator = Make(both, both);
    EXPECT_FALSE(translator.active());
    EXPECT_TRUE(translator.ToClient(Data("x")).value());
    EXPECT_TRUE(translator.ToApp(Control(Buffer("not even a message"))).value());
  }
  EXPECT_THAT(warnings_, IsEmpty());
}

}  // namespace
}  // namespace fletbridge
