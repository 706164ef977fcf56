// What holds for the codec of every generation that writes values as they are; that of generation
// 1, which has text alone, is told of in json_codec_test.cc.
#include "common/wire/codec.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/session.h"

namespace fletbridge::wire {
namespace {

using Kind = Change::Kind;

Value Page() {
  return Value::MapOf({{"_c", "Page"}, {"_i", kPageId}, {"controls", Value::ListOf({})}});
}
Value Row(std::int64_t id) {
  return Value::MapOf({{"_c", "Row"}, {"_i", id}, {"controls", Value::ListOf({})}});
}
// Changes of lists of controls: of the page and of others, by their ids.
Patch Changes(std::initializer_list<std::int64_t> controls, std::vector<Change> changes) {
  Patch patch;
  for (const std::int64_t id : controls) {
    patch.places.push_back({Place::kControl, id, {}});
    patch.places.push_back({patch.places.size() - 1, 0, "controls"});
  }
  patch.changes = std::move(changes);
  return patch;
}

class EveryCodec : public testing::TestWithParam<const Codec*> {
 protected:
  // As the peer reads what is written.
  static std::vector<Message> Through(Sender sender, const Message& message) {
    std::vector<Message> read;
    for (const Packet& packet : GetParam()->Encode(message)) {
      EXPECT_TRUE(GetParam()->Check(packet.payload.span()));
      Result<Message> one = GetParam()->Decode(sender, packet.payload.span());
      EXPECT_TRUE(one) << one.error().Line();
      if (one) read.push_back(std::move(*one));
    }
    return read;
  }
  template <class M>
  static M Back(Sender sender, const M& message) {
    std::vector<Message> read = Through(sender, message);
    EXPECT_EQ(read.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<M>(read.at(0)));
    return std::get<M>(read.at(0));
  }
};

TEST_P(EveryCodec, ReadsWhatItWritesOfAClient) {
  const auto registration = Back(Sender::kClient, Register{"s", "p", Page()});
  EXPECT_EQ(registration.session_id, "s");
  EXPECT_EQ(registration.page, Page());
  const auto event = Back(Sender::kClient, ControlEvent{7, "click", Value::MapOf({{"x", 1.5}})});
  EXPECT_EQ(event.target, 7);
  EXPECT_EQ(event.name, "click");
  EXPECT_EQ(event.data, Value::MapOf({{"x", 1.5}}));
  const auto update = Back(Sender::kClient, UpdateProps{7, Value::MapOf({{"value", "v"}})});
  EXPECT_EQ(update.props, Value::MapOf({{"value", "v"}}));
  const auto result = Back(Sender::kClient, MethodResult{7, "c", Value(), "no"});
  EXPECT_EQ(result.call_id, "c");
  EXPECT_EQ(result.error, "no");
}

TEST_P(EveryCodec, ReadsWhatItWritesOfAnApp) {
  const auto answer = Back(Sender::kApp, RegisterAnswer{"s", Page(), "e"});
  EXPECT_EQ(answer.page_patch, Page());
  EXPECT_EQ(answer.error, "e");
  const auto call = Back(Sender::kApp, InvokeMethod{7, "c", "get", {}});
  EXPECT_EQ(call.name, "get");
  EXPECT_TRUE(call.args.is_nil());
  EXPECT_EQ(Back(Sender::kApp, SessionCrashed{"boom"}).message, "boom");
}

// Both trees are changed: one by the patch, the other by what is written of it.
TEST_P(EveryCodec, WritesChangesThatComeToTheSame) {
  Session here, there;
  const auto both = [&](const Message& message) {
    std::vector<Message> read = Through(Sender::kApp, message);
    for (Message& one : read) EXPECT_TRUE(there.Apply(one));
    Message own = message;  // shares its values with `read` no more: those went through bytes
    EXPECT_TRUE(here.Apply(own));
    EXPECT_EQ(here.page(), there.page());
    return read.size();
  };
  here.Restore(Value::MapOf({}));
  there.Restore(Value::MapOf({}));
  both(RegisterAnswer{"s", Page(), {}});
  both(Changes({1}, {{Kind::kInsert, 1, 0, Row(10)},
                     {Kind::kInsert, 1, 1, Row(11)},
                     {Kind::kInsert, 1, 0, Row(12)},
                     {Kind::kMove, 1, 0, 2, 1},
                     {Kind::kRemove, 1, 0},
                     {Kind::kSet, 0, "title", "T"}}));
  EXPECT_EQ(here.Find(10), nullptr);
  EXPECT_EQ(both(Changes({11, 12}, {{Kind::kInsert, 1, 0, Row(20)},
                                    {Kind::kInsert, 3, 0, Row(21)},
                                    {Kind::kSet, 2, "value", "x"},
                                    {Kind::kSet, 0, "value", "y"}})),
            3U)
      << "one message for each run below a control";
  EXPECT_EQ(TextIn(*there.Find(11), "value"), "y");
}

TEST_P(EveryCodec, TellsTheKindOfWhatItWrites) {
  const auto kind = [](const Message& message) {
    return GetParam()->Peek({PacketType::kControl, GetParam()->EncodeOne(message)});
  };
  EXPECT_EQ(kind(Register{{}, {}, Page()}), Action::kRegisterClient);
  EXPECT_EQ(kind(ControlEvent{1, "click", {}}), Action::kControlEvent);
  EXPECT_EQ(kind(UpdateProps{1, Page()}), Action::kUpdateControlProps);
  EXPECT_EQ(kind(Changes({1}, {{Kind::kSet, 0, "a", 1}})), Action::kPatchControl);
  EXPECT_EQ(kind(InvokeMethod{1, "c", "n", {}}), Action::kInvokeMethod);
  EXPECT_EQ(kind(SessionCrashed{"x"}), Action::kSessionCrashed);
  EXPECT_EQ(GetParam()->Peek({PacketType::kData, Buffer("\x92\x01")}), Action::kNone);
}

INSTANTIATE_TEST_SUITE_P(Of, EveryCodec,
                         testing::Values(CodecOf(Generation::kG2), CodecOf(Generation::kG3)),
                         [](const auto& tested) {
                           return "Generation" +
                                  std::to_string(static_cast<int>(tested.param->generation()));
                         });

class RelativeChanges : public testing::Test {
 protected:
  RelativeChanges() {
    session_.Restore(Value::MapOf({}));
    Message answer = RegisterAnswer{"s", Page(), {}};
    EXPECT_TRUE(session_.Apply(answer));
  }
  Patch Apply(Patch patch) {
    Message message = std::move(patch);
    EXPECT_TRUE(session_.Apply(message));
    return std::get<Patch>(std::move(message));
  }
  std::vector<std::int64_t> Ids() const {
    std::vector<std::int64_t> ids;
    for (const Value& row : session_.tree()->page().Find("controls")->AsList()->items)
      ids.push_back(ControlId(*row.AsMap()));
    return ids;
  }
  Session session_;
};

TEST_F(RelativeChanges, BecomeOnesWithPositions) {
  const Patch added =
      Apply(Changes({1}, {{Kind::kAppend, 1, {}, Row(10)}, {Kind::kAppend, 1, {}, Row(11)}}));
  EXPECT_EQ(added.changes[1].kind, Kind::kInsert);
  EXPECT_EQ(added.changes[1].key, Value(1));
  const Patch removed = Apply(Changes({10}, {{Kind::kTakeOut, 0}}));
  EXPECT_EQ(removed.changes[0].kind, Kind::kRemove);
  EXPECT_EQ(removed.changes[0].key, Value(0));
  EXPECT_EQ(RootOf(removed, removed.changes[0].at), kPageId);
  EXPECT_THAT(Ids(), testing::ElementsAre(11));
}

TEST_F(RelativeChanges, OfAControlThatIsGoneArePassedOver) {
  const Patch patch = Apply(Changes(
      {77, 1},
      {{Kind::kTakeOut, 0}, {Kind::kAppend, 1, {}, Row(10)}, {Kind::kAppend, 3, {}, Row(11)}}));
  EXPECT_EQ(patch.changes[0].kind, Kind::kTakeOut);
  EXPECT_THAT(Ids(), testing::ElementsAre(11));
  EXPECT_EQ(Newest().Encode(patch).size(), 1U);
}

TEST_F(RelativeChanges, FindTheirControlsInALongListThatChanges) {
  constexpr std::int64_t kMany = 3000;
  Patch grow = Changes({1}, {});
  for (std::int64_t id = 10; id < 10 + kMany; ++id)
    grow.changes.push_back({Kind::kInsert, 1, 0, Row(id)});
  Apply(std::move(grow));
  std::set<std::int64_t> left;
  Patch shrink;
  for (std::int64_t id = 10; id < 10 + kMany; ++id) {
    if (id % 3 == 0) {
      left.insert(id);
      continue;
    }
    shrink.places.push_back({Place::kControl, id, {}});
    shrink.changes.push_back({Kind::kTakeOut, shrink.places.size() - 1});
  }
  Apply(std::move(shrink));
  const std::vector<std::int64_t> ids = Ids();
  EXPECT_EQ(std::set<std::int64_t>(ids.begin(), ids.end()), left);
}

}  // namespace
}  // namespace fletbridge::wire
