#include "src/legacy/legacy_app.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <future>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/app/app_channel.h"
#include "common/app/app_note.h"
#include "common/base/log.h"
#include "common/net/address.h"
#include "common/net/listen.h"
#include "common/net/web_socket_port.h"
#include "common/platform/process.h"
#include "common/process/child.h"
#include "common/process/runtime_dir.h"
#include "common/python/flet_environment.h"
#include "common/python/hosting.h"
#include "src/legacy/broker.h"

namespace fletbridge::legacy {
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// The broker answers a handshake once the app listens; that deadline is Life's (src/host/life.h).
constexpr std::chrono::hours kForEver{24 * 365};
// A client's last words; the broker reads all the time.
constexpr milliseconds kFarewell{200};
// After this long without data nothing more is expected from an ended app.
constexpr milliseconds kQuiet{500};
constexpr milliseconds kLongestDrain{5000};
// The broker's end says more than that of a connection to it, and is known moments later.
constexpr milliseconds kCauseComes{300};
constexpr int kFailureCode = 70;
constexpr const char* kLevels[] = {"error", "warning", "info", "debug"};

// A duplicate for a program, above the numbers of the standard streams.
UniqueFd Given(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD, 3)); }

class LegacyApp final : public AppHost {
 public:
  LegacyApp(EventLoop& loop, AppSpec spec, std::string program, SocketAddress at, UniqueFd listener,
            HeldPort held)
      : loop_(loop),
        spec_(std::move(spec)),
        has_fletd_(spec_.generation == Generation::kG0),
        program_(std::move(program)),
        at_(std::move(at)),
        listener_(std::move(listener)),
        held_(std::move(held)),
        token_(NewToken()),
        channel_(loop),
        timer_(loop.io()),
        fletd_end_(loop.io()) {}
  ~LegacyApp() override {
    if (fletd_end_.is_open()) fletd_end_.release();  // the watch's
  }

