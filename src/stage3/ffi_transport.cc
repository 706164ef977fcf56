#include "src/stage3/ffi_transport.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <span>
#include <unistd.h>
#include <utility>

#include "common/app/app_channel.h"
#include "common/app/app_note.h"
#include "common/python/flet_environment.h"
#include "common/python/hosted_app.h"
#include "common/wire/stream_decoder.h"
#include "src/stage3/channel_outlet.h"
#include "src/stage3/dart_bridge_module.h"
#include "src/stage3/delivery.h"
#include "src/stage3/ffi_channel.h"
#include "src/stage3/ffi_sessions.h"
#include "src/stage3/stream_module.h"

namespace fletbridge::stage3 {
namespace {

// Above 2^32, since smaller numbers are the ids of data channels.
constexpr std::int64_t kProtocolPort = std::int64_t{1} << 40;

// Where an app with a stream listens, in place of a socket's path. Nothing can be made below a
// device: an app that the shim does not reach fails at its bind(), and nobody else can listen here.
constexpr const char* kStreamAddress = "/dev/null/fletbridge";
constexpr const char* kStreamVariable = "FLETBRIDGE_STREAM";

class FfiTransport final : public AppHost {
 public:
  FfiTransport(EventLoop& loop, AppSpec spec, std::string libpython, FfiForm form)
      : loop_(loop),
        spec_(std::move(spec)),
        form_(form),
        channel_(loop, spec_.limits, kProtocolPort,
                 form == FfiForm::kStream ? FfiChannel::Form::kStream : FfiChannel::Form::kPackets),
        delivery_(channel_.inbox(), DeliveryHooks()),
        outlet_(channel_, kProtocolPort,
                [this](const Error& why) {
                  loop_.Post([this, why] {
                    if (session_ != nullptr) session_->sink.OnRefused(why);
                  });
                }),
        sessions_(loop, spec_.limits, channel_.inbox(), kProtocolPort, spec_.sessions),
        app_channel_(loop),
        app_(loop, Hosted(std::move(libpython)),
             [this](int signal, bool handled) { sink_->OnSignal(signal, handled); }) {}

