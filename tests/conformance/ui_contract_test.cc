// The contract of common/transport/ui_surface.h, asserted for every UI; the test is the app, and,
// for a UI that waits for one, the client. After each test nothing is left: threads, descriptors,
// files. "pipe" is the reference implementation (tests/unit/support/pipe_ui.h). "steps", the steps
// in a window, has that one as its window, with a client that registers by itself. The UIs with a
// window stand here without one, the desktop's for want of a client, the webview's for want of a
// display; what they do in a window is shown by tests/e2e/test_desktop*.py and test_webview.py.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/wire/codec.h"
#include "src/recording/replay/replay_ui.h"
#include "src/ui/attach/attach_ui.h"
#include "src/ui/desktop/desktop_ui.h"
#include "src/ui/headless/headless_ui.h"
#include "src/ui/headless/window_steps.h"
#include "src/ui/web/web_ui.h"
#include "src/ui/webview/webview_ui.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/recording/made_up_session.h"
#include "tests/unit/support/browser.h"
#include "tests/unit/support/leftovers.h"
#include "tests/unit/support/peer.h"
#include "tests/unit/support/pipe_ui.h"
#include "tests/unit/support/session_meter.h"

namespace fletbridge {
namespace {

using recording::Event;
using recording::L;
using recording::ToApp;
using recording::ToUi;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kText = 10;
constexpr std::int64_t kButton = 11;
constexpr int kClicks = 100;

std::string TextOf(const Buffer& buffer) { return std::string(buffer.text()); }
Buffer Shown() {
  return recording::Shows(L({recording::Text(kText, "0"), recording::Button(kButton, "+")}));
}
Buffer Says(int number) { return recording::Sets(0, "value", std::to_string(number)); }

// The app: answers what its client says, and keeps what is told of the UI.
class AppSide final : public UiSink, public ClientSessionSink {
 public:
  explicit AppSide(EventLoop& loop)
      : meter_(loop, [this](const std::string& what) { Tell(what); }) {}

  // "ready", "connected", "registered", ...: on the loop, as all below; set before the start.
  std::function<void(const std::string&)> on_event;
  bool answers = true;
  bool answers_clicks = true;
  UiSurface* ui = nullptr;

  void Say(Buffer message) {
    EXPECT_EQ(meter_.Send(Packet{PacketType::kControl, std::move(message)},
                          [this](Packet&& packet) { return Give(std::move(packet)); }),
              SendResult::kAccepted);
  }

  void OnPacket(Packet&& packet) override {
    const Action action = wire::Newest().Peek(packet);
    const bool is_click = packet.payload.text().find("click") != std::string_view::npos;
    Note([&] {
      if (closed_) broken_.emplace_back("a packet after the end");
      if (!here_) broken_.emplace_back("a packet without a client");
      if (is_click) ++clicks_seen_;
    });
    if (!answers) return;
    if (action == Action::kRegisterClient) {
      Say(recording::Registered());
      Say(Shown());
    } else if (is_click && answers_clicks) {
      Say(Says(++clicks_));
    }
  }
  void OnWritable() override {
    Note([this] { ++writable_; });
  }
  void OnRefused(const Error& why) override {
    Note([&] { broken_.push_back("refused: " + why.Line()); });
  }
  void OnReady() override { TellOf("ready"); }
  void OnClient(std::unique_ptr<ClientSession> client) override {
    {
      const std::lock_guard lock(mutex_);
      here_ = true;
    }
    SetClient(std::move(client));
    TellOf("connected");
    meter_.OnConnected();
    if (first_words_ && client_ != nullptr) std::exchange(first_words_, nullptr)();
    if (client_ != nullptr) client_->Start(*this);
  }
  void OnGone(const Error&) override {
    meter_.OnSessionEnd();
    {
      const std::lock_guard lock(mutex_);
      here_ = false;
    }
    TellOf("disconnected");
  }
  void OnClosed(const UiEnd& end) override {
    Note([&] {
      if (closed_) broken_.emplace_back("told after the end");
      closed_ = true;
      end_ = end;
      told_.emplace_back("closed");
    });
    if (on_event) on_event("closed");
  }

  // The client that is here, or was last; for tests that hold it on other threads, which know that
  // it lives.
  ClientSession& client() { return *client_; }
  bool has_client() const { return client_ != nullptr; }
  // To the client, in the turn in which it comes.
  void set_first_words(std::function<void()> say) { first_words_ = std::move(say); }
  void ReleaseClient() { client_.reset(); }
  SendResult Give(Packet&& packet) {
    return client_ == nullptr ? SendResult::kClosed : client_->Send(std::move(packet));
  }

