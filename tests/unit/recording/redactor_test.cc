#include "src/recording/redactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/recording/readable.h"
#include "tests/unit/recording/made_up_session.h"
#include "tests/unit/support/growth.h"

namespace fletbridge::recording {
namespace {

using testing::HasSubstr;
using testing::Not;

Value Field(std::int64_t id, const char* label, bool password, const char* value = "") {
  return M({{"_c", "TextField"},
            {"_i", id},
            {"label", label},
            {"password", password},
            {"value", value}});
}

class Redaction : public testing::Test {
 protected:
  void Begin(std::vector<std::string> names, Value controls) {
    redactor_.emplace(std::move(names));
    Pass(Direction::kToApp, Register());
    registered_ = Pass(Direction::kToUi, Registered());
    shown_ = Pass(Direction::kToUi, Shows(std::move(controls)));
  }

  // What would be written, as JSON.
  std::string Pass(Direction direction, const Buffer& payload) {
    const Redactor::Outcome outcome =
        redactor_->Pass(direction, PacketType::kControl, payload.span());
    EXPECT_EQ(outcome.payload.has_value(), outcome.flags != 0);
    if ((outcome.flags & kWithheld) != 0) {
      EXPECT_EQ(outcome.payload->size(), 0u);
      return "withheld";
    }
    return ToJson(*wire::Decode(outcome.payload ? outcome.payload->span() : payload.span()));
  }

