#include "src/host/pipeline/pipeline.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/wire/codec.h"
#include "common/wire/value.h"
#include "src/host/pipeline/crash_watch.h"
#include "src/host/pipeline/meter.h"
#include "src/host/pipeline/shared_filters.h"
#include "src/host/pipeline/translation.h"
#include "tests/unit/support/memory_pipe.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kRegistration = "\x92\x01\x80";
const std::string kPatch = "\x92\x02\x80";
const std::string kEvent = "\x92\x03\x80";
const std::string kOutput = "\x92\x07\x80";
const std::string kChannelData{'\1', '\0', '\0', '\0', 'x'};

// Says its name in each packet, and notes what it is told.
class Marks final : public Filter {
 public:
  Marks(std::string name, std::vector<std::string>& told) : name_(std::move(name)), told_(told) {}
  void FromApp(Packet&& packet, Onward& onward) override { onward.ToUi(Marked(packet)); }
  void FromUi(Packet&& packet, Onward& onward) override { onward.ToApp(Marked(packet)); }
  void OnClient(const Spoken&) override { told_.push_back(name_ + " client"); }
  void OnRegistered(const Spoken&) override { told_.push_back(name_ + " registered"); }
  void OnSessionEnd() override { told_.push_back(name_ + " session end"); }
  void OnRunEnd(int code, const std::string& reason, std::chrono::milliseconds) override {
    told_.push_back(name_ + " run end " + std::to_string(code) + " " + reason);
  }

 private:
  Packet Marked(const Packet& packet) const {
    return {packet.type, Buffer(std::string(packet.payload.text()) + name_)};
  }
  const std::string name_;
  std::vector<std::string>& told_;
};

// One end of the pipeline: a pipe, whose near end is the pipeline's port, and what is behind it.
class FarEnd final : public MemoryPipeSink {
 public:
  struct Near final : MemoryPipeSink {
    void OnPacket(Packet&& packet) override { on_packet(std::move(packet)); }
    void OnWritable() override { on_writable(); }
    void OnRefused(const Error&) override {}
    void OnEnd(const Error&) override {}
    std::function<void(Packet&&)> on_packet;
    std::function<void()> on_writable;
  };

  FarEnd(Turns& turns, MemoryPipe::Direction to_here)
      : pipe_(turns.post(), turns.post(), to_here, {}) {
    pipe_.second().Open(*this);
  }
  void Bind(std::function<void(Packet&&)> on_packet, std::function<void()> on_writable) {
    near_.on_packet = std::move(on_packet);
    near_.on_writable = std::move(on_writable);
    pipe_.first().Open(near_);
  }
  PacketPort& port() { return pipe_.first(); }
  // What it has said and the pipeline has not taken.
  std::size_t queued_here() const { return pipe_.second().queued_bytes(); }
  void Say(const std::string& text, PacketType type) {
    EXPECT_EQ(pipe_.second().Send({type, Buffer(text)}), SendResult::kAccepted);
  }
  // Takes so many packets more.
  void Take(int count) {
    room = count;
    pipe_.second().ResumeReceiving();
  }
  void Hold() { pipe_.second().PauseReceiving(); }

  std::vector<std::string> sent;
  std::vector<PacketType> types;
  int room = 1 << 30;

 private:
  void OnPacket(Packet&& packet) override {
    types.push_back(packet.type);
    sent.emplace_back(packet.payload.text());
    if (--room == 0) Hold();
  }
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnEnd(const Error&) override {}

  MemoryPipe pipe_;
  Near near_;
};

// Holds one packet and is full.
constexpr FlowLimits kOne{.max_packet = 64, .high_water = 0, .low_water = 0};