  bool WaitFor(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, holds);
  }
  void AwaitTold(const std::string& event, int times = 1) {
    EXPECT_TRUE(WaitFor([&] { return std::count(told_.begin(), told_.end(), event) >= times; }))
        << "waited in vain for: " << event;
  }
  UiEnd AwaitEnd() {
    AwaitTold("closed");
    const std::lock_guard lock(mutex_);
    return end_;
  }
  void AwaitClicks(int count) {
    EXPECT_TRUE(WaitFor([&] { return clicks_seen_ >= count; })) << clicks_seen() << " clicks came";
  }
  void AwaitWritable() {
    EXPECT_TRUE(WaitFor([&] { return writable_ != 0; }));
  }
  std::vector<std::string> told() { return Copy(told_); }
  std::vector<std::string> broken() { return Copy(broken_); }
  int writable() { return Copy(writable_); }
  int clicks_seen() { return Copy(clicks_seen_); }

 private:
  void TellOf(const std::string& event) {
    Note([&] {
      if (closed_) broken_.emplace_back("told after the end");
      told_.push_back(event);
    });
    if (on_event) on_event(event);
  }
  void SetClient(std::unique_ptr<ClientSession> client) { client_ = std::move(client); }
  // What the packets tell, unless the end came first.
  void Tell(const std::string& what) {
    bool closed = false;
    Note([&] {
      closed = closed_;
      if (!closed) told_.push_back(what);
    });
    if (!closed && on_event) on_event(what);
  }
  template <class Action>
  void Note(Action action) {
    const std::lock_guard lock(mutex_);
    action();
    changed_.notify_all();
  }
  template <class Value>
  Value Copy(const Value& value) {
    const std::lock_guard lock(mutex_);
    return value;
  }

  int clicks_ = 0;  // loop's thread
  std::unique_ptr<ClientSession> client_;
  std::function<void()> first_words_;
  SessionMeter meter_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // under mutex_
  std::vector<std::string> told_;
  std::vector<std::string> broken_;
  UiEnd end_;
  int writable_ = 0;
  int clicks_seen_ = 0;
  bool here_ = false;
  bool closed_ = false;
};

// A client of the reference UI. Its turns are the loop's; the test's thread takes what has come.
class PipeClient final : private MemoryPipeSink {
 public:
  explicit PipeClient(EventLoop& loop) : loop_(loop) {}
  // Any thread, but for the loop's; false: nobody can come.
  bool Connect(PipeUi& ui) {
    bool here = false;
    OnLoop(loop_, [&] { here = ComeTo(ui); });
    return here;
  }
  // The loop's thread.
  bool ComeTo(PipeUi& ui) {
    pipe_ = ui.Connect(*this);
    return pipe_ != nullptr;
  }
  bool Say(Buffer message) {
    return pipe_->second().Send({PacketType::kControl, std::move(message)}) ==
           SendResult::kAccepted;
  }
  // The loop's thread. It takes nothing.
  void Stall() { pipe_->second().PauseReceiving(); }
  void GoOn() { pipe_->second().ResumeReceiving(); }
  std::optional<std::string> Read() {
    std::optional<std::string> packet = came_.Take();
    pipe_->second().ResumeReceiving();
    return packet;
  }
  bool SeesTheEnd() { return ended_.Take().has_value(); }
  void Close() {
    OnLoop(loop_, [this] { Leave(); });
  }
  void Leave() {
    if (pipe_ != nullptr) pipe_->second().Close(MakeError(Errc::kPeerGone, "the client has gone"));
  }
  // Who reads in turns of its own, in place of the test.
  std::function<void(Packet&&)> on_packet;

 private:
  void OnPacket(Packet&& packet) override {
    if (on_packet) return on_packet(std::move(packet));
    pipe_->second().PauseReceiving();  // until this one has been read
    came_.Put(std::string(packet.payload.text()));
  }
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnEnd(const Error&) override { ended_.Put(true); }

