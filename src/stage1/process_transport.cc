#include "src/stage1/process_transport.h"

#include <atomic>
#include <fcntl.h>
#include <future>
#include <mutex>
#include <optional>
#include <signal.h>
#include <unistd.h>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/net/socket_leg.h"
#include "common/process/child.h"
#include "common/process/runtime_dir.h"
#include "common/python/flet_environment.h"

namespace fletbridge::stage1 {
namespace {

// What a dead app still has in its socket is read in less; a socket that a grandchild holds open
// has no end.
constexpr std::chrono::milliseconds kDrain{200};

class ProcessTransport final : public AppTransport, private SocketLegSink {
 public:
  ProcessTransport(EventLoop& loop, AppSpec spec, RuntimeDir dir, const SocketAddress& address)
      : loop_(loop),
        spec_(std::move(spec)),
        dir_(std::move(dir)),
        timer_(loop.io()),
        ready_(loop.io()),
        leg_(
            loop, spec_.limits, address, [this](int fd) { return Verify(fd); }, *this,
            spec_.generation) {}

  Capabilities capabilities() const override {
    return {"1", leg_.address().kind == SocketAddress::Kind::kUnix ? "uds" : "tcp", false};
  }

  Generation generation() const override { return spec_.generation; }
  std::vector<ProcessInfo> processes() const override {
    std::vector<ProcessInfo> result{{"host", ::getpid()}};
    if (child_) result.push_back({"app", child_->pid()});
    return result;
  }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    Environment environment = leg_.address().kind == SocketAddress::Kind::kUnix
                                  ? FletOnUnixSocket(leg_.address().path)
                                  : FletOnTcp(leg_.address().port);
    if (!AddShim(dir_.File("shim"), environment)) {
      Log(LogLevel::kWarning,
          "cannot write the shim into " + dir_.path() + "; the app's clean-up will not run");
    }
    UniqueFd ready = MakeReadyPipe(environment);
    environment.insert(environment.end(), spec_.environment.begin(), spec_.environment.end());
    loop_.Post([this] { sink_->OnAppEvent({AppState::kStarting, {}, 0}); });
    Result<std::unique_ptr<Child>> child =
        Child::Start(loop_, {spec_.python, spec_.arguments, std::move(environment)},
                     [this](int code) { OnExit(code); });
    if (!child) {
      loop_.Post([this, why = child.error()] { Finish(why, 70); });
      return;
    }
    child_ = std::move(*child);
    loop_.Post([this] {
      WatchReadyPipe();
      leg_.Connect(spec_.connect_deadline);
    });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }

  SendResult Send(Packet&& packet) override { return leg_.port().Send(std::move(packet)); }
  std::size_t queued_bytes() const override { return leg_.port().queued_bytes(); }
  void PauseReceiving() override { leg_.port().PauseReceiving(); }
  void ResumeReceiving() override { leg_.port().ResumeReceiving(); }

  void NewSession() override {
    leg_.MarkNewSession();
    if (loop_.InLoop()) {
      BeginNewSession();
    } else {
      loop_.Post([this] { BeginNewSession(); });
    }
  }

  void Signal(int signal) override {
    loop_.Post([this, signal] {
      if (child_) child_->Signal(signal);
    });
  }

  void Stop(const StopDeadlines& deadlines) override {
    loop_.Post([this, deadlines] { StopInLoop(deadlines); });
  }

 private:
  void BeginNewSession() {
    if (!finished_ && !stopping_) leg_.NewSession(spec_.connect_deadline);
  }

  // The interpreter inherits the returned end, and the shim writes a byte into it.
  UniqueFd MakeReadyPipe(Environment& environment) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return {};
    ready_.assign(ends[0]);
    ::fcntl(ends[1], F_SETFD, 0);
    environment.emplace_back("FLETBRIDGE_READY_FD", std::to_string(ends[1]));
    return UniqueFd(ends[1]);
  }

