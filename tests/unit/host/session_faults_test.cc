// A whole run over pipes that fail (tests/unit/support): for each filter, whatever fails at
// whatever packet, the run ends once, within its deadlines, and says in one line why, if anything
// failed.
#include <atomic>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/codec.h"
#include "src/host/session.h"
#include "src/recording/recording_filter.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/recording/made_up_session.h"
#include "tests/unit/support/pipe_host.h"
#include "tests/unit/support/pipe_ui.h"

namespace fletbridge {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::int64_t kText = 10;
constexpr std::int64_t kButton = 11;
// The client registers, clicks, and says farewell, the app answers each: packets of one direction.
constexpr int kClicks = 4;
constexpr int kPackets = kClicks + 2;

// What came to pass in one run.
struct Seen {
  std::atomic<int> sessions{0};       // that the app saw begin
  std::atomic<int> sessions_over{0};  // and end
  std::atomic<int> after_run{0};      // ft.run() returned
  std::atomic<int> clients_over{0};
  std::atomic<int> ended{0};  // SessionParts::ended
};

class App final : public PipeApp {
 public:
  explicit App(Seen& seen) : seen_(seen) {}
  void OnSession(PipeHost&, int, PacketPort& port) override {
    port_ = &port;
    ++seen_.sessions;
  }
  void OnPacket(PipeHost&, Packet&& packet) override {
    if (wire::Newest().Peek(packet) == Action::kRegisterClient) {
      Say(recording::Registered());
      Say(recording::Shows(
          recording::L({recording::Text(kText, "0"), recording::Button(kButton, "+")})));
    } else if (packet.payload.text().find("farewell") != std::string_view::npos) {
      Say(recording::Sets(0, "value", "farewell"));
    } else {
      Say(recording::Sets(0, "value", std::to_string(++clicks_)));
    }
  }
  void OnSessionEnd(PipeHost&, int) override {
    port_ = nullptr;
    ++seen_.sessions_over;
  }
  void AfterRun(PipeHost&) override { ++seen_.after_run; }

 private:
  void Say(Buffer message) { (void)port_->Send({PacketType::kControl, std::move(message)}); }

  Seen& seen_;
  PacketPort* port_ = nullptr;
  int clicks_ = 0;
};

// Says everything at once, and closes the UI when it is answered.
class Client final : private MemoryPipeSink {
 public:
  explicit Client(Seen& seen) : seen_(seen) {}
  void ComeTo(PipeUi& ui) {
    ui_ = &ui;
    pipe_ = ui.Connect(*this);
    if (pipe_ == nullptr) return;
    Say(recording::Register());
    for (int click = 0; click < kClicks; ++click) Say(recording::Event(kButton, "click"));
    Say(recording::Event(kButton, "farewell"));
  }

 private:
  void Say(Buffer message) {
    (void)pipe_->second().Send({PacketType::kControl, std::move(message)});
  }
  void OnPacket(Packet&& packet) override {
    if (packet.payload.text().find("farewell") != std::string_view::npos) ui_->End({});
  }
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnEnd(const Error&) override { ++seen_.clients_over; }

  Seen& seen_;
  PipeUi* ui_ = nullptr;
  std::shared_ptr<MemoryPipe> pipe_;
};

// Fails by itself, in the way and at the step that it is told.
class Fails final : public Filter {
 public:
  enum class Step { kClient, kRegistered, kFromApp, kFromUi, kComplains };
  Fails(Step step, int at) : step_(step), at_(at) {}

  void OnClient(const Spoken&) override { At(Step::kClient); }
  void OnRegistered(const Spoken&) override { At(Step::kRegistered); }
  void FromApp(Packet&& packet, Onward& onward) override {
    At(Step::kFromApp);
    onward.ToUi(std::move(packet));
  }
  void FromUi(Packet&& packet, Onward& onward) override {
    if (step_ == Step::kComplains && ++count_ == at_) {
      return onward.Fail(MakeError(Errc::kPeerMisbehaved, Text()));
    }
    At(Step::kFromUi);
    onward.ToApp(std::move(packet));
  }

 private:
  void At(Step step) {
    if (step == step_ && ++count_ == at_) throw std::runtime_error(Text());
  }
  // Letters tell the runs apart: Log() leaves out what differs in numbers alone.
  std::string Text() const {
    static std::atomic<int> runs{0};
    const int run = runs.fetch_add(1);
    return "the filter fails, as it was told, " +
           std::string{static_cast<char>('a' + run / 26 % 26), static_cast<char>('a' + run % 26)};
  }