  EventLoop& loop_;
  std::shared_ptr<MemoryPipe> pipe_;
  Mailbox<std::string> came_;
  Mailbox<bool> ended_;
};

// The client that the test plays, of any kind.
class TestClient {
 public:
  TestClient() = default;
  explicit TestClient(Peer peer) : peer_(std::move(peer)) {}
  explicit TestClient(std::unique_ptr<PipeClient> pipe) : pipe_(std::move(pipe)) {}
  // A tab of a browser.
  TestClient(Peer peer, std::uint16_t port) : peer_(std::move(peer)), is_browser_(true) {
    const std::string host = "127.0.0.1:" + std::to_string(port);
    EXPECT_TRUE(peer_.Write(UpgradeRequest("/ws", host, "http://" + host)));
    EXPECT_THAT(ReadHeader(peer_), testing::StartsWith("HTTP/1.1 101"));
  }

  bool Say(Buffer message) {
    return pipe_ ? pipe_->Say(std::move(message)) : peer_.Write(Wrapped(TextOf(message)));
  }
  // Of a stream: the half of a packet.
  bool SayHalf() { return peer_.Write(Wrapped(std::string(1000, 'x')).substr(0, 500)); }
  std::optional<std::string> ReadFrame() {
    if (pipe_) return pipe_->Read();
    return is_browser_ ? ReadWebSocketFrame() : peer_.ReadFrame();
  }
  bool SeesTheEnd() { return pipe_ ? pipe_->SeesTheEnd() : peer_.SeesTheEnd(); }
  void Close() { pipe_ ? pipe_->Close() : peer_.Close(); }
  // The loop is about to end.
  void LeaveLoop() {
    if (pipe_) pipe_->Close();
    pipe_.reset();
  }
  Peer& socket() { return peer_; }

 private:
  std::string Wrapped(const std::string& payload) const {
    return is_browser_ ? Frame(std::string(1, '\0') + payload) : Framed(payload);
  }
  std::optional<std::string> ReadWebSocketFrame() {
    const std::string head = peer_.Read(2);
    if (head.size() < 2 || head[0] != '\x82') return std::nullopt;
    std::size_t size = static_cast<unsigned char>(head[1]);
    if (size > 125) {
      const std::string length = peer_.Read(size == 126 ? 2 : 8);
      size = 0;
      for (const char byte : length) size = size << 8U | static_cast<unsigned char>(byte);
    }
    const std::string payload = peer_.Read(size);
    if (payload.size() < size || size == 0) return std::nullopt;
    return payload.substr(1);
  }

