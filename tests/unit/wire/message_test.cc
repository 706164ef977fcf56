#include <gtest/gtest.h>

#include "common/wire/msgpack_codec.h"
#include "tests/unit/wire/hex.h"

namespace fletbridge::wire {
namespace {

// Captured from Flet 1.0.5.
constexpr std::string_view kPatch =
    "920282a2696401a5706174636892920081a5766965777392018100920281a8636f6e74726f6c73920381009104"
    "940004a576616c7565a131";
constexpr std::string_view kGet =
    "920584aa636f6e74726f6c5f69641ba763616c6c5f6964aa4d79723178414a4f6b35a46e616d65a3676574a461"
    "72677381a36b6579a16b";

Result<Message> Read(std::span<const std::byte> payload) {
  return Newest().Decode(Sender::kApp, payload);
}
Result<Message> Read(const Value& message) { return Read(Encode(message).span()); }
Result<Message> Read(const std::vector<std::byte>& bytes) { return Read(std::span(bytes)); }

std::string Why(const Value& message) {
  const Result<Message> read = Read(message);
  return read ? "accepted" : read.error().Line();
}

TEST(Message, ReadsAPatch) {
  const Result<Message> message = Read(Hex(kPatch));
  ASSERT_TRUE(message) << message.error().Line();
  const auto& patch = std::get<Patch>(*message);
  ASSERT_EQ(patch.changes.size(), 1U);
  const Change& change = patch.changes[0];
  EXPECT_EQ(RootOf(patch, change.at), 1);
  EXPECT_EQ(change.kind, Change::Kind::kSet);
  EXPECT_EQ(change.at, 4U);
  EXPECT_EQ(change.key, Value("value"));
  EXPECT_EQ(change.value, Value("1"));
}

TEST(Message, ReadsAMethodCallWithAndWithoutArguments) {
  const Result<Message> message = Read(Hex(kGet));
  ASSERT_TRUE(message) << message.error().Line();
  const auto& call = std::get<InvokeMethod>(*message);
  EXPECT_EQ(call.control_id, 27);
  EXPECT_EQ(call.call_id, "Myr1xAJOk5");
  EXPECT_EQ(call.name, "get");
  EXPECT_EQ(call.args, Value::MapOf({{"key", "k"}}));

  const Value bare =
      Value::ListOf({5, Value::MapOf({{"control_id", 2}, {"call_id", "c"}, {"name", "center"}})});
  const Result<Message> short_call = Read(bare);
  ASSERT_TRUE(short_call);
  EXPECT_TRUE(std::get<InvokeMethod>(*short_call).args.is_nil());
}

TEST(Message, ReadsTheRegistrationAnswerWithoutAnError) {
  const Value answer = Value::ListOf(
      {1, Value::MapOf({{"session_id", "s"}, {"page_patch", Value::MapOf({{"_c", "Page"}})}})});
  const Result<Message> message = Read(answer);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<RegisterAnswer>(*message).session_id, "s");
  EXPECT_EQ(std::get<RegisterAnswer>(*message).error, "");
}

TEST(Message, ReadsCrashesAndOutput) {
  const Value crash = Value::ListOf({6, Value::MapOf({{"message", "boom\ntrace"}})});
  EXPECT_EQ(std::get<SessionCrashed>(*Read(crash)).message, "boom\ntrace");
  const Value output = Value::ListOf({7, Value::MapOf({{"text", "hi"}, {"is_stderr", true}})});
  EXPECT_TRUE(std::get<PythonOutput>(*Read(output)).is_stderr);
}

TEST(Message, NamesWhatIsWrongInOne) {
  const std::string prefix = "the app sent a malformed message: ";
  EXPECT_EQ(Why(Value(1)), prefix + "it is not [action, body]");
  EXPECT_EQ(Why(Value::ListOf({1})), prefix + "it is not [action, body]");
  EXPECT_EQ(Why(Value::ListOf({"x", 1})), prefix + "it is not [action, body]");
  EXPECT_EQ(Why(Value::ListOf({2, 1})), prefix + "the body of action 2 is an integer, not a map");
  EXPECT_EQ(Why(Value::ListOf({99, Value::MapOf({})})), prefix + "action 99 is unknown");
  EXPECT_EQ(Why(Value::ListOf({2, Value::MapOf({})})),
            prefix + "patch_control: 'id' is missing, not an integer");
  EXPECT_EQ(Why(Value::ListOf({2, Value::MapOf({{"id", 1}, {"patch", "x"}})})),
            prefix + "patch_control: 'patch' is text, not a list");
  EXPECT_EQ(Why(Value::ListOf({6, Value::MapOf({{"message", 1.5}})})),
            prefix + "session_crashed: 'message' is a float, not text");
}

TEST(Message, TellsOfACrashWhatFletsLogHasNot) {
  const std::string traceback = "\nTraceback (most recent call last):\n  File\nKeyError\n";
  EXPECT_EQ(CrashText("two\nlines" + traceback), "two\nlines");
  EXPECT_EQ(CrashText(traceback), "KeyError");
  EXPECT_EQ(CrashText("Exception in effect: x" + traceback), "Exception in effect: x" + traceback);
  EXPECT_EQ(CrashText("said by\nthe app"), "said by\nthe app");
  EXPECT_EQ(CrashLine("two\nlines" + traceback), "two");
  EXPECT_EQ(CrashLine(traceback), "KeyError");
  EXPECT_EQ(CrashLine(""), "");
}

TEST(Message, WritesAnEventAsFletsClientDoes) {
  const Buffer event = Newest().EncodeOne(ControlEvent{10, "click", {}});
  const auto captured = Hex("920383a67461726765740aa46e616d65a5636c69636ba464617461c0");
  EXPECT_EQ(event.text(),
            std::string_view(reinterpret_cast<const char*>(captured.data()), captured.size()));
}

TEST(Message, WritesAnAnswerWithExactlyTheFourKeys) {
  const auto written = [](Value result, std::optional<std::string> error) {
    const MethodResult answer{27, "c", std::move(result), std::move(error)};
    return *Decode(Newest().EncodeOne(answer).span());
  };
  EXPECT_EQ(written(true, {}),
            Value::ListOf(
                {5, Value::MapOf(
                        {{"control_id", 27}, {"call_id", "c"}, {"result", true}, {"error", {}}})}));
  EXPECT_EQ(written({}, "no"),
            Value::ListOf(
                {5, Value::MapOf(
                        {{"control_id", 27}, {"call_id", "c"}, {"result", {}}, {"error", "no"}})}));
}

}  // namespace
}  // namespace fletbridge::wire