class PipelineTest : public testing::Test {
 protected:
  void Make(std::vector<std::unique_ptr<Filter>> filters = {},
            const MemoryPipe::Direction& to_client = {}) {
    app_ = std::make_unique<FarEnd>(turns_, MemoryPipe::Direction{});
    client_ = std::make_unique<FarEnd>(turns_, to_client);
    pipeline_ = std::make_unique<Pipeline>(
        std::move(filters), 64, [this](const Error& why) { failures_.push_back(why.Line()); });
    app_->Bind([this](Packet&& packet) { pipeline_->FromApp(std::move(packet)); },
               [this] { pipeline_->AppWritable(); });
    client_->Bind([this](Packet&& packet) { pipeline_->FromClient(std::move(packet)); },
                  [this] { pipeline_->ClientWritable(); });
    pipeline_->BindApp(&app_->port());
    pipeline_->BindClient(&client_->port());
  }
  template <class One>
  One& MakeWith(std::unique_ptr<One> filter) {
    One& made = *filter;
    std::vector<std::unique_ptr<Filter>> filters;
    filters.push_back(std::move(filter));
    Make(std::move(filters));
    return made;
  }
  void AppSays(const std::string& text, PacketType type = PacketType::kControl) {
    app_->Say(text, type);
    turns_.Run();
  }
  void ClientSays(const std::string& text, PacketType type = PacketType::kControl) {
    client_->Say(text, type);
    turns_.Run();
  }

  Turns turns_;
  std::unique_ptr<FarEnd> app_;
  std::unique_ptr<FarEnd> client_;
  std::vector<std::string> failures_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, PassesPacketsThroughItsFiltersInOrder) {
  std::vector<std::string> told;
  std::vector<std::unique_ptr<Filter>> filters;
  filters.push_back(std::make_unique<Marks>("a", told));
  filters.push_back(std::make_unique<Marks>("b", told));
  Make(std::move(filters));
  AppSays("from app ");
  ClientSays("from client ");
  EXPECT_THAT(client_->sent, ElementsAre("from app ab"));
  EXPECT_THAT(app_->sent, ElementsAre("from client ba"));
  pipeline_->OnClient({});
  pipeline_->OnRegistered({});
  pipeline_->EndSession();
  pipeline_->OnRunEnd(3, "done", {});
  EXPECT_THAT(told,
              ElementsAre("a client", "b client", "a registered", "b registered", "a session end",
                          "b session end", "a run end 3 done", "b run end 3 done"));
}

TEST_F(PipelineTest, CountsWhatItsEndsHaveAccepted) {
  Make({},
       {.limits = {.max_packet = 5}, .fails = {.send_at = 3, .send_answer = SendResult::kClosed}});
  AppSays("12345");
  testing::internal::CaptureStderr();
  AppSays("too large");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("refused a packet of 9 bytes to the UI, limit 64; raise it with "
                        "--max-packet"));
  AppSays("gone");
  ClientSays("1");
  EXPECT_EQ(pipeline_->to_client().packets, 1U);
  EXPECT_EQ(pipeline_->to_client().bytes, 5U);
  EXPECT_EQ(pipeline_->to_app().packets, 1U);
}

TEST_F(PipelineTest, MakesTheSenderWaitWhileTheReceiverIsFullAndLosesNothing) {
  Make({}, {.limits = kOne});
  client_->Hold();
  for (const char* text : {"1", "2", "3"}) AppSays(text);
  AppSays("4");  // waits at the app's own end
  EXPECT_GT(app_->queued_here(), 0U) << "the app was not made to wait";
  ClientSays("the other direction goes on");
  EXPECT_EQ(app_->sent.size(), 1U);
  client_->Take(1);
  turns_.Run();
  EXPECT_GT(app_->queued_here(), 0U) << "one packet still waits";
  client_->Take(3);
  turns_.Run();
  EXPECT_EQ(app_->queued_here(), 0U);
  EXPECT_THAT(client_->sent, ElementsAre("1", "2", "3", "4"));
}

TEST_F(PipelineTest, LosesNothingToAPortThatIsFullForAMomentAtAnyPacket) {
  for (int full_at = 1; full_at <= 4; ++full_at) {
    SCOPED_TRACE(full_at);
    Make({}, {.fails = {.send_at = full_at, .send_answer = SendResult::kFull, .delay = full_at}});
    for (const char* text : {"1", "2", "3", "4"}) app_->Say(text, PacketType::kControl);
    turns_.Run();
    EXPECT_THAT(client_->sent, ElementsAre("1", "2", "3", "4"));
  }
}