  Peer peer_;
  bool is_browser_ = false;
  std::unique_ptr<PipeClient> pipe_;
};

class UiContract : public testing::TestWithParam<const char*> {
 protected:
  UiContract() {
    SetLogLevel(LogLevel::kError);
    BeginFirstThread();
    if (kind() == "webview") LoadWebKit();
    threads_ = CountEntries("/proc/self/task");
    descriptors_ = CountEntries("/proc/self/fd");
    ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1);
    limits_.high_water = std::size_t{1} << 20;
    limits_.low_water = std::size_t{256} << 10;
  }
  void TearDown() override {
    EndAll();
    for (int tries = 0; tries < 1000 && CountEntries("/proc/self/task") != threads_; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // nothing tells their last end
    EXPECT_EQ(CountEntries("/proc/self/task"), threads_) << "threads are left behind";
    EXPECT_EQ(CountEntries("/proc/self/fd"), descriptors_) << "descriptors are left behind";
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "files are left behind";
    ::unsetenv("XDG_RUNTIME_DIR");
    SetLogLevel(LogLevel::kInfo);
  }

  std::string kind() const { return GetParam(); }
  bool waits_for_client() const {
    return kind().starts_with("attach") || kind() == "pipe" || kind() == "web";
  }

  // A new UI, and a new app for it. `active`: it does by itself what a person does, `clicks`
  // clicks.
  void Make(bool active, int clicks = 1) {
    EndAll();
    loop_ = std::make_unique<EventLoop>();
    loop_->Start();
    app_ = std::make_unique<AppSide>(*loop_);
    app_->answers_clicks = active;  // a recorded client that waits for one does not end
    if (kind() == "headless") {
      HeadlessOptions options;
      options.limits = limits_;
      if (active)
        options.steps = *ParseSteps("repeat " + std::to_string(clicks) + " click text=\"+\"");
      ui_ = std::make_unique<HeadlessUi>(*loop_, std::move(options));
    } else if (kind() == "replay") {
      ui_ = MakeReplay(active ? clicks : 1);
    } else if (kind() == "pipe") {
      auto ui = std::make_unique<PipeUi>(*loop_, PipeUi::Options{.limits = limits_});
      pipe_ui_ = ui.get();
      ui_ = std::move(ui);
    } else if (kind() == "steps") {
      ui_ = MakeSteps(active ? "repeat " + std::to_string(clicks) + " click text=\"+\""
                             : "wait text=\"never\" 60s");
    } else if (kind() == "desktop") {
      desktop::DesktopOptions options;
      options.client = folder_.path() + "/no client";
      options.limits = limits_;
      ui_ = *desktop::MakeDesktopUi(*loop_, std::move(options));
    } else if (kind() == "webview") {
      WriteWebClient();
      webview::WebviewOptions options;
      options.client = web_client_.path();
      options.limits = limits_;
      ui_ = *webview::MakeWebviewUi(*loop_, std::move(options));
    } else if (kind() == "web") {
      ui_ = MakeWeb(HoldTcpPort()->port);
    } else {
      if (kind() == "attach:uds") {
        address_.path = folder_.path() + "/app.sock";
      } else {
        address_.kind = SocketAddress::Kind::kTcp;
        address_.port = HoldTcpPort()->port;
      }
      ui_ = attach::MakeAttachUi(*loop_, limits_, address_);
    }
    app_->ui = ui_.get();
  }

  // Its libraries have a thread and a descriptor of their own, from their first use to the
  // process's end.
  void LoadWebKit() {
    for (const char* display : {"DISPLAY", "WAYLAND_DISPLAY"}) ::unsetenv(display);
    static const bool loaded = [this] {
      Make(false);
      Start();
      (void)app_->AwaitEnd();
      EndAll();
      return true;
    }();
    EXPECT_TRUE(loaded);
  }
  void WriteWebClient() {
    (void)web_client_.Write("index.html", "<html><head></head><body></body></html>");
    (void)web_client_.Write("manifest.json", "{}");
  }

  std::unique_ptr<UiSurface> MakeWeb(std::uint16_t port) {
    WriteWebClient();
    address_.kind = SocketAddress::Kind::kTcp;
    web::WebOptions options;
    options.port = address_.port = port;
    options.client = web_client_.path();
    options.is_public = true;
    options.limits = limits_;
    Result<std::unique_ptr<UiSurface>> ui = web::MakeWebUi(*loop_, std::move(options));
    EXPECT_TRUE(ui) << ui.error().Line();
    return std::move(*ui);
  }

  // A window whose client registers by itself, and understands what is a message.
  std::unique_ptr<UiSurface> MakeSteps(const std::string& steps) {
    window_client_ = std::make_unique<PipeClient>(*loop_);
    auto window = std::make_unique<PipeUi>(
        *loop_, PipeUi::Options{.limits = limits_, .serves_another = false, .on_ready = [this] {
                                  if (window_client_->ComeTo(*pipe_ui_))
                                    (void)window_client_->Say(recording::Register());
                                }});
    pipe_ui_ = window.get();
    window_client_->on_packet = [window = pipe_ui_](Packet&& packet) {
      if (packet.type == PacketType::kData || wire::Newest().Peek(packet) != Action::kNone) return;
      window->End({MakeError(Errc::kPeerMisbehaved, "the app sent a malformed message"), 70});
    };
    HeadlessOptions options;
    options.limits = limits_;
    options.steps = *ParseSteps(steps);
    return MakeWindowSteps(*loop_, std::move(window), std::move(options));
  }

  std::unique_ptr<UiSurface> MakeReplay(int clicks) {
    std::vector<recording::Frame> frames;
    frames.push_back(ToApp(recording::Register()));
    frames.push_back(ToUi(recording::Registered()));
    frames.push_back(ToUi(Shown()));
    for (int click = 1; click <= clicks; ++click) {
      frames.push_back(ToApp(Event(kButton, "click")));
      frames.push_back(ToUi(Says(click)));
    }
    ReplayOptions options;
    options.limits = limits_;
    options.patience = kDeadline;
    options.file = folder_.Write("session", recording::FileOf(frames));
    std::unique_ptr<UiSurface> ui = *MakeReplayUi(*loop_, options);
    std::filesystem::remove(options.file);
    return ui;
  }

  void Start() { ui_->Start(*app_); }
  TestClient Connect() {
    if (kind() == "pipe") {
      auto client = std::make_unique<PipeClient>(*loop_);
      EXPECT_TRUE(client->Connect(*pipe_ui_));
      return TestClient(std::move(client));
    }
    Peer peer(address_.kind == SocketAddress::Kind::kTcp ? ConnectToPort(address_.port)
                                                         : ConnectToPath(address_.path));
    return kind() == "web" ? TestClient(std::move(peer), address_.port)
                           : TestClient(std::move(peer));
  }
  // The client comes and speaks first, where it is not the UI itself.
  void ClientComes() {
    if (!waits_for_client()) return;
    app_->AwaitTold("ready");
    client_ = Connect();
    (void)client_.Say(recording::Register());  // it may be sent away at once
  }
  void ClientReadsThePage() {
    EXPECT_EQ(client_.ReadFrame(), TextOf(recording::Registered()));
    EXPECT_EQ(client_.ReadFrame(), TextOf(Shown()));
  }
  void ClientClicks(int clicks = 1) {
    for (int i = 0; waits_for_client() && i < clicks; ++i)
      ASSERT_TRUE(client_.Say(Event(kButton, "click")));
  }
  // All that was on its way on the loop has happened.
  void Settle() {
    for (int i = 0; i < 3; ++i) OnLoop(*loop_, [] {});
  }
  // A UI with a thread of its own lets go of a packet after it has told what was in it.
  bool QueueBecomesEmpty() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (app_->client().queued_bytes() != 0 && std::chrono::steady_clock::now() < until) Settle();
    return app_->client().queued_bytes() == 0;
  }
  static Error Gone() { return MakeError(Errc::kClosed, "the app has gone"); }