  std::optional<Redactor> redactor_;
  std::string registered_;
  std::string shown_;
};

TEST_F(Redaction, LeavesTheSessionsIdOut) {
  Begin({}, L({}));
  EXPECT_THAT(registered_, Not(HasSubstr("s3cr3t-session")));
}

TEST_F(Redaction, LeavesOutWhatIsTypedIntoAPasswordField) {
  Begin({}, L({Field(20, "Password", true, "initial"), Field(21, "Name", false, "Ann")}));
  EXPECT_THAT(shown_, Not(HasSubstr("initial")));
  EXPECT_THAT(shown_, HasSubstr("Ann"));
  EXPECT_EQ(Pass(Direction::kToApp, Update(20, M({{"value", "hunter2"}}))),
            R"([4,{"id":20,"props":{"value":"[masked]"}}])");
  EXPECT_EQ(Pass(Direction::kToApp, Event(20, "change", "hunter2")),
            R"([3,{"target":20,"name":"change","data":"[masked]"}])");
  // The app sets it, as part of another patch.
  EXPECT_THAT(Pass(Direction::kToUi, Sets(0, "value", "hunter3")), HasSubstr("[masked]"));
  EXPECT_THAT(Pass(Direction::kToUi, Sets(1, "value", "Ben")), HasSubstr("Ben"));
  EXPECT_THAT(std::string(redactor_->State()->text()), Not(HasSubstr("hunter")));
}

TEST_F(Redaction, KeepsAFieldSecretThatIsShownInPlain) {
  Begin({}, L({Field(20, "Password", true)}));
  Pass(Direction::kToUi, Sets(0, "password", false));
  EXPECT_THAT(Pass(Direction::kToUi, Sets(0, "value", "hunter2")), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Pass(Direction::kToApp, Event(20, "change", "hunter2")), Not(HasSubstr("hunter2")));
}

TEST_F(Redaction, FindsAFieldThatBecomesSecretLater) {
  Begin({}, L({Field(20, "Password", false)}));
  Pass(Direction::kToUi, Sets(0, "password", true));
  EXPECT_THAT(Pass(Direction::kToApp, Event(20, "change", "hunter2")), Not(HasSubstr("hunter2")));
}

TEST_F(Redaction, LeavesOutWhatIsNamed) {
  Begin({"Card number", "token"}, L({Field(20, "Card number", false), Text(21, "x")}));
  EXPECT_THAT(Pass(Direction::kToApp, Event(20, "change", "4111")), Not(HasSubstr("4111")));
  EXPECT_EQ(Pass(Direction::kToApp, Event(21, "custom", M({{"token", 77}, {"n", 1}}))),
            R"([3,{"target":21,"name":"custom","data":{"token":0,"n":1}}])");
}

TEST_F(Redaction, LeavesOutStoredValuesOfANamedKeyAndTheirAnswers) {
  Begin({"token"}, L({Text(21, "x")}));
  const auto call = [](const char* id, Value args) {
    return Message(5, M({{"control_id", 21}, {"call_id", id}, {"name", "f"}, {"args", args}}));
  };
  EXPECT_THAT(Pass(Direction::kToUi, call("a", M({{"key", "token"}, {"value", "t0k3n"}}))),
              Not(HasSubstr("t0k3n")));
  Pass(Direction::kToUi, call("b", M({{"key", "token"}})));
  Pass(Direction::kToUi, call("c", M({{"key", "color"}})));
  const auto answer = [](const char* id) { return Answer(21, id, "t0k3n"); };
  EXPECT_THAT(Pass(Direction::kToApp, answer("b")), Not(HasSubstr("t0k3n")));
  EXPECT_THAT(Pass(Direction::kToApp, answer("c")), HasSubstr("t0k3n"));
}

TEST_F(Redaction, WithholdsWhatItCannotRead) {
  Begin({}, L({Field(20, "Password", true)}));
  EXPECT_EQ(Pass(Direction::kToApp, Buffer(std::string_view("\xc1hunter2"))), "withheld");
  // A patch that does not fit: from here on nobody knows which field is which.
  EXPECT_EQ(Pass(Direction::kToUi, Sets(7, "value", "hunter2")), "withheld");
  EXPECT_EQ(Pass(Direction::kToApp, Event(20, "change", "hunter2")), "withheld");
  Pass(Direction::kToApp, Register());
  EXPECT_NE(Pass(Direction::kToUi, Registered()), "withheld");
}

TEST_F(Redaction, WithholdsWhatFollowsAMessageOfTheAppThatItCannotRead) {
  Begin({}, L({Field(20, "Password", true)}));
  EXPECT_EQ(Pass(Direction::kToUi, Buffer(std::string_view("\xc1"))), "withheld");
  EXPECT_EQ(Pass(Direction::kToApp, Event(21, "change", "hunter2")), "withheld");
}

TEST_F(Redaction, PassesDataChannelsAsTheyAre) {
  Begin({}, L({}));
  const Buffer data(std::string_view("\1\0\0\0bytes", 9));
  EXPECT_EQ(redactor_->Pass(Direction::kToUi, PacketType::kData, data.span()).flags, 0);
}

TEST_F(Redaction, LeavesASecretOutWhereverTheAppPutsIt) {
  Begin({}, L({Field(20, "Password", true), Field(21, "Shown", false)}));
  Pass(Direction::kToApp, Update(20, M({{"value", "hunter2"}})));
  EXPECT_THAT(Pass(Direction::kToUi, Sets(1, "value", "hunter2")), Not(HasSubstr("hunter2")));
  Pass(Direction::kToApp, Update(20, M({{"value", "other"}})));
  EXPECT_THAT(Pass(Direction::kToUi, Sets(1, "value", "hunter2")), HasSubstr("hunter2"));
  EXPECT_THAT(Pass(Direction::kToUi, Sets(1, "value", "other")), Not(HasSubstr("other")));
}

TEST_F(Redaction, FindsAFieldThatIsNamedByALabelOfItsOwnLater) {
  Begin({"PIN"}, L({M({{"_c", "TextField"},
                       {"_i", 20},
                       {"label", M({{"_c", "Text"}, {"_i", 22}, {"value", "Name"}})},
                       {"value", "1234"}})}));
  EXPECT_THAT(shown_, HasSubstr("1234"));
  Pass(Direction::kToUi,
       Message(2, M({{"id", 22}, {"patch", L({L({0}), L({0, 0, "value", "PIN"})})}})));
  EXPECT_THAT(Pass(Direction::kToApp, Update(20, M({{"value", "9876"}}))), Not(HasSubstr("9876")));
}

Value ManyFields(std::size_t size) {
  auto fields = std::make_shared<wire::List>();
  for (std::size_t i = 0; i < size; ++i)
    fields->items.push_back(
        Field(static_cast<std::int64_t>(20 + i), "Password", true, std::to_string(i).c_str()));
  return fields;
}

TEST_F(Redaction, TakesALinearTimeForManySecretsInOnePatch) {
  EXPECT_LT(GrowthOf(250,
                     [this](std::size_t size) {
                       Begin({"PIN"}, ManyFields(size));
                       auto patch = std::make_shared<wire::List>();
                       patch->items.push_back(L({0}));
                       for (std::size_t i = 0; i < size; ++i)
                         patch->items.push_back(L({0, 0, "value", "x" + std::to_string(i)}));
                       Pass(Direction::kToUi, Message(2, M({{"id", 20}, {"patch", Value(patch)}})));
                     }),
            kMostGrowth);
}

TEST_F(Redaction, DoesNotLookThroughTheWholePageForEachMessage) {
  EXPECT_LT(GrowthOf(250,
                     [this](std::size_t size) {
                       Begin({"PIN"}, ManyFields(size));
                       for (std::size_t i = 0; i < size; ++i)
                         Pass(Direction::kToUi, Sets(0, "hint_text", "your password"));
                     }),
            kMostGrowth);
}

}  // namespace
}  // namespace fletbridge::recording