TEST_F(PipelineTest, KeepsPacketsForAnEndThatIsBoundLater) {
  Make();
  pipeline_->BindClient(nullptr);
  AppSays("early");
  AppSays("later");
  EXPECT_GT(app_->queued_here(), 0U) << "the app was not made to wait";
  FarEnd next(turns_, {});
  pipeline_->BindClient(&next.port());
  turns_.Run();
  EXPECT_THAT(next.sent, ElementsAre("early", "later"));
  EXPECT_THAT(client_->sent, IsEmpty());
}

TEST_F(PipelineTest, DropsWhatWaitsWhenTheSessionEnds) {
  Make({}, {.limits = kOne});
  client_->Hold();
  AppSays("taken");
  AppSays("old");
  pipeline_->EndSession();
  client_->Take(9);
  turns_.Run();
  AppSays("new");
  EXPECT_THAT(client_->sent, ElementsAre("taken", "new"));
}

// ---- SharedFilters

// What is behind a filter.
struct Behind final : Onward {
  void ToUi(Packet&& packet) override { passed.emplace_back(packet.payload.text()); }
  void ToApp(Packet&& packet) override { passed.emplace_back(packet.payload.text()); }
  void Fail(const Error&) override {}
  std::vector<std::string> passed;
};

TEST(SharedFilters, ServeOneClientAtATimeAndThenTheNextThatComes) {
  std::vector<std::string> told;
  std::vector<std::unique_ptr<Filter>> filters;
  filters.push_back(std::make_unique<Marks>("a", told));
  auto shared = std::make_unique<SharedFilters>(std::move(filters));
  auto first = std::move(shared->ForSession().front());
  auto second = std::move(shared->ForSession().front());
  auto third = std::move(shared->ForSession().front());
  const auto say = [](Filter& filter) {
    Behind behind;
    filter.FromApp({PacketType::kControl, Buffer(std::string_view("app"))}, behind);
    filter.FromUi({PacketType::kControl, Buffer(std::string_view("ui"))}, behind);
    return behind.passed;
  };
  for (auto* one : {first.get(), second.get()}) {
    one->OnClient({});
    one->OnRegistered({});
  }
  EXPECT_THAT(say(*first), ElementsAre("appa", "uia"));
  EXPECT_THAT(say(*second), ElementsAre("app", "ui"));
  first->OnSessionEnd();
  EXPECT_THAT(say(*second), ElementsAre("app", "ui")) << "it has begun without";
  third->OnClient({});
  EXPECT_THAT(say(*third), ElementsAre("appa", "uia"));
  third->OnRunEnd(0, "left to the run", {});
  shared->OnRunEnd(3, "done", {});
  shared.reset();
  third.reset();
  EXPECT_THAT(told, ElementsAre("a client", "a registered", "a session end", "a client",
                                "a run end 3 done", "a session end"));
}

// ---- Translation

TEST_F(PipelineTest, LetsAnAppOfGeneration3SpeakToAClientOf2) {
  SetLogLevel(LogLevel::kError);
  MakeWith(std::make_unique<Translation>());
  pipeline_->OnClient({Generation::kG3, Generation::kG2});
  AppSays(kPatch);
  AppSays(kChannelData, PacketType::kData);  // has no place there
  AppSays(kOutput);                          // neither
  AppSays(kPatch);
  EXPECT_THAT(client_->sent, ElementsAre(kPatch, kPatch));
  SetLogLevel(LogLevel::kInfo);
}

TEST_F(PipelineTest, KeepsDataPacketsFromAnAppOfGeneration2) {
  SetLogLevel(LogLevel::kError);
  MakeWith(std::make_unique<Translation>());
  pipeline_->OnClient({Generation::kG2, Generation::kG3});
  ClientSays(kChannelData, PacketType::kData);
  ClientSays(kPatch);
  EXPECT_THAT(app_->sent, ElementsAre(kPatch));
  SetLogLevel(LogLevel::kInfo);
}