  // What must hold of every life, however it ends.
  void ExpectAWholeLife() {
    Settle();
    EXPECT_THAT(app_->broken(), ElementsAre());
    static const std::vector<std::string> kOrder = {"ready", "connected", "registered",
                                                    "first frame"};
    std::size_t at = 0;
    const std::vector<std::string> told = app_->told();
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back(), "closed");
    for (std::size_t i = 0; i + 1 < told.size(); ++i) {
      if (told[i] == "disconnected") {
        EXPECT_GE(at, 2U) << "nobody was here";
        at = 1;
        continue;
      }
      EXPECT_TRUE(at < kOrder.size() && told[i] == kOrder[at]) << told[i] << " as number " << i;
      ++at;
    }
    if (!app_->has_client()) return;
    EXPECT_EQ(app_->client().queued_bytes(), 0U);
    Packet late{PacketType::kControl, Buffer(std::string_view("late"))};
    EXPECT_EQ(app_->client().Send(std::move(late)), SendResult::kClosed);
    EXPECT_EQ(late.payload.text(), "late") << "a refused packet was taken from its owner";
  }

  void EndAll() {
    if (loop_ == nullptr) return;
    OnLoop(*loop_, [this] {
      app_->ReleaseClient();
      ui_.reset();
      if (window_client_) window_client_->Leave();
    });
    client_.LeaveLoop();
    loop_.reset();
    window_client_.reset();
    client_.Close();
  }

  const TempFolder folder_;
  const TempFolder web_client_;
  int threads_ = 0;
  int descriptors_ = 0;
  FlowLimits limits_;
  SocketAddress address_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<AppSide> app_;
  std::unique_ptr<UiSurface> ui_;
  PipeUi* pipe_ui_ = nullptr;                  // the reference UI, or the window of "steps"
  std::unique_ptr<PipeClient> window_client_;  // of "steps"
  TestClient client_;
};

class UiSessionContract : public UiContract {};  // those whose client speaks here
class UiActorContract : public UiContract {};    // those that end by themselves
class UiAddressContract : public UiContract {};  // those that wait for a client at an address

// ---- Life

TEST_P(UiSessionContract, TellsItsLifeOnceAndInOrder) {
  Make(true);
  Start();
  ClientComes();
  app_->AwaitTold("first frame");
  ClientClicks();
  app_->AwaitClicks(1);
  if (waits_for_client()) {
    client_.Close();
    app_->AwaitTold("disconnected");
    ui_->Close(Gone());
  }
  const UiEnd end = app_->AwaitEnd();
  EXPECT_EQ(end.exit_code, 0) << end.why.Line();
  ExpectAWholeLife();
  const std::vector<std::string> told = app_->told();
  EXPECT_EQ(told.size(), waits_for_client() ? 6U : 5U);
}