  const Step step_;
  const int at_;
  int count_ = 0;
};

enum class Filters { kNone, kCrashWatch, kTranslation, kRecording };

struct Faults {
  FailPoints app_to_host{}, host_to_app{}, client_to_host{}, host_to_client{};
  bool serves_another = true;
  std::unique_ptr<Filter> fails{};
  bool fails_first = true;  // before the filter under test, seen from the app
};

class SessionFaults : public testing::TestWithParam<Filters> {
 protected:
  SessionParts Parts(Faults& faults) {
    SessionParts parts;
    parts.loop = std::make_unique<EventLoop>();
    parts.app = std::make_unique<PipeHost>(
        *parts.loop, PipeHost::Options{.to_app = faults.host_to_app, .to_host = faults.app_to_host},
        std::make_unique<App>(seen_));
    client_ = std::make_unique<Client>(seen_);
    auto ui = std::make_unique<PipeUi>(
        *parts.loop, PipeUi::Options{.to_client = faults.host_to_client,
                                     .to_app = faults.client_to_host,
                                     .serves_another = faults.serves_another,
                                     .on_ready = [this] { client_->ComeTo(*ui_); },
                                     .on_gone = [this] { ui_->End({}); }});
    ui_ = ui.get();
    parts.ui = std::move(ui);
    parts.timeline = &timeline_;
    parts.patience.lost = std::chrono::milliseconds(20);  // an app that loses a session ends mostly
    parts.ended = [this](const SessionEnd&) { ++seen_.ended; };
    if (faults.fails && faults.fails_first) parts.filters.push_back(std::move(faults.fails));
    AddFilter(parts);
    if (faults.fails) parts.filters.push_back(std::move(faults.fails));
    return parts;
  }

  void AddFilter(SessionParts& parts) {
    parts.crash_fails = GetParam() == Filters::kCrashWatch;
    if (GetParam() == Filters::kTranslation) parts.app_generation = Generation::kG2;
    if (GetParam() != Filters::kRecording) return;
    RunRequest request;
    request.record_file = folder_.path() + "/session";
    Result<std::unique_ptr<Filter>> filter = MakeRecordingFilter(request, {});
    ASSERT_TRUE(filter) << filter.error().Line();
    parts.filters.push_back(std::move(*filter));
  }

  struct Outcome {
    int code = 0;
    std::vector<std::string> lines;  // for people
  };
  Outcome Run(Faults faults) {
    seen_.sessions = seen_.sessions_over = seen_.after_run = seen_.clients_over = seen_.ended = 0;
    SessionParts parts = Parts(faults);
    ::alarm(60);  // a run that hangs
    testing::internal::CaptureStderr();
    Outcome outcome{RunSession(std::move(parts)), {}};
    ::alarm(0);
    const std::string text = testing::internal::GetCapturedStderr();
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.find(": translating") == std::string::npos) outcome.lines.push_back(line);
    }
    EXPECT_EQ(seen_.ended, 1) << "the end is told otherwise than once";
    return outcome;
  }

  const TempFolder folder_;
  Timeline timeline_;
  Seen seen_;
  std::unique_ptr<Client> client_;
  PipeUi* ui_ = nullptr;
};

TEST_P(SessionFaults, ARunInWhichNothingFailsSaysNothing) {
  const Outcome run = Run({});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.lines, SizeIs(0));
  EXPECT_EQ(seen_.sessions, 1);
  EXPECT_EQ(seen_.after_run, 1);
}

TEST_P(SessionFaults, AClientsConnectionThatBreaksAtAnyPacketEndsItsSessionOnceWithOneLine) {
  for (int at = 1; at <= kPackets; ++at) {
    for (const bool to_client : {false, true}) {
      SCOPED_TRACE(testing::Message() << (to_client ? "to" : "from") << " the client, " << at);
      Faults faults;
      (to_client ? faults.host_to_client : faults.client_to_host).end_at = at;
      const Outcome run = Run(std::move(faults));
      EXPECT_EQ(run.code, 0);
      EXPECT_THAT(run.lines, SizeIs(1)) << testing::PrintToString(run.lines);
      EXPECT_EQ(seen_.clients_over, 1);
    }
  }
}

