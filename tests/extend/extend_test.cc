// What a new stage, UI, filter and codec need to take part in a run: the toys beside this
// file, and nothing of the host changed. The host's session is the real one.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/log.h"
#include "common/wire/session.h"
#include "common/wire/translator.h"
#include "src/host/pipeline/translation.h"
#include "src/host/session.h"
#include "tests/extend/toy_codec.h"
#include "tests/extend/toy_filter.h"
#include "tests/extend/toy_host.h"
#include "tests/extend/toy_ui.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;

const ToyCodec kToy;
const wire::Codec* const kCodecs[] = {&kToy, &wire::Newest()};

class Extend : public testing::Test {
 protected:
  void Make(int clients, bool comes_later = false, const wire::Codec& speaks = wire::Newest()) {
    parts_.loop = std::make_unique<EventLoop>();
    auto app = std::make_unique<ToyHost>(*parts_.loop, speaks);
    auto ui = std::make_unique<ToyUi>(*parts_.loop, clients, comes_later);
    app_ = app.get();
    ui_ = ui.get();
    parts_.app = std::move(app);
    parts_.ui = std::move(ui);
    parts_.filters.push_back(std::make_unique<ToyFilter>(counts_));
    parts_.timeline = &timeline_;
    parts_.report_file = folder_.path() + "/report.json";
    parts_.ended = [this](const SessionEnd& end) { end_ = end; };
  }
  int Run() {
    SetLogLevel(LogLevel::kError);
    const int code = RunSession(std::move(parts_));
    SetLogLevel(LogLevel::kInfo);
    return code;
  }
  nlohmann::json Report() const { return nlohmann::json::parse(folder_.Read("report.json")); }

  const TempFolder folder_;
  Timeline timeline_;
  ToyCounts counts_;
  SessionParts parts_;
  SessionEnd end_;
  ToyHost* app_ = nullptr;
  ToyUi* ui_ = nullptr;
};

TEST_F(Extend, AToyStageAToyUiAndAToyFilterMakeARun) {
  Make(1);
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(counts_.to_app, 2);
  EXPECT_EQ(counts_.to_ui, 3);
  EXPECT_THAT(counts_.told, ElementsAre("client", "registered", "run end"));
  EXPECT_TRUE(end_.first_frame);
  const nlohmann::json report = Report();
  EXPECT_EQ(report["packets"]["to_app"]["count"], 2);
  EXPECT_EQ(report["packets"]["to_ui"]["count"], 3);
  EXPECT_EQ(report["exit"]["code"], 0);
}

TEST_F(Extend, EachClientHasASessionOfItsOwn) {
  Make(3);
  std::atomic<int>& sessions = app_->sessions;
  std::vector<std::string> heard;
  parts_.ended = [&, ui = ui_](const SessionEnd&) { heard = ui->heard; };
  EXPECT_EQ(sessions.load(), 0);
  EXPECT_EQ(Run(), 0);
  ASSERT_EQ(heard.size(), 9U);
  for (int session = 1; session <= 3; ++session) {
    const wire::Value answer =
        *wire::Decode(std::as_bytes(std::span(heard[static_cast<std::size_t>(3 * (session - 1))])));
    EXPECT_EQ(*answer.AsList()->items[1].AsMap()->Find("session_id")->AsText(),
              std::to_string(session));
  }
  EXPECT_THAT(counts_.told,
              ElementsAre("client", "registered", "session end", "client", "registered",
                          "session end", "client", "registered", "run end"));
}

// It must not be asked for one session after the other without a pause.
TEST_F(Extend, AnAppThatEndsItsSessionWithNobodyThereIsLeftAloneUntilAClientComes) {
  Make(1, true);
  app_->loses_sessions = true;
  int alone = 0;
  std::thread person([&, app = app_, ui = ui_, loop = parts_.loop.get()] {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(300));  // that nothing happens has no event
    alone = app->sessions.load();
    app->loses_sessions = false;
    ui->Come();
  });
  EXPECT_EQ(Run(), 0);
  person.join();
  EXPECT_EQ(alone, 1);
}

// The page that a client of the newest generation has after these packets.
wire::Session PageOf(const std::vector<std::string>& heard) {
  wire::Session session;
  session.Restore(wire::Value::MapOf({}));
  for (const std::string& packet : heard) {
    Result<wire::Message> message =
        wire::Newest().Decode(Sender::kApp, std::as_bytes(std::span(packet)));
    EXPECT_TRUE(message) << message.error().Line();
    EXPECT_TRUE(message && session.Apply(*message));
  }
  return session;
}

TEST_F(Extend, AToyCodecLetsAnAppSpeakToAClientOfAnotherGeneration) {
  Make(1, false, kToy);
  parts_.app_generation = kToyGeneration;
  parts_.filters.push_back(std::make_unique<Translation>(kCodecs));
  std::vector<std::string> heard;
  parts_.ended = [&, ui = ui_](const SessionEnd&) { heard = ui->heard; };
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(counts_.to_app, 2);
  ASSERT_EQ(heard.size(), 3U);
  const wire::Session session = PageOf(heard);
  EXPECT_TRUE(session.registered());
  EXPECT_EQ(wire::TextIn(session.tree()->page(), "title"), "session-1");
}

// The newest generation adds and removes at positions only.
TEST_F(Extend, ChangesWithoutPositionsFindTheirsOnTheWay) {
  Translator translator(&kToy, &wire::Newest(), {});
  std::vector<std::string> heard;
  const auto pass = [&](Packet&& packet) { heard.emplace_back(packet.payload.text()); };
  ASSERT_TRUE(translator.ToApp({PacketType::kControl, wire::Newest().EncodeOne(wire::Register{
                                                          {}, {}, wire::Value::MapOf({})})},
                               pass));
  EXPECT_THAT(heard, ElementsAre("hello\n"));
  heard.clear();
  for (const char* line : {"welcome s", "add 1 10 Row", "add 10 11 Text", "add 10 12 Button",
                           "drop 11", "set 12 content plus", "drop 77"})
    ASSERT_TRUE(translator.ToClient({PacketType::kControl, Buffer(std::string_view(line))}, pass));
  const wire::Session session = PageOf(heard);
  EXPECT_EQ(session.Find(11), nullptr);
  const wire::Map* row = session.Find(10);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->Find("controls")->AsList()->items.size(), 1U);
  EXPECT_EQ(wire::TextIn(*session.Find(12), "content"), "plus");
  EXPECT_FALSE(translator.ToClient({PacketType::kControl, Buffer(std::string_view("what"))}, pass));
}

}  // namespace
}  // namespace fletbridge
