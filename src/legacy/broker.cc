#include "src/legacy/broker.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <sys/random.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/same_secret.h"
#include "common/net/web_socket_port.h"
#include "src/legacy/kept_session.h"

namespace fletbridge::legacy {
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// An interpreter takes hundreds of milliseconds to start, a failed connect some microseconds.
constexpr milliseconds kRetryEvery{2};
constexpr milliseconds kRetryLater{50};
constexpr int kQuickRetries = 5000;  // of the app's start, 10 s
// So long something else than the app may answer.
constexpr milliseconds kDoubt{1000};
// UIs that wait for the app, or for another UI to go.
constexpr std::size_t kMostWaiting = 8;
// A UI says at once what it wants; others wait meanwhile.
constexpr milliseconds kHandshake{2000};
// Of what waits in each direction: the two sides have their own.
constexpr std::size_t kHighWater = std::size_t{2} << 20;
constexpr std::size_t kLowWater = std::size_t{512} << 10;
// How long the last packets of the app wait for a UI that does not read.
constexpr milliseconds kLastWords{5000};

FlowLimits OwnLimits(FlowLimits limits) {
  limits.high_water = std::min(limits.high_water, kHighWater);
  limits.low_water = std::min(limits.low_water, kLowWater);
  return limits;
}

bool IsShort(const Error& why) {
  return why.code.category() == boost::system::system_category() &&
         IsShortOfDescriptors(why.code.value());
}

}  // namespace