  void WatchReadyPipe() {
    if (!ready_.is_open()) return;
    ready_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
          if (error || finished_) return;
          char said = 0;
          const bool is_ready = ::read(ready_.native_handle(), &said, 1) == 1;  // else it has died
          boost::system::error_code ignored;
          ready_.close(ignored);
          if (is_ready) sink_->OnPythonReady();
        });
  }

  Result<> Verify(int fd) {
    if (leg_.address().kind == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, child_->pid());
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  void OnPacket(Packet&& packet) override { sink_->OnPacket(std::move(packet)); }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }

  void OnConnected() override {
    if (std::exchange(connected_once_, true)) return;
    // Nobody will come a second time: take the files away now, and a kill leaves none.
    if (spec_.single_session) dir_.Remove();
    sink_->OnAppEvent({AppState::kListening, {}, 0});
    sink_->OnAppEvent({AppState::kConnected, {}, 0});
  }

  void OnSessionLost(const Error& why) override {
    if (!finished_ && !stopping_) sink_->OnSessionLost(why);
  }

  void OnConnectFailed(const Error& why) override {
    if (finished_ || stopping_) return;
    cause_ = why;
    StopInLoop({std::chrono::milliseconds(0), std::chrono::milliseconds(500), false});
  }

  void StopInLoop(const StopDeadlines& deadlines) {
    if (finished_ || std::exchange(stopping_, true)) return;
    leg_.Close();  // what Flet sees when its window is closed
    if (!child_) return;
    if (!deadlines.told) child_->Signal(SIGTERM);
    timer_.expires_after(deadlines.polite);
    timer_.async_wait([this, deadlines](boost::system::error_code error) {
      if (error) return;
      Log(LogLevel::kDebug, "the app does not end by itself: SIGTERM");
      child_->Signal(SIGTERM);
      timer_.expires_after(deadlines.terminate);
      timer_.async_wait([this](boost::system::error_code later) {
        if (later) return;
        Log(LogLevel::kDebug, "the app does not heed SIGTERM: SIGKILL");
        child_->Signal(SIGKILL);
      });
    });
  }

  void OnExit(int code) {
    timer_.cancel();
    leg_.Drain(kDrain, [this, code] {
      Error why = cause_      ? *cause_
                  : stopping_ ? MakeError(Errc::kClosed, "")
                              : MakeError(Errc::kPeerGone, EndText(code));
      Finish(why, code);
    });
  }

  static std::string EndText(int code) {
    if (code > 128) return "the app was killed by signal " + std::to_string(code - 128);
    return "the app ended with exit code " + std::to_string(code);
  }

  void Finish(const Error& why, int code) {
    finished_ = true;
    leg_.Close();
    dir_.Remove();
    sink_->OnAppEvent({AppState::kClosed, why, 0});
    sink_->OnAppEvent({AppState::kExited, {}, code});
    exited_.set_value(code);
  }

  EventLoop& loop_;
  const AppSpec spec_;
  AppSink* sink_ = nullptr;  // set in Start()
  std::promise<int> exited_;
  std::unique_ptr<Child> child_;  // set in Start(), before the loop sees it
  // loop's thread only
  RuntimeDir dir_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor ready_;
  SocketLeg leg_;
  std::optional<Error> cause_;
  bool connected_once_ = false;
  bool stopping_ = false;
  bool finished_ = false;
};

// Nothing says which generation the app speaks, and it never speaks first. So it is spoken to as
// generation 3, beginning with a data packet for a channel that nobody has: Flet of that generation
// drops it, one of generation 2 finds no message in it and closes the connection before it has
// begun a session. Then the same is said again, without the packet, as generation 2.
class AttachedTransport final : public AppTransport, private SocketLegSink {
 public:
  AttachedTransport(EventLoop& loop, const FlowLimits& limits, SocketAddress address)
      : loop_(loop),
        leg_(
            loop, limits, std::move(address), [this](int fd) { return Verify(fd); }, *this) {
    (void)leg_.port().Send(Packet{PacketType::kData, Buffer(std::string_view("\0\0\0\0", 4))});
  }