TEST_P(UiContract, TellsNothingButItsEndWhenItIsClosedBeforeItIsStarted) {
  Make(false);
  ui_->Close(Gone());
  Start();
  (void)app_->AwaitEnd();
  ExpectAWholeLife();
  EXPECT_THAT(app_->told(), ElementsAre("closed"));
}

TEST_P(UiContract, ClosesWithoutHavingBeenStarted) {
  Make(false);
  ui_->Close(Gone());
  Settle();
  EXPECT_THAT(app_->told(), ElementsAre());
}

TEST_P(UiContract, ClosesRightAfterItsStart) {
  Make(false);
  Start();
  ui_->Close(Gone());
  (void)app_->AwaitEnd();
  ExpectAWholeLife();
}

TEST_P(UiContract, ClosesOnceWhenManyThreadsAsk) {
  Make(false);
  Start();
  ClientComes();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([this] { ui_->Close(Gone()); });
  for (std::thread& thread : threads) thread.join();
  (void)app_->AwaitEnd();
  ui_->Close(Gone());
  ExpectAWholeLife();
}

TEST_P(UiSessionContract, ClosesFromWithinAnyEvent) {
  for (const std::string state : {"ready", "connected", "registered", "first frame"}) {
    SCOPED_TRACE(state);
    Make(false);
    app_->on_event = [this, state](const std::string& now) {
      if (now == state || now == "closed") ui_->Close(Gone());
    };
    Start();
    if (state != "ready") ClientComes();
    (void)app_->AwaitEnd();
    ExpectAWholeLife();
  }
}

TEST_P(UiActorContract, EndsOnceWhenTheAppGoesAtAnyStep) {
  for (const std::string state : {"ready", "connected", "registered", "first frame"}) {
    SCOPED_TRACE(state);
    Make(true, kClicks);
    app_->on_event = [this, state](const std::string& now) {
      if (now == state) ui_->Close(Gone());
    };
    testing::internal::CaptureStderr();  // what was left undone is told there
    Start();
    EXPECT_EQ(app_->AwaitEnd().exit_code, 1);
    ExpectAWholeLife();
    (void)testing::internal::GetCapturedStderr();
  }
}

TEST_P(UiActorContract, EndsOnceWhenTheAppBreaksTheProtocol) {
  Make(true, kClicks);
  app_->answers = false;
  Start();
  app_->AwaitTold("connected");
  for (int i = 0; i < 3; ++i) {
    OnLoop(*loop_, [this] {
      (void)app_->Give(Packet{PacketType::kControl, Buffer(std::string_view("no message"))});
    });
  }
  const UiEnd end = app_->AwaitEnd();
  EXPECT_EQ(end.exit_code, 70);
  EXPECT_EQ(end.why.code, Errc::kPeerMisbehaved);
  ExpectAWholeLife();
}

TEST_P(UiAddressContract, TellsAFailedStartOnceAndIsNeverReady) {
  Make(false);
  std::unique_ptr<Listener> other = address_.kind == SocketAddress::Kind::kUnix
                                        ? std::make_unique<Listener>(address_.path)
                                        : std::make_unique<Listener>();
  if (address_.kind == SocketAddress::Kind::kTcp) {
    OnLoop(*loop_, [this] { ui_.reset(); });
    address_.port = other->port();
    ui_ =
        kind() == "web" ? MakeWeb(other->port()) : attach::MakeAttachUi(*loop_, limits_, address_);
  }
  Start();
  const UiEnd end = app_->AwaitEnd();
  EXPECT_EQ(end.exit_code, 70);
  EXPECT_THAT(end.why.Line(), HasSubstr("choose another"));
  ui_->Close(Gone());
  ExpectAWholeLife();
  EXPECT_THAT(app_->told(), ElementsAre("closed"));
  std::filesystem::remove(address_.path);  // the other's
}

TEST_P(UiContract, TellsOnceThatItsWindowCannotBeOpened) {
  if (kind() != "desktop" && kind() != "webview") return;
  Make(false);
  Start();
  const UiEnd end = app_->AwaitEnd();
  EXPECT_EQ(end.exit_code, 70);
  EXPECT_NE(end.why.Line(), "");
  ui_->Close(Gone());
  ExpectAWholeLife();
}

// ---- Packets