std::string NewToken() {
  unsigned char bytes[24] = {};
  // Cannot be cut short nor fail for so few bytes once the machine has started.
  (void)!::getrandom(bytes, sizeof bytes, 0);
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

FlowLimits LimitsToApp(FlowLimits limits, Generation generation) {
  limits.max_packet =
      std::min(limits.max_packet, generation == Generation::kG0 ? kMostToFletd : kMostToApp);
  return limits;
}

struct Broker::Impl final : std::enable_shared_from_this<Impl> {
  // One direction: what its receiver could not take yet, while the sender is paused.
  struct Lane {
    std::deque<Packet> waiting;

    void Pass(Packet&& packet, PacketPort& to, PacketPort* from) {
      if (waiting.empty() && Gives(packet, to)) return;
      waiting.push_back(std::move(packet));
      if (waiting.size() == 1 && from != nullptr) from->PauseReceiving();
    }
    void Flush(PacketPort& to, PacketPort* from) {
      if (waiting.empty()) return;
      while (!waiting.empty()) {
        if (!Gives(waiting.front(), to)) return;
        waiting.pop_front();
      }
      if (from != nullptr) from->ResumeReceiving();
    }
    static bool Gives(Packet& packet, PacketPort& to) {
      const std::size_t size = packet.payload.size();
      const SendResult result = to.Send(std::move(packet));
      if (result == SendResult::kTooLarge) {
        Log(LogLevel::kError, "refused a packet of " + std::to_string(size) +
                                  " bytes, which the other side would not take");
      }
      return result != SendResult::kFull;
    }
  };

  // Each connection has its own, so that a late call of an earlier one is known as such.
  struct AppLeg final : WebSocketSink {
    AppLeg(Impl& owner)
        : impl(owner),
          port(owner.loop, OwnLimits(owner.options.limits), *this, owner.options.generation,
               {.last_words = kLastWords}) {}
    void OnOpen() override { impl.OnAppOpen(); }
    void OnPacket(Packet&& packet) override { impl.FromApp(std::move(packet)); }
    void OnWritable() override { impl.to_app.Flush(port, impl.UiPort()); }
    void OnRefused(const Error& why) override {
      Log(LogLevel::kError, "from the app: " + why.Line());
    }
    void OnDisconnected(const Error& why) override { impl.OnAppGone(why); }
    Impl& impl;
    WebSocketPort port;
  };
  struct UiLeg final : WebSocketSink {
    UiLeg(Impl& owner)
        : impl(owner),
          port(owner.loop, OwnLimits(owner.options.limits), *this, owner.options.generation,
               {.handshake = kHandshake, .farewell = kLastWords}) {}
    Result<> OnRequest(const WebSocketRequest& request) override { return impl.Admits(request); }
    void OnOpen() override { impl.OnUiOpen(); }
    void OnPacket(Packet&& packet) override { impl.FromUi(std::move(packet)); }
    void OnWritable() override { impl.to_ui.Flush(port, impl.app ? &impl.app->port : nullptr); }
    void OnRefused(const Error& why) override {
      Log(LogLevel::kError, "from the UI: " + why.Line());
    }
    void OnDisconnected(const Error& why) override { impl.OnUiGone(why); }
    Impl& impl;
    WebSocketPort port;
    bool is_open = false;
    bool has_spoken = false;
    bool rejoins = false;  // its first message is to be answered from what is kept
  };

  Impl(EventLoop& event_loop, BrokerOptions its_options, std::function<void(const Error&)> failed)
      : loop(event_loop),
        options(std::move(its_options)),
        on_failed(std::move(failed)),
        codec(wire::CodecOrNewest(options.generation)),
        kept(codec),
        listener(event_loop.io()),
        retry(event_loop.io()),
        keeping(event_loop.io()),
        again(event_loop.io()) {}

  [[nodiscard]] PacketPort* UiPort() { return ui && ui->is_open ? &ui->port : nullptr; }

  // ---- The app

  void Connect() {
    if (stopped) return;
    Result<UniqueFd> socket = TryConnect(options.app);
    if (!socket) {
      doubted.reset();
      return TryAgain();
    }
    if (Result<> trusted = CheckTcpPeer(socket->get(), options.app_tree); !trusted) {
      if (trusted.error().code == Errc::kPeerGone || IsShort(trusted.error())) return TryAgain();
      return Doubt(trusted.error());
    }
    app = std::make_unique<AppLeg>(*this);
    app->port.Connect(
        std::move(*socket),
        {options.app_target, {{"Host", "127.0.0.1:" + std::to_string(options.app.port)}}});
  }

  void TryAgain() {
    ++tries;
    retry.expires_after(tries < kQuickRetries ? kRetryEvery : kRetryLater);
    retry.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) self->Connect();
    });
  }

  // A server that is ending answers no handshake, and its owner may be gone before it is asked for.
  void Doubt(const Error& why) {
    const auto now = steady_clock::now();
    if (!doubted) doubted = now;
    if (now - *doubted > kDoubt) return Fail(why);
    tries = std::max(tries, kQuickRetries);
    TryAgain();
  }

  void OnAppOpen() {
    doubted.reset();
    app_is_open = true;
    tries = 0;
    to_app.Flush(app->port, nullptr);
    if (ui && to_app.waiting.empty()) ui->port.ResumeReceiving();
    AdmitNext();
  }

  void FromApp(Packet&& packet) {
    PacketPort* const port = UiPort();
    const bool is_there = port != nullptr && !ui->rejoins;
    for (Packet& answer : kept.FromApp(packet, is_there)) ToApp(std::move(answer));
    if (is_there) to_ui.Pass(std::move(packet), *port, &app->port);
  }

  void ToApp(Packet&& packet) {
    if (packet.payload.size() > kMostToApp) {
      Log(LogLevel::kError, "refused a packet of " + std::to_string(packet.payload.size()) +
                                " bytes to the app, whose web server takes " +
                                std::to_string(kMostToApp));
      return;
    }
    if (app_is_open) return to_app.Pass(std::move(packet), app->port, UiPort());
    to_app.waiting.push_back(std::move(packet));  // of the UI that waits for the next session
  }

  // Its session is over; perhaps the app is about to end, else the next UI gets a new one.
  void OnAppGone(const Error& why) {
    const bool was_open = std::exchange(app_is_open, false);
    app.reset();
    if (!was_open && why.code == Errc::kUntrusted) {
      return Doubt(MakeError(Errc::kSetup, "the app's web server has no WebSocket at " +
                                               options.app_target + ": " + why.Line()));
    }
    if (!was_open) return TryAgain();
    Log(LogLevel::kDebug, "the app has ended the session: " + why.Line());
    Forget();
    if (ui && ui->has_spoken) {
      ui->port.Disconnect(WebSocketClose::kGoingAway);
      ui.reset();
    } else if (ui) {  // the next session is its own
      ui->rejoins = false;
      ui->port.PauseReceiving();
    }
    TryAgain();
  }

  void Forget() {
    kept = KeptSession(codec);
    to_app.waiting.clear();
    to_ui.waiting.clear();
    keeping.cancel();
    is_kept = false;
  }

  // ---- The UI

  void Accept() {
    listener.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](boost::system::error_code error) {
                          if (error || self->stopped) return;
                          UniqueFd fd(::accept4(self->listener.native_handle(), nullptr, nullptr,
                                                SOCK_CLOEXEC | SOCK_NONBLOCK));
                          if (!fd && IsShortOfDescriptors(errno)) return self->AcceptLater();
                          if (fd) self->Take(std::move(fd));
                          self->Accept();
                        });
  }

  // The client stays in the backlog, so accepting at once would only fail again.
  void AcceptLater() {
    again.expires_after(milliseconds(100));
    again.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) self->Accept();
    });
  }

  void Take(UniqueFd fd) {
    if (Result<> trusted = CheckTcpClient(fd.get()); !trusted) {
      Log(LogLevel::kWarning, "the broker refused a connection: " + trusted.error().Line());
      return;
    }
    if (waiting.size() >= kMostWaiting) {
      Log(LogLevel::kWarning,
          "the broker refused a UI: " + std::to_string(kMostWaiting) + " wait for it already");
      return;
    }
    waiting.push_back(std::move(fd));
    AdmitNext();
  }

  void AdmitNext() {
    if (!app_is_open || ui || waiting.empty()) return;
    UniqueFd fd = std::move(waiting.front());
    waiting.pop_front();
    ui = std::make_unique<UiLeg>(*this);
    ui->port.Accept(std::move(fd));
  }

  Result<> Admits(const WebSocketRequest& request) {
    const std::string own = "127.0.0.1:" + std::to_string(options.at.port);
    const std::string_view origin = request.Header("Origin");
    // A web page names its origin, and a page of anybody's may be open in this user's browser.
    if (!origin.empty() && origin != "http://" + own)
      return Refused("a web page of another origin");
    // A name that somebody else's server of names has led here.
    const std::string_view host = request.Header("Host");
    if (host != own && host != "localhost:" + std::to_string(options.at.port))
      return Refused("a client that takes this address for another host");
    if (!IsSameSecret(request.target, "/" + options.token + "/ws"))
      return Refused("a client without the token");
    return {};
  }

  static Error Refused(const std::string& whom) {
    Log(LogLevel::kWarning, "the broker refused " + whom);
    return MakeError(Errc::kUntrusted, "refused: " + whom);
  }

  void OnUiOpen() {
    ui->is_open = true;
    ui->rejoins = std::exchange(is_kept, false);
    keeping.cancel();
    if (!to_app.waiting.empty()) ui->port.PauseReceiving();
  }

  void FromUi(Packet&& packet) {
    ui->has_spoken = true;
    if (!ui->rejoins) {
      kept.FromUi(packet);
      return ToApp(std::move(packet));
    }
    std::optional<KeptSession::Return> back = kept.Rejoin(packet);
    if (!back) return;  // of an old session; the UI has not registered yet
    ui->rejoins = false;
    Log(LogLevel::kDebug, "the UI is back, and finds its session as it was");
    for (Packet& to : back->to_app) ToApp(std::move(to));
    for (Packet& to : back->to_ui) to_ui.Pass(std::move(to), ui->port, &app->port);
  }

  void OnUiGone(const Error& why) {
    const bool was_open = ui->is_open;
    ui.reset();
    if (!was_open) return AdmitNext();
    Log(LogLevel::kDebug, "the UI has gone: " + why.Line());
    if (!app_is_open) return Forget();  // the session that begins is the next UI's
    if (!to_ui.waiting.empty()) {       // the tree has it
      to_ui.waiting.clear();
      app->port.ResumeReceiving();
    }
    if (!kept.keepable()) return RenewApp();
    is_kept = true;
    for (Packet& packet : kept.UiGone()) ToApp(std::move(packet));
    keeping.expires_after(options.keep);
    keeping.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled && self->is_kept) self->RenewApp();
    });
    AdmitNext();
  }

  // The next UI gets a new session.
  void RenewApp() {
    app.reset();
    app_is_open = false;
    Forget();
    Connect();
  }

  void Fail(const Error& why) {
    Stop();
    if (on_failed) std::exchange(on_failed, nullptr)(why);
  }

  void Stop() {
    stopped = true;
    boost::system::error_code ignored;
    listener.close(ignored);
    retry.cancel();
    keeping.cancel();
    again.cancel();
    waiting.clear();
    ui.reset();
    app.reset();
  }

  EventLoop& loop;
  BrokerOptions options;
  std::function<void(const Error&)> on_failed;
  const wire::Codec& codec;
  KeptSession kept;
  Lane to_app, to_ui;
  asio::posix::stream_descriptor listener;
  asio::steady_timer retry;    // the next attempt to reach the app
  asio::steady_timer keeping;  // without a UI
  asio::steady_timer again;    // until the next accept, without free descriptors
  std::unique_ptr<AppLeg> app;
  std::unique_ptr<UiLeg> ui;
  std::deque<UniqueFd> waiting;
  std::optional<steady_clock::time_point> doubted;  // since when it is not the app that answers
  int tries = 0;
  bool app_is_open = false;
  bool is_kept = false;  // no UI is there, and the session waits for one
  bool stopped = false;
};

Broker::Broker(EventLoop& loop, BrokerOptions options,
               std::function<void(const Error& why)> on_failed)
    : impl_(std::make_shared<Impl>(loop, std::move(options), std::move(on_failed))) {}

Broker::~Broker() { impl_->Stop(); }

void Broker::Start() {
  impl_->listener.assign(impl_->options.listener.release());
  impl_->Accept();
  impl_->Connect();
}

}  // namespace fletbridge::legacy