  Capabilities capabilities() const override {
    return {"1", leg_.address().kind == SocketAddress::Kind::kUnix ? "uds" : "tcp", false};
  }
  Generation generation() const override { return generation_.load(); }
  // Our parent is the app: it has started us.
  std::vector<ProcessInfo> processes() const override {
    return {{"host", ::getpid()}, {"app", ::getppid()}};
  }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    loop_.Post([this] {
      sink_->OnAppEvent({AppState::kStarting, {}, 0});
      leg_.Connect(std::chrono::seconds(10));
    });
  }
  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }

  SendResult Send(Packet&& packet) override {
    if (is_told_) return leg_.port().Send(std::move(packet));
    Packet copy{packet.type, Buffer(packet.payload.span())};
    const SendResult result = leg_.port().Send(std::move(packet));
    const std::lock_guard lock(mutex_);
    if (result == SendResult::kAccepted) said_.push_back(std::move(copy));
    return result;
  }
  std::size_t queued_bytes() const override { return leg_.port().queued_bytes(); }
  void PauseReceiving() override { leg_.port().PauseReceiving(); }
  void ResumeReceiving() override { leg_.port().ResumeReceiving(); }
  void NewSession() override {
    leg_.MarkNewSession();
    loop_.Post([this] { leg_.NewSession(std::chrono::seconds(10)); });
  }
  void Signal(int) override {}
  void Stop(const StopDeadlines&) override {
    loop_.Post([this] { Finish(MakeError(Errc::kClosed, "")); });
  }

 private:
  static Result<> VerifyUnix(int fd) {
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }
  Result<> Verify(int fd) {
    return leg_.address().kind == SocketAddress::Kind::kTcp ? CheckTcpPeer(fd, 0) : VerifyUnix(fd);
  }
  void OnPacket(Packet&& packet) override {
    if (!is_told_) Told(Generation::kG3);
    sink_->OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnConnected() override {
    if (std::exchange(connected_once_, true)) return;
    sink_->OnAppEvent({AppState::kListening, {}, 0});
    sink_->OnAppEvent({AppState::kConnected, {}, 0});
  }
  void OnSessionLost(const Error& why) override {
    if (is_told_ || why.code != Errc::kPeerGone) {
      Finish(why);
      return;
    }
    lost_ = why;
    leg_.port().Disconnect();
    leg_.port().SetGeneration(Generation::kG2);
    for (Packet& packet : Told(Generation::kG2)) (void)leg_.port().Send(std::move(packet));
    leg_.Connect(std::chrono::seconds(0));  // an app that has ended does not listen any more
  }
  void OnConnectFailed(const Error& why) override { Finish(lost_.value_or(why)); }
  // What was said before the app's generation was known.
  std::vector<Packet> Told(Generation generation) {
    Log(LogLevel::kDebug,
        "the app speaks wire generation " + std::to_string(static_cast<int>(generation)));
    const std::lock_guard lock(mutex_);
    is_told_ = true;
    generation_.store(generation);
    return std::exchange(said_, {});
  }
  void Finish(const Error& why) {
    if (std::exchange(finished_, true)) return;
    leg_.Close();
    const int code = why.code == Errc::kClosed || why.code == Errc::kPeerGone ? 0 : 70;
    sink_->OnAppEvent({AppState::kClosed, why, 0});
    sink_->OnAppEvent({AppState::kExited, {}, code});
    exited_.set_value(code);
  }

  EventLoop& loop_;
  AppSink* sink_ = nullptr;
  std::promise<int> exited_;
  std::atomic<Generation> generation_{Generation::kUnknown};
  std::atomic<bool> is_told_{false};  // written under mutex_
  std::mutex mutex_;
  std::vector<Packet> said_;  // under mutex_
  SocketLeg leg_;
  std::optional<Error> lost_;
  bool connected_once_ = false;
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<AppTransport>> MakeProcessTransport(EventLoop& loop, AppSpec spec,
                                                           SocketAddress::Kind kind) {
  Result<RuntimeDir> dir = RuntimeDir::Create();
  if (!dir) return dir.error();
  SocketAddress address;
  address.kind = kind;
  if (kind == SocketAddress::Kind::kUnix) {
    address.path = dir->File("app.sock");
  } else {
    Result<std::uint16_t> port = FreeTcpPort();
    if (!port) return port.error();
    address.host = "localhost";
    address.port = *port;
  }
  return std::unique_ptr<AppTransport>(
      std::make_unique<ProcessTransport>(loop, std::move(spec), std::move(*dir), address));
}

std::unique_ptr<AppTransport> MakeAttachedTransport(EventLoop& loop, const FlowLimits& limits,
                                                    SocketAddress address) {
  return std::make_unique<AttachedTransport>(loop, limits, std::move(address));
}

}  // namespace fletbridge::stage1