TEST_P(SessionFaults, AnAppsConnectionThatBreaksAtAnyPacketEndsTheRunOnceWithOneLine) {
  for (int at = 1; at <= kPackets; ++at) {
    for (const bool to_app : {false, true}) {
      SCOPED_TRACE(testing::Message() << (to_app ? "to" : "from") << " the app, " << at);
      Faults faults{.serves_another = false};
      (to_app ? faults.host_to_app : faults.app_to_host).end_at = at;
      const Outcome run = Run(std::move(faults));
      EXPECT_NE(run.code, 0);
      EXPECT_THAT(run.lines, SizeIs(1)) << testing::PrintToString(run.lines);
      EXPECT_EQ(seen_.sessions, 1);
      EXPECT_LE(seen_.clients_over, 1);  // the run may be over before
    }
  }
}

TEST_P(SessionFaults, APacketThatIsRefusedAnywhereIsToldInOneLineAndTheRunGoesOn) {
  for (int at = 1; at < kPackets; ++at) {  // but for the farewell
    for (const auto point : {&Faults::app_to_host, &Faults::client_to_host}) {
      SCOPED_TRACE(testing::Message() << at);
      Faults faults;
      (faults.*point).refuse_at = at;
      const Outcome run = Run(std::move(faults));
      EXPECT_EQ(run.code, 0);
      EXPECT_THAT(run.lines, SizeIs(1)) << testing::PrintToString(run.lines);
      EXPECT_THAT(run.lines.front(), HasSubstr("refused a packet of"));
      EXPECT_EQ(seen_.sessions, 1);
    }
    for (const auto point : {&Faults::host_to_app, &Faults::host_to_client}) {
      SCOPED_TRACE(testing::Message() << at << ", too large to be sent");
      Faults faults;
      (faults.*point).send_at = at;
      (faults.*point).send_answer = SendResult::kTooLarge;
      const Outcome run = Run(std::move(faults));
      EXPECT_EQ(run.code, 0);
      EXPECT_THAT(run.lines, SizeIs(1)) << testing::PrintToString(run.lines);
      EXPECT_THAT(run.lines.front(), HasSubstr("raise it with --max-packet"));
    }
  }
}

TEST_P(SessionFaults, APortThatIsFullForAMomentOrSlowLosesNothing) {
  for (int at = 1; at <= kPackets; ++at) {
    for (const auto point : {&Faults::host_to_app, &Faults::host_to_client}) {
      SCOPED_TRACE(testing::Message() << at);
      Faults faults;
      (faults.*point).send_at = at;
      (faults.*point).send_answer = SendResult::kFull;
      (faults.*point).delay = at;
      const Outcome run = Run(std::move(faults));
      EXPECT_EQ(run.code, 0);
      EXPECT_THAT(run.lines, SizeIs(0)) << testing::PrintToString(run.lines);
    }
  }
}

TEST_P(SessionFaults, AFilterThatThrowsAtAnyStepEndsTheRunOnceWithOneLine) {
  using Step = Fails::Step;
  for (const bool first : {true, false}) {
    for (const Step step : {Step::kClient, Step::kRegistered, Step::kFromApp, Step::kFromUi}) {
      const int steps = step == Step::kFromApp || step == Step::kFromUi ? kPackets : 1;
      for (int at = 1; at <= steps; ++at) {
        SCOPED_TRACE(testing::Message() << "step " << static_cast<int>(step) << " at " << at
                                        << (first ? ", first" : ", last"));
        Faults faults;
        faults.fails = std::make_unique<Fails>(step, at);
        faults.fails_first = first;
        const Outcome run = Run(std::move(faults));
        EXPECT_EQ(run.code, 70);
        EXPECT_THAT(run.lines, SizeIs(1)) << testing::PrintToString(run.lines);
        EXPECT_EQ(seen_.sessions, 1);
      }
    }
  }
}

TEST_P(SessionFaults, AFilterThatDoesNotUnderstandTheClientEndsItsSessionOnceWithOneLine) {
  for (int at = 1; at <= kPackets; ++at) {
    SCOPED_TRACE(at);
    Faults faults;
    faults.fails = std::make_unique<Fails>(Fails::Step::kComplains, at);
    const Outcome run = Run(std::move(faults));
    EXPECT_EQ(run.code, 0);
    EXPECT_THAT(run.lines, SizeIs(1)) << testing::PrintToString(run.lines);
    EXPECT_EQ(seen_.clients_over, 1);
  }
}

std::string NameOf(const testing::TestParamInfo<Filters>& info) {
  constexpr const char* kNames[] = {"NoFilter", "CrashWatch", "Translation", "Recording"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Every, SessionFaults,
                         testing::Values(Filters::kNone, Filters::kCrashWatch,
                                         Filters::kTranslation, Filters::kRecording),
                         NameOf);

}  // namespace
}  // namespace fletbridge