TEST_F(PipelineTest, TranslatesNothingForTheNextClientOfTheAppsOwnGeneration) {
  SetLogLevel(LogLevel::kError);
  MakeWith(std::make_unique<Translation>());
  pipeline_->OnClient({Generation::kG3, Generation::kG2});
  pipeline_->EndSession();
  pipeline_->OnClient({Generation::kG3, Generation::kG3});
  AppSays(kChannelData, PacketType::kData);
  EXPECT_THAT(client_->types, ElementsAre(PacketType::kData));
  SetLogLevel(LogLevel::kInfo);
}

TEST_F(PipelineTest, EndsTheSessionOfAClientWhoseMessageIsNone) {
  SetLogLevel(LogLevel::kError);
  MakeWith(std::make_unique<Translation>());
  pipeline_->OnClient({Generation::kG2, Generation::kG3});
  ClientSays(kPatch + "rest");
  ClientSays(kPatch);
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("the client sent a malformed message")));
  EXPECT_THAT(app_->sent, IsEmpty()) << "what came with it is not passed on";
  pipeline_->EndSession();
  pipeline_->OnClient({Generation::kG2, Generation::kG3});
  ClientSays(kPatch);
  EXPECT_THAT(app_->sent, ElementsAre(kPatch));
  SetLogLevel(LogLevel::kInfo);
}

TEST_F(PipelineTest, RefusesAMalformedMessageOfTheAppAndGoesOn) {
  MakeWith(std::make_unique<Translation>());
  testing::internal::CaptureStderr();
  pipeline_->OnClient({Generation::kG3, Generation::kG2});
  AppSays("\x92");
  AppSays(kPatch);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("the app sent a malformed message"));
  EXPECT_THAT(client_->sent, ElementsAre(kPatch));
}

// ---- Meter

TEST_F(PipelineTest, TellsRegistrationAndFirstFrameOnceASession) {
  std::vector<std::string> told;
  MakeWith(std::make_unique<Meter>(Meter::Events{[&] { told.emplace_back("registered"); },
                                                 [&] { told.emplace_back("first frame"); }}));
  for (int session = 0; session < 2; ++session) {
    AppSays(kRegistration);
    AppSays(kPatch);
    AppSays(kPatch);
    pipeline_->EndSession();
  }
  EXPECT_THAT(told, ElementsAre("registered", "first frame", "registered", "first frame"));
}

TEST_F(PipelineTest, MeasuresFromAnInputToTheFirstPatchThatAnswers) {
  const Meter& meter = MakeWith(std::make_unique<Meter>(Meter::Events{[] {}, [] {}}));
  AppSays(kPatch);  // answers nothing
  for (int i = 0; i < 3; ++i) {
    ClientSays(kEvent);
    // No app answers as fast as this test would.
    const auto answered = Answers::Clock::now() + Answers::kFastest;
    while (Answers::Clock::now() < answered) {
    }
    AppSays(kPatch);
  }
  const LatencySamples samples = meter.samples();
  ASSERT_EQ(samples.size(), 3U);
  for (const std::uint64_t nanoseconds : samples) EXPECT_GT(nanoseconds, 0U);
}

TEST_F(PipelineTest, NotesTheFirstExceptionOfTheApp) {
  const CrashWatch& crashes = MakeWith(std::make_unique<CrashWatch>());
  AppSays("\x92\x06");  // no message
  for (const char* text : {"first", "second"}) {
    const Buffer crash = wire::Encode(
        wire::Value::ListOf({wire::Value(6), wire::Value::MapOf({{"message", text}})}));
    AppSays(std::string(crash.text()));
  }
  EXPECT_EQ(crashes.raised(), "first");
  EXPECT_EQ(client_->sent.size(), 3U);
}

}  // namespace
}  // namespace fletbridge