  // A stream is one connection.
  Capabilities capabilities() const override {
    return {"3", "ffi", true, form_ == FfiForm::kStream ? 1 : spec_.sessions};
  }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }
  Generation generation() const override { return spec_.generation; }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    delivery_.Open();
    loop_.Post([this] {
      if (has_many()) channel_.OnRoom([this] { sessions_.OnRoom(); });
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

  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override {
    if (has_many()) return sessions_.Open(sink);
    if (session_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
    if (form_ == FfiForm::kBridge) {
      auto session = std::make_unique<Session>(*this, sink);
      session_ = session.get();
      channel_.OpenSession(sink);
      return std::unique_ptr<AppSession>(std::move(session));
    }
    auto session = std::make_unique<StreamSession>(*this, sink);
    session_ = session.get();
    channel_.OpenSession(*session);
    return std::unique_ptr<AppSession>(std::move(session));
  }
  void Leave() override {
    if (finished_ || std::exchange(left_, true)) return;
    app_channel_.Say(HostWord::kClosed);
    channel_.CloseToPython();  // a send that waits for the UI must not delay the end
    channel_.EndStream();
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
  struct Session : AppSession {
    Session(FfiTransport& owner, AppSessionSink& packet_sink) : app(owner), sink(packet_sink) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() override {
      app.session_ = nullptr;
      app.channel_.CloseSession();
    }
    SendResult Send(Packet&& packet) override { return app.channel_.Send(std::move(packet)); }
    std::size_t queued_bytes() const override { return app.channel_.queued_bytes(); }
    void PauseReceiving() override { app.channel_.PauseReceiving(); }
    void ResumeReceiving() override { app.channel_.ResumeReceiving(); }

    void Lose(const Error& why) {
      if (!app.finished_ && !app.left_ && !std::exchange(lost, true)) sink.OnLost(why);
    }

    FfiTransport& app;
    AppSessionSink& sink;
    bool lost = false;
  };

  // The channel carries bytes: packets are framed and read here, as at the end of a socket.
  struct StreamSession final : Session, PacketSink, private FrameHandler {
    StreamSession(FfiTransport& owner, AppSessionSink& packet_sink)
        : Session(owner, packet_sink),
          decoder(owner.spec_.generation, owner.spec_.limits.max_packet) {}

    SendResult Send(Packet&& packet) override {
      FrameHeader header;
      const std::optional<std::size_t> size =
          decoder.codec()->Frame(packet.type, packet.payload.size(), header);
      if (!size) return SendResult::kAccepted;  // there is no place for it
      Prefix prefix;
      static_assert(sizeof prefix.bytes >= sizeof header);
      std::copy_n(header.begin(), *size, prefix.bytes.begin());
      prefix.size = static_cast<std::uint8_t>(*size);
      return app.channel_.SendOnStream(prefix, std::move(packet));
    }

    // Bytes of the stream, none at its end.
    void OnPacket(Packet&& bytes) override {
      std::span<const std::byte> rest = bytes.payload.span();
      if (rest.empty()) {
        Lose(decoder.InFrame()
                 ? MakeError(Errc::kCut, "the connection ended in the middle of a packet")
                 : MakeError(Errc::kPeerGone, "the app closed the connection"));
      }
      while (!rest.empty() && !lost) {
        const std::span<std::byte> room = decoder.Room();
        const std::size_t n = std::min(room.size(), rest.size());
        std::memcpy(room.data(), rest.data(), n);
        rest = rest.subspan(n);
        if (Result<> ok = decoder.Consume(n, *this); !ok) {
          app.channel_.EndStream();
          Lose(ok.error());
        }
      }
    }
    void OnWritable() override { sink.OnWritable(); }
    void OnRefused(const Error& why) override { sink.OnRefused(why); }

    void OnFrame(Packet&& packet) override { sink.OnPacket(std::move(packet)); }
    void OnOversizedFrame(std::size_t payload_bytes) override {
      sink.OnRefused(MakeError(Errc::kLimit, "refused a packet of " +
                                                 std::to_string(payload_bytes) + " bytes, limit " +
                                                 std::to_string(app.spec_.limits.max_packet) +
                                                 "; raise it with --max-packet"));
    }

    StreamDecoder decoder;
  };

  [[nodiscard]] bool has_many() const { return capabilities().sessions > 1; }

  HostedOptions Hosted(std::string libpython) {
    HostedOptions options;
    options.libpython = std::move(libpython);
    options.python = spec_.python;
    options.arguments = spec_.arguments;
    if (form_ == FfiForm::kStream) {
      options.environment = FletOnUnixSocket(kStreamAddress);
      options.environment.emplace_back(kStreamVariable, kStreamAddress);
    } else {
      options.environment = FletOnBridge(kProtocolPort);
    }
    AppChannel::AppEnds ends = app_channel_.TakeAppEnds(false);
    if (const std::string text = ends.Text(); !text.empty()) {
      options.environment.emplace_back(kChannelVariable, text);
      (void)ends.read.release();  // owned by the shim, in this process
      (void)ends.write.release();
    }
    if (UniqueFd note(spec_.note_fd < 0 ? -1 : ::fcntl(spec_.note_fd, F_DUPFD_CLOEXEC, 3)); note)
      options.environment.emplace_back(kNoteVariable, std::to_string(note.release()));
    options.environment.insert(options.environment.end(), spec_.environment.begin(),
                               spec_.environment.end());
    if (has_many()) options.environment.emplace_back(kSessionsVariable, "1");
    if (spec_.host_holds_sigterm) options.environment.emplace_back(kHeldVariable, "1");
    options.modules = form_ == FfiForm::kStream
                          ? StreamModules(channel_, delivery_, outlet_, kProtocolPort)
                          : BridgeModules(channel_.inbox(), delivery_,
                                          has_many() ? static_cast<Outlet&>(sessions_)
                                                     : static_cast<Outlet&>(outlet_));
    return options;
  }

  Delivery::Hooks DeliveryHooks() {
    Delivery::Hooks hooks;
    hooks.fixed_port = kProtocolPort;
    hooks.stream = form_ == FfiForm::kStream;
    hooks.on_set = [this] { loop_.Post([this] { OnListening(); }); };
    hooks.on_gone = [this] {
      loop_.Post([this] {
        const Error why = MakeError(Errc::kPeerGone, "the app closed the connection");
        if (!finished_ && !left_) sessions_.OnGone(why);
        if (session_ != nullptr) session_->Lose(why);
      });
    };
    hooks.on_session = [this](std::uint32_t number) { channel_.SessionBegun(number); };
    return hooks;
  }

  void OnListening() {
    if (finished_ || std::exchange(connected_once_, true)) return;
    sink_->OnListening();
    sink_->OnConnected();
  }

  void Finish(int code) {
    if (finished_) return;
    sessions_.Close();  // delivers the app's last packets first, as
    channel_.Close();
    finished_ = true;
    app_channel_.Close();
    sink_->OnExited(code, {});
  }

  EventLoop& loop_;
  const AppSpec spec_;
  const FfiForm form_;
  AppSink* sink_ = nullptr;  // set in Start()
  FfiChannel channel_;
  Delivery delivery_;
  ChannelOutlet outlet_;
  FfiSessions sessions_;  // in place of the channel's one, if there may be several
  // loop's thread only
  AppChannel app_channel_;
  Session* session_ = nullptr;  // the open one
  bool connected_once_ = false;
  bool left_ = false;
  bool finished_ = false;
  HostedApp app_;
};

}  // namespace

std::unique_ptr<AppHost> MakeFfiTransport(EventLoop& loop, AppSpec spec, std::string libpython,
                                          FfiForm form) {
  return std::make_unique<FfiTransport>(loop, std::move(spec), std::move(libpython), form);
}

}  // namespace fletbridge::stage3
