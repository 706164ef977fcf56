#include "src/stage3/ffi_transport.h"

#include <optional>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/python/flet_environment.h"
#include "common/python/hosted_app.h"
#include "src/stage3/channel_outlet.h"
#include "src/stage3/dart_bridge_module.h"
#include "src/stage3/delivery.h"
#include "src/stage3/ffi_channel.h"

namespace fletbridge::stage3 {
namespace {

// Above 2^32: below are the ids of data channels, which are ports of their own.
constexpr std::int64_t kProtocolPort = std::int64_t{1} << 40;

class FfiTransport final : public AppTransport, private PacketSink {
 public:
  FfiTransport(EventLoop& loop, AppSpec spec, std::string libpython)
      : loop_(loop),
        spec_(std::move(spec)),
        channel_(loop, spec_.limits, *this, kProtocolPort),
        delivery_(channel_.inbox(), DeliveryHooks()),
        outlet_(channel_, kProtocolPort,
                [this](const Error& why) { loop_.Post([this, why] { sink_->OnRefused(why); }); }),
        deadline_(loop.io()),
        app_(loop, Hosted(std::move(libpython)), [this](int signal) { sink_->OnSignal(signal); }) {}

  Capabilities capabilities() const override { return {"3", "ffi", true}; }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    delivery_.Open();
    loop_.Post([this] {
      sink_->OnAppEvent({AppState::kStarting, {}, 0});
      channel_.Start();
      deadline_.expires_after(spec_.connect_deadline);
      deadline_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        cause_ =
            MakeError(Errc::kLimit, "the app did not listen in time; does it call ft.run(main)?");
        StopInLoop({std::chrono::milliseconds(500), std::chrono::milliseconds(500), false});
      });
    });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return app_.Run(
        [this](int code, std::function<void()> finished) {
          Finish(code);
          finished();
        },
        std::move(at_end));
  }

  SendResult Send(Packet&& packet) override { return channel_.Send(std::move(packet)); }
  std::size_t queued_bytes() const override { return channel_.queued_bytes(); }
  void PauseReceiving() override { channel_.PauseReceiving(); }
  void ResumeReceiving() override { channel_.ResumeReceiving(); }
  void NewSession() override { channel_.NewSession(); }
  void Signal(int signal) override { SignalHosted(signal); }
  void Stop(const StopDeadlines& deadlines) override {
    loop_.Post([this, deadlines] { StopInLoop(deadlines); });
  }

 private:
  HostedOptions Hosted(std::string libpython) {
    HostedOptions options;
    options.libpython = std::move(libpython);
    options.python = spec_.python;
    options.arguments = spec_.arguments;
    options.on_ready = [this] { loop_.Post([this] { sink_->OnPythonReady(); }); };
    options.environment = FletOnBridge(kProtocolPort);
    options.environment.insert(options.environment.end(), spec_.environment.begin(),
                               spec_.environment.end());
    options.modules = BridgeModules(channel_.inbox(), delivery_, outlet_);
    return options;
  }

  Delivery::Hooks DeliveryHooks() {
    Delivery::Hooks hooks;
    hooks.fixed_port = kProtocolPort;
    hooks.on_set = [this] { loop_.Post([this] { OnListening(); }); };
    hooks.on_gone = [this] {
      loop_.Post([this] {
        if (!finished_ && !stopping_) {
          sink_->OnSessionLost(MakeError(Errc::kPeerGone, "the app closed the connection"));
        }
      });
    };
    hooks.on_new_client = [this] { channel_.NewSessionBegun(); };
    return hooks;
  }

  void OnPacket(Packet&& packet) override { sink_->OnPacket(std::move(packet)); }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }

  void OnListening() {
    deadline_.cancel();
    if (finished_ || std::exchange(connected_once_, true)) return;
    sink_->OnAppEvent({AppState::kListening, {}, 0});
    sink_->OnAppEvent({AppState::kConnected, {}, 0});
  }

  void StopInLoop(const StopDeadlines& deadlines) {
    if (finished_ || std::exchange(stopping_, true)) return;
    deadline_.cancel();
    channel_.CloseToPython();  // a send that waits for the UI must not hold up the end
    app_.Stop(deadlines.polite, deadlines.terminate, deadlines.told);
  }

  void Finish(int code) {
    deadline_.cancel();
    channel_.Close();  // first delivers what the app still said
    finished_ = true;
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
  FfiChannel channel_;
  Delivery delivery_;
  ChannelOutlet outlet_;
  // loop's thread only
  boost::asio::steady_timer deadline_;
  std::optional<Error> cause_;
  bool connected_once_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  HostedApp app_;
};

}  // namespace

std::unique_ptr<AppTransport> MakeFfiTransport(EventLoop& loop, AppSpec spec,
                                               std::string libpython) {
  return std::make_unique<FfiTransport>(loop, std::move(spec), std::move(libpython));
}

}  // namespace fletbridge::stage3