TEST_P(UiSessionContract, KeepsWhatIsSentBeforeItsStartAndGivesItFirst) {
  Make(false);
  app_->answers = false;
  app_->set_first_words([this] {
    app_->Say(recording::Registered());
    app_->Say(Shown());
    for (int number = 1; waits_for_client() && number <= 3; ++number) app_->Say(Says(number));
  });
  Start();
  if (waits_for_client()) {
    ClientComes();
    ClientReadsThePage();
    for (int number = 1; number <= 3; ++number)
      EXPECT_EQ(client_.ReadFrame(), TextOf(Says(number)));
  } else {
    app_->AwaitTold("first frame");
  }
  EXPECT_TRUE(QueueBecomesEmpty());
  ui_->Close(Gone());
  (void)app_->AwaitEnd();
  ExpectAWholeLife();
}

TEST_P(UiSessionContract, LosesNothingWhenPausedAtAnyMoment) {
  Make(true, kClicks);
  app_->set_first_words([this] { app_->client().PauseReceiving(); });
  Start();
  ClientComes();
  app_->AwaitTold("connected");
  std::atomic<bool> done{false};
  std::thread pauser([&] {
    while (!done.load()) {
      app_->client().PauseReceiving();
      std::this_thread::yield();
      app_->client().ResumeReceiving();
      std::this_thread::yield();
    }
  });
  ClientClicks(kClicks);
  app_->AwaitClicks(kClicks);
  done.store(true);
  pauser.join();
  app_->client().ResumeReceiving();
  EXPECT_EQ(app_->clicks_seen(), kClicks);
  if (waits_for_client()) ui_->Close(Gone());
  const UiEnd end = app_->AwaitEnd();
  EXPECT_EQ(end.exit_code, 0) << end.why.Line();
  ExpectAWholeLife();
}

// A client that reads nothing, or a UI whose loop is held up, makes the app wait.
TEST_P(UiSessionContract, BoundsItsMemoryWhileItsClientIsStalled) {
  constexpr std::size_t kBytes = std::size_t{64} << 10;
  constexpr std::size_t kElsewhere = std::size_t{8} << 20;  // the kernel's buffers
  Make(false);
  Start();
  ClientComes();
  app_->AwaitTold("first frame");
  std::promise<void> go;
  const bool in_window = kind() == "steps";  // its packets come on the loop: the window takes none
  if (in_window) OnLoop(*loop_, [this] { window_client_->Stall(); });
  if (!waits_for_client() && !in_window)
    loop_->Post([held = go.get_future().share()] { held.wait(); });
  const auto give = [&](Packet& packet) {
    SendResult result = SendResult::kClosed;
    if (!in_window) return app_->Give(std::move(packet));
    OnLoop(*loop_, [&] { result = app_->Give(std::move(packet)); });
    return result;
  };
  std::size_t sent = 0;
  for (SendResult result = SendResult::kAccepted; result == SendResult::kAccepted;) {
    Packet packet{PacketType::kData, Buffer(std::string(kBytes, static_cast<char>(sent & 0x7f)))};
    result = give(packet);
    if (result == SendResult::kAccepted) {
      ++sent;
    } else if (waits_for_client() && app_->client().queued_bytes() < limits_.high_water) {
      result = SendResult::kAccepted;  // the kernel has taken some meanwhile
    } else {
      EXPECT_EQ(result, SendResult::kFull);
      EXPECT_EQ(packet.payload.size(), kBytes) << "kFull took the packet from its owner";
    }
    ASSERT_LE(sent * kBytes, limits_.high_water + kElsewhere) << "sent without bound";
  }
  EXPECT_GT(app_->client().queued_bytes(), limits_.high_water);
  EXPECT_LE(app_->client().queued_bytes(), limits_.high_water + kBytes + kPacketOverhead);
  const int before = app_->writable();
  go.set_value();
  if (in_window) OnLoop(*loop_, [this] { window_client_->GoOn(); });
  if (waits_for_client()) {
    ClientReadsThePage();
    for (std::size_t number = 0; number < sent; ++number)
      ASSERT_EQ(client_.ReadFrame(), std::string(kBytes, static_cast<char>(number & 0x7f)));
  }
  app_->AwaitWritable();
  Settle();
  EXPECT_LE(app_->writable(), before + 1);
  EXPECT_TRUE(QueueBecomesEmpty());
  ui_->Close(Gone());
  (void)app_->AwaitEnd();
  ExpectAWholeLife();
}

// ---- The client's death