  Capabilities capabilities() const override { return {"legacy", "ws", false}; }
  std::vector<ProcessInfo> processes() const override {
    std::vector<ProcessInfo> result{{"host", ::getpid()}};
    if (app_) result.push_back({"app", app_->pid()});
    if (broker_) result.push_back({"broker", broker_->pid()});
    if (const pid_t fletd = fletd_pid_.load(); fletd != 0) result.push_back({"broker", fletd});
    return result;
  }
  Generation generation() const override { return spec_.generation; }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    if (Result<> started = StartBoth(); !started) {
      loop_.Post([this, why = started.error()] {
        Finish(kFailureCode, why);
        exited_.set_value(kFailureCode);
      });
      return;
    }
    loop_.Post([this] { Begin(); });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }

  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override {
    if (session_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
    auto session = std::make_unique<Session>(*this, sink);
    session_ = session.get();
    if (finished_ || left_) {
      session->Close();
    } else if (begun_ && serves_) {
      session->Connect();
    }
    return std::unique_ptr<AppSession>(std::move(session));
  }

  void Leave() override {
    if (finished_ || std::exchange(left_, true)) return;
    channel_.Say(HostWord::kClosed);
    if (session_ != nullptr) session_->Close();
  }
  void PassSignal(int signal, bool app_has_it) override {
    if (finished_) return;
    is_signalled_ = true;
    if (!app_has_it) Deliver(signal);
    channel_.Say(HostWord::kSignal, signal);
  }
  void Interrupt() override { Deliver(SIGTERM); }
  void Kill() override { Deliver(SIGKILL); }
  void Acknowledge() override { channel_.Say(HostWord::kKnown); }

 private:
  class Session final : public AppSession, private WebSocketSink {
   public:
    Session(LegacyApp& app, AppSessionSink& sink)
        : app_(app),
          sink_(sink),
          port_(app.loop_, LimitsToApp(app.spec_.limits, app.spec_.generation), *this,
                app.spec_.generation, {.handshake = kForEver, .farewell = kFarewell}) {}
    ~Session() override { app_.OnSessionClosed(); }

    void Connect() {
      Result<UniqueFd> socket = TryConnect(app_.at_);
      if (socket) {
        if (Result<> trusted = app_.CheckBroker(socket->get()); !trusted) socket = trusted.error();
      }
      if (!socket) return app_.OnConnectFailed(socket.error());
      port_.Connect(std::move(*socket),
                    {app_.has_fletd_ ? "/ws" : "/" + app_.token_ + "/ws", {{"Host", app_.Host()}}});
    }
    void Close() { port_.Disconnect(); }
    [[nodiscard]] bool open() const { return port_.open(); }
    [[nodiscard]] steady_clock::time_point heard() const { return heard_; }

    SendResult Send(Packet&& packet) override { return port_.Send(std::move(packet)); }
    std::size_t queued_bytes() const override { return port_.queued_bytes(); }
    void PauseReceiving() override { port_.PauseReceiving(); }
    void ResumeReceiving() override { port_.ResumeReceiving(); }

   private:
    void OnOpen() override {
      was_open_ = true;
      app_.OnConnected();
    }
    void OnPacket(Packet&& packet) override {
      heard_ = steady_clock::now();
      sink_.OnPacket(std::move(packet));
    }
    void OnWritable() override { sink_.OnWritable(); }
    void OnRefused(const Error& why) override {
      heard_ = steady_clock::now();
      sink_.OnRefused(why);
    }
    void OnDisconnected(const Error& why) override {
      if (app_.ending_) {
        app_.EndNow();
      } else if (!was_open_) {
        app_.OnConnectFailed(why);
      } else if (!app_.finished_ && !app_.left_) {
        app_.is_lost_ = true;
        if (app_.has_fletd_) app_.TellIfFletdHasEnded();
        sink_.OnLost(why);
      }
    }

    LegacyApp& app_;
    AppSessionSink& sink_;
    WebSocketPort port_;
    steady_clock::time_point heard_ = steady_clock::now();
    bool was_open_ = false;
  };

  [[nodiscard]] std::string Host() const { return "127.0.0.1:" + std::to_string(at_.port); }

  Result<> StartBoth() {
    if (!has_fletd_) {
      const UniqueFd listener = Given(listener_.get());
      ChildOptions options;
      options.executable = program_;
      options.arguments = {
          "broker", "--app", "http://127.0.0.1:" + std::to_string(held_.port), "--generation",
          std::to_string(static_cast<int>(spec_.generation)), "--max-packet",
          // What is larger than the run's own limit is for us to refuse.
          std::to_string(std::max(spec_.limits.max_packet, FlowLimits{}.max_packet)), "--log-level",
          kLevels[static_cast<std::size_t>(log_level())]};
      options.environment = {{kBrokerVariable, std::to_string(listener.get()) + ":" + token_}};
      // A terminal's Ctrl-C is for the app and for us: the broker has the app's last packets.
      options.own_session = true;
      Result<std::unique_ptr<Child>> broker =
          Child::Start(loop_, options, [this](int code) { OnBrokerExit(code); });
      if (!broker) return broker.error();
      broker_ = std::move(*broker);
    }
    listener_.reset();
    std::vector<UniqueFd> given;
    Result<Environment> environment = AppEnvironment(given);
    if (!environment) return environment.error();
    Result<std::unique_ptr<Child>> app =
        Child::Start(loop_, {spec_.python, spec_.arguments, std::move(*environment)},
                     [this](int code) { End(code); });
    if (!app) return app.error();
    app_ = std::move(*app);
    return {};
  }

  // `given`: descriptors that the app inherits.
  Result<Environment> AppEnvironment(std::vector<UniqueFd>& given) {
    Environment environment = has_fletd_ ? FletWithFletd(held_.port) : FletAsWebServer(held_.port);
    std::string shim = ShimFolder();
    if (shim.find(':') != std::string::npos) {  // PYTHONPATH would split it
      Result<RuntimeDir> folder = RuntimeDir::Create();
      if (!folder) return folder.error();
      folder_ = std::move(*folder);
      const std::string link = folder_.File("shim");
      if (::symlink(shim.c_str(), link.c_str()) != 0)
        return MakeError(Errc::kSetup, "cannot link the shim to " + link + ": " +
                                           std::strerror(errno) + "; set TMPDIR to another folder");
      shim = link;
    }
    PointToShim(shim, environment);
    // Of the shim: whose connections to Flet's server are ours, and its port.
    if (broker_) {
      environment.emplace_back(kBrokerVariable,
                               std::to_string(broker_->pid()) + ":" + std::to_string(held_.port));
    }
    AppChannel::AppEnds ends = channel_.TakeAppEnds(true);
    if (const std::string text = ends.Text(); !text.empty()) {
      environment.emplace_back(kChannelVariable, text);
      given.push_back(std::move(ends.read));
      given.push_back(std::move(ends.write));
    }
    if (spec_.note_fd >= 0) {
      given.push_back(Given(spec_.note_fd));
      environment.emplace_back(kNoteVariable, std::to_string(given.back().get()));
    }
    environment.insert(environment.end(), spec_.environment.begin(), spec_.environment.end());
    return environment;
  }

  void Begin() {
    if (finished_) return;
    begun_ = true;
    serves_ = !has_fletd_;
    channel_.Start([this](AppWord word, int number) {
      if (word == AppWord::kListens) return OnServes();
      sink_->OnWord(word, number);
    });
    if (serves_ && session_ != nullptr && !left_) session_->Connect();
  }

  // `fletd` knows the app, and has a page for us.
  void OnServes() {
    if (finished_ || std::exchange(serves_, true)) return;
    if (session_ != nullptr && !left_) session_->Connect();
  }

  Result<> CheckBroker(int fd) {
    if (broker_) return CheckTcpPeer(fd, broker_->pid());
    pid_t fletd = 0;
    if (Result<> trusted = CheckTcpPeer(fd, app_->pid(), &fletd); !trusted) return trusted;
    if (fletd_ != nullptr) return {};
    boost::system::result<platform::ProcessWatch> watch = platform::ProcessWatch::Of(fletd);
    if (!watch) return MakeError(Errc::kPeerGone, "fletd has ended");
    fletd_ = std::make_unique<platform::ProcessWatch>(std::move(*watch));
    fletd_pid_ = fletd;
    fletd_end_.assign(fletd_->fd());
    fletd_end_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](boost::system::error_code cancelled) {
                            if (!cancelled) OnFletdEnd();
                          });
    return {};
  }

  void OnFletdEnd() {
    broker_has_ended_ = true;
    TellIfFletdHasEnded();
  }

  // It ends with the app as well, and of a terminal's Ctrl-C, which are known moments later.
  void TellIfFletdHasEnded() {
    const auto of_itself = [this] { return !finished_ && !ending_ && !is_signalled_; };
    if (!broker_has_ended_ || !of_itself() || (left_ && !is_lost_)) return;
    timer_.expires_after(kCauseComes);
    timer_.async_wait([this, of_itself](boost::system::error_code cancelled) {
      if (cancelled || !of_itself()) return;
      sink_->OnUnreachable(MakeError(
          Errc::kCut, "fletd, Flet's broker between app and UI, has ended; start the app again"));
    });
  }

  void OnConnected() {
    if (std::exchange(listens_, true)) return;
    sink_->OnListening();
    sink_->OnConnected();
  }

  void OnConnectFailed(const Error& why) {
    if (finished_ || left_) return;
    timer_.expires_after(kCauseComes);
    timer_.async_wait([this, why](boost::system::error_code cancelled) {
      if (cancelled || finished_ || left_ || broker_has_ended_) return;
      sink_->OnUnreachable(MakeError(Errc::kCut, "the broker cannot be reached: " + why.Line()));
    });
  }

  void OnBrokerExit(int code) {
    broker_has_ended_ = true;
    if (finished_ || ending_) return;
    const std::string how = code > 128 ? "was killed by signal " + std::to_string(code - 128)
                                       : "ended with exit code " + std::to_string(code);
    // A cause, other than an app that goes by itself.
    sink_->OnUnreachable(MakeError(Errc::kCut, "the broker between app and UI " + how));
  }

  void Deliver(int signal) {
    if (app_) app_->Signal(signal);
  }

  // The app has ended: its last packets come by way of the broker, which then ends the session.
  void End(int code) {
    at_end_ = [this, code] {
      Finish(code, {});
      exited_.set_value(code);
    };
    if (session_ == nullptr || !session_->open() || broker_has_ended_) return EndNow();
    ending_ = true;
    drain_until_ = steady_clock::now() + kLongestDrain;
    session_->ResumeReceiving();
    AwaitDrained();
  }

  // Another process may hold the app's socket open.
  void AwaitDrained() {
    timer_.expires_after(kQuiet);
    timer_.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled || !at_end_) return;
      const auto now = steady_clock::now();
      if (session_ != nullptr && now - session_->heard() < kQuiet && now < drain_until_)
        return AwaitDrained();
      EndNow();
    });
  }

  void EndNow() {
    if (at_end_) std::exchange(at_end_, nullptr)();
  }

  void OnSessionClosed() {
    session_ = nullptr;
    EndNow();  // nobody reads the app's last packets
  }

  void Finish(int code, const Error& why) {
    if (std::exchange(finished_, true)) return;
    timer_.cancel();
    if (session_ != nullptr) session_->Close();
    channel_.Close();
    folder_.Remove();
    // It holds nothing that would be lost.
    if (broker_) broker_->Signal(SIGKILL);
    if (fletd_) fletd_->Signal(SIGKILL);
    sink_->OnExited(code, why);
  }

  EventLoop& loop_;
  AppSpec spec_;
  const bool has_fletd_;
  const std::string program_;
  const SocketAddress at_;  // the broker's
  UniqueFd listener_;       // of our broker; until it has been started
  const HeldPort held_;     // the app's, or of its fletd
  const std::string token_;
  RuntimeDir folder_;
  std::promise<int> exited_;
  std::unique_ptr<Child> broker_, app_;  // set in Start(), before the loop uses them
  std::atomic<pid_t> fletd_pid_{0};      // written by the loop's thread

  // The loop's thread only, and before it runs
  AppChannel channel_;
  asio::steady_timer timer_;
  std::unique_ptr<platform::ProcessWatch> fletd_;
  asio::posix::stream_descriptor fletd_end_;  // goes before what it watches
  AppSink* sink_ = nullptr;
  Session* session_ = nullptr;
  std::function<void()> at_end_;
  steady_clock::time_point drain_until_;
  bool begun_ = false;
  bool serves_ = false;  // a session may connect
  bool is_signalled_ = false;
  bool is_lost_ = false;  // the session, by the broker
  bool listens_ = false;
  bool left_ = false;
  bool ending_ = false;
  bool finished_ = false;
  bool broker_has_ended_ = false;
};

}  // namespace

Result<std::unique_ptr<AppHost>> MakeLegacyApp(EventLoop& loop, AppSpec spec, std::string program) {
  SocketAddress at;
  at.kind = SocketAddress::Kind::kTcp;
  at.host = "127.0.0.1";
  Result<HeldPort> held = HoldTcpPort();
  if (!held) return held.error();
  Result<UniqueFd> listener = UniqueFd();
  if (spec.generation == Generation::kG0) {
    at.port = held->port;
  } else if (listener = Listen(at); !listener) {
    return listener.error();
  }
  return std::unique_ptr<AppHost>(
      std::make_unique<LegacyApp>(loop, std::move(spec), std::move(program), std::move(at),
                                  std::move(*listener), std::move(*held)));
}

}  // namespace fletbridge::legacy
