#include "src/stage2/hosted_socket_transport.h"

#include <optional>
#include <unistd.h>

#include "common/net/socket_leg.h"
#include "common/process/runtime_dir.h"
#include "common/python/flet_environment.h"
#include "common/python/hosted_app.h"

namespace fletbridge::stage2 {
namespace {

// An interpreter that has ended has closed its sockets; one that a thread still holds has no end.
constexpr std::chrono::milliseconds kDrain{200};

class HostedSocketTransport final : public AppTransport, private SocketLegSink {
 public:
  HostedSocketTransport(EventLoop& loop, AppSpec spec, std::string libpython, RuntimeDir dir,
                        const SocketAddress& address)
      : loop_(loop),
        spec_(std::move(spec)),
        dir_(std::move(dir)),
        leg_(
            loop, spec_.limits, address, [this](int fd) { return Verify(fd); }, *this,
            spec_.generation),
        app_(loop, Hosted(std::move(libpython), address),
             [this](int signal) { sink_->OnSignal(signal); }) {}

  Capabilities capabilities() const override {
    return {"2", leg_.address().kind == SocketAddress::Kind::kUnix ? "uds" : "tcp", true};
  }
  Generation generation() const override { return spec_.generation; }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    loop_.Post([this] {
      sink_->OnAppEvent({AppState::kStarting, {}, 0});
      leg_.Connect(spec_.connect_deadline);
    });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return app_.Run(
        [this](int code, std::function<void()> finished) {
          leg_.Drain(kDrain, [this, code, finished = std::move(finished)] {
            Finish(code);
            finished();
          });
        },
        std::move(at_end));
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

  void Signal(int signal) override { SignalHosted(signal); }

  void Stop(const StopDeadlines& deadlines) override {
    loop_.Post([this, deadlines] { StopInLoop(deadlines); });
  }

 private:
  void BeginNewSession() {
    if (!finished_ && !stopping_) leg_.NewSession(spec_.connect_deadline);
  }

  HostedOptions Hosted(std::string libpython, const SocketAddress& address) {
    HostedOptions options;
    options.libpython = std::move(libpython);
    options.python = spec_.python;
    options.arguments = spec_.arguments;
    options.on_ready = [this] { loop_.Post([this] { sink_->OnPythonReady(); }); };
    options.environment = address.kind == SocketAddress::Kind::kUnix
                              ? FletOnUnixSocket(address.path)
                              : FletOnTcp(address.port);
    options.environment.insert(options.environment.end(), spec_.environment.begin(),
                               spec_.environment.end());
    return options;
  }

  Result<> Verify(int fd) const {
    if (leg_.address().kind == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, ::getpid());
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  void OnPacket(Packet&& packet) override { sink_->OnPacket(std::move(packet)); }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }

  void OnConnected() override {
    if (std::exchange(connected_once_, true)) return;
    // Nobody will come a second time: take the file away now, and a kill leaves none.
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
    StopInLoop({std::chrono::milliseconds(500), std::chrono::milliseconds(500), false});
  }

  void StopInLoop(const StopDeadlines& deadlines) {
    if (finished_ || std::exchange(stopping_, true)) return;
    leg_.Close();  // what Flet sees when its window is closed
    app_.Stop(deadlines.polite, deadlines.terminate, deadlines.told);
  }

  void Finish(int code) {
    finished_ = true;
    leg_.Close();
    dir_.Remove();
    const Error why =
        cause_ ? *cause_
        : stopping_
            ? MakeError(Errc::kClosed, "")
            : MakeError(Errc::kPeerGone, "the app ended with exit code " + std::to_string(code));
    sink_->OnAppEvent({AppState::kClosed, why, 0});
    sink_->OnAppEvent({AppState::kExited, {}, code});
  }

  EventLoop& loop_;
  const AppSpec spec_;
  AppSink* sink_ = nullptr;  // set in Start()
  // loop's thread only
  RuntimeDir dir_;
  SocketLeg leg_;
  std::optional<Error> cause_;
  bool connected_once_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  HostedApp app_;
};

}  // namespace

Result<std::unique_ptr<AppTransport>> MakeHostedSocketTransport(EventLoop& loop, AppSpec spec,
                                                                std::string libpython,
                                                                SocketAddress::Kind kind) {
  SocketAddress address;
  address.kind = kind;
  RuntimeDir dir;
  if (kind == SocketAddress::Kind::kUnix) {
    Result<RuntimeDir> made = RuntimeDir::Create();
    if (!made) return made.error();
    dir = std::move(*made);
    address.path = dir.File("app.sock");
  } else {
    Result<std::uint16_t> port = FreeTcpPort();
    if (!port) return port.error();
    address.host = "localhost";
    address.port = *port;
  }
  return std::unique_ptr<AppTransport>(std::make_unique<HostedSocketTransport>(
      loop, std::move(spec), std::move(libpython), std::move(dir), address));
}

}  // namespace fletbridge::stage2
