#include "src/stage3/ffi_transport.h"

#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "common/app/app_channel.h"
#include "common/app/app_note.h"
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
        app_channel_(loop),
        app_(loop, Hosted(std::move(libpython)),
             [this](int signal, bool handled) { sink_->OnSignal(signal, handled); }) {}

  Capabilities capabilities() const override { return {"3", "ffi", true}; }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    delivery_.Open();
    loop_.Post([this] {
      channel_.Start();
      app_channel_.Start([this](AppWord word, int number) { sink_->OnWord(word, number); });
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
  void Leave() override {
    if (finished_ || std::exchange(left_, true)) return;
    app_channel_.Say(HostWord::kClosed);
    channel_.CloseToPython();  // a send that waits for the UI must not hold up the end
  }
  void PassSignal(int signal, bool app_has_it) override {
    if (finished_) return;
    if (!app_has_it) SignalHosted(signal);
    app_channel_.Say(HostWord::kSignal, signal);
  }
  void Interrupt() override {
    channel_.CloseToPython();
    app_.Interrupt();
  }
  void Kill() override { app_.Kill(); }
  void Acknowledge() override { app_channel_.Say(HostWord::kKnown); }

 private:
  HostedOptions Hosted(std::string libpython) {
    HostedOptions options;
    options.libpython = std::move(libpython);
    options.python = spec_.python;
    options.arguments = spec_.arguments;
    options.environment = FletOnBridge(kProtocolPort);
    AppChannel::AppEnds ends = app_channel_.TakeAppEnds(false);
    if (const std::string text = ends.Text(); !text.empty()) {
      options.environment.emplace_back(kChannelVariable, text);
      (void)ends.read.release();  // they are the shim's, in this process
      (void)ends.write.release();
    }
    if (UniqueFd note(spec_.note_fd < 0 ? -1 : ::fcntl(spec_.note_fd, F_DUPFD_CLOEXEC, 3)); note)
      options.environment.emplace_back(kNoteVariable, std::to_string(note.release()));
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
        if (!finished_ && !left_) {
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
    if (finished_ || std::exchange(connected_once_, true)) return;
    sink_->OnListening();
    sink_->OnConnected();
  }

  void Finish(int code) {
    if (finished_) return;
    channel_.Close();  // first delivers what the app still said
    finished_ = true;
    app_channel_.Close();
    sink_->OnExited(code, {});
  }

  EventLoop& loop_;
  const AppSpec spec_;
  AppSink* sink_ = nullptr;  // set in Start()
  FfiChannel channel_;
  Delivery delivery_;
  ChannelOutlet outlet_;
  // loop's thread only
  AppChannel app_channel_;
  bool connected_once_ = false;
  bool left_ = false;
  bool finished_ = false;
  HostedApp app_;
};

}  // namespace

std::unique_ptr<AppTransport> MakeFfiTransport(EventLoop& loop, AppSpec spec,
                                               std::string libpython) {
  return std::make_unique<FfiTransport>(loop, std::move(spec), std::move(libpython));
}

}  // namespace fletbridge::stage3