// Those that wait for a client.
class UiDeath : public UiContract {
 protected:
  void DiesAfter(const std::function<void()>& reach) {
    Make(false);
    Start();
    app_->AwaitTold("ready");
    reach();
    client_.Close();
    app_->AwaitTold("disconnected");
    client_ = Connect();  // the next one is served, and nothing of the one before comes to it
    app_->AwaitTold("connected", 2);
    ASSERT_TRUE(client_.Say(recording::Register()));
    ClientReadsThePage();
    app_->AwaitTold("registered");
    ui_->Close(Gone());
    EXPECT_EQ(app_->AwaitEnd().exit_code, 0);
    ExpectAWholeLife();
    const std::vector<std::string> told = app_->told();
    EXPECT_EQ(std::count(told.begin(), told.end(), "disconnected"), 1);
    EXPECT_TRUE(client_.SeesTheEnd());
  }
};

TEST_P(UiDeath, IsToldOnceBeforeTheClientRegisters) {
  DiesAfter([this] {
    client_ = Connect();
    app_->AwaitTold("connected");
  });
}

TEST_P(UiDeath, IsToldOnceAfterTheClientHasRegistered) {
  DiesAfter([this] {
    ClientComes();
    ClientReadsThePage();
  });
}

// A pipe has no halves of packets.
class UiStreamDeath : public UiDeath {};

TEST_P(UiStreamDeath, IsToldOnceInAPacketOfTheClients) {
  DiesAfter([this] {
    ClientComes();
    ClientReadsThePage();
    ASSERT_TRUE(client_.SayHalf());
  });
}

TEST_P(UiStreamDeath, IsToldOnceInAPacketToTheClient) {
  DiesAfter([this] {
    ClientComes();
    ClientReadsThePage();
    for (int i = 0; i < 8; ++i) {
      (void)app_->Give(Packet{PacketType::kData, Buffer(std::string(std::size_t{1} << 20, 'x'))});
    }
    EXPECT_EQ(client_.socket().Read(1000).size(), 1000U);
  });
}

TEST_P(UiDeath, IsToldOnceWhileThePausedAppTakesNothing) {
  DiesAfter([this] {
    ClientComes();
    ClientReadsThePage();
    app_->client().PauseReceiving();
    client_.Close();
    app_->AwaitTold("disconnected");
    app_->client().ResumeReceiving();
  });
}

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  if (const std::size_t colon = name.find(':'); colon != std::string::npos) name.erase(colon, 1);
  name[0] = static_cast<char>(std::toupper(name[0]));
  return name;
}

const auto kAtAnAddress = testing::Values("attach:uds", "attach:tcp", "web");
const auto kServers = testing::Values("attach:uds", "attach:tcp", "pipe", "web");

INSTANTIATE_TEST_SUITE_P(Every, UiContract,
                         testing::Values("headless", "attach:uds", "attach:tcp", "replay",
                                         "desktop", "steps", "pipe", "web", "webview"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UiSessionContract,
                         testing::Values("headless", "attach:uds", "attach:tcp", "replay", "steps",
                                         "pipe", "web"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UiActorContract, testing::Values("headless", "replay", "steps"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UiAddressContract, kAtAnAddress, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UiDeath, kServers, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UiStreamDeath, kAtAnAddress, NameOf);

// ---- Steps that come from a driver, which may go at any moment

TEST(LiveHeadlessUi, EndsOnceWhenItsDriverGoesAtAnyStep) {
  SetLogLevel(LogLevel::kError);
  for (const std::string_view said : {"", "click text", "click text=\"+\"\nrun delay=0\n"}) {
    SCOPED_TRACE(said);
    const TempFolder folder;
    Listener driver(folder.path() + "/steps.sock");
    EventLoop loop;
    loop.Start();
    AppSide app(loop);
    HeadlessOptions options;
    options.live_steps = folder.path() + "/steps.sock";
    auto ui = std::make_unique<HeadlessUi>(loop, std::move(options));
    app.ui = ui.get();
    ui->Start(app);
    {
      Peer peer = driver.Accept();
      if (!said.empty()) {
        app.AwaitTold("first frame");
        EXPECT_TRUE(peer.Write(said));
      }
    }
    EXPECT_EQ(app.AwaitEnd().exit_code, 0);
    OnLoop(loop, [] {});
    EXPECT_THAT(app.broken(), ElementsAre());
    OnLoop(loop, [&] { ui.reset(); });
  }
  SetLogLevel(LogLevel::kInfo);
}

}  // namespace
}  // namespace fletbridge
