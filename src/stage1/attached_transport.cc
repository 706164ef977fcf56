#include "src/stage1/attached_transport.h"

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/app/app_socket.h"
#include "common/base/log.h"
#include "common/net/socket_leg.h"
#include "src/stage1/parent_watch.h"

namespace fletbridge::stage1 {
namespace {

constexpr std::chrono::seconds kConnectDeadline{10};
// `flet run` starts the app anew when its files change, after seconds or hours; a person sees no
// difference to Flet's own client, which looks every 200 ms.
constexpr std::chrono::milliseconds kLookForAppEvery{100};
// What a parent that has been asked to end, and lives, may still say.
constexpr std::chrono::milliseconds kDrain{200};

// Where nothing says which generation the app speaks: it never speaks first, so it is spoken to as
// generation 3, beginning with a data packet for a channel that nobody has: Flet of that generation
// drops it, one of generation 2 finds no message in it and closes the connection before it has
// begun a session. Then the same is said again, without the packet, as generation 2.
class AttachedTransport final : public AppTransport, private SocketLegSink {
 public:
  AttachedTransport(EventLoop& loop, AttachedOptions options)
      : loop_(loop),
        address_(options.address),
        most_said_(options.limits.high_water + options.limits.max_packet),
        parent_(loop),
        look_(loop.io()),
        generation_(options.generation),
        is_told_(options.generation != Generation::kUnknown) {
    if (options.direct) return;
    leg_ = std::make_unique<SocketLeg>(
        loop, options.limits, address_, [this](int fd) { return Verify(fd); },
        static_cast<SocketLegSink&>(*this), is_told_ ? options.generation : Generation::kG3);
    if (!is_told_)
      (void)leg_->port().Send(Packet{PacketType::kData, Buffer(std::string_view("\0\0\0\0", 4))});
  }

  Capabilities capabilities() const override {
    return {"1", address_.kind == SocketAddress::Kind::kUnix ? "uds" : "tcp", false};
  }
  Generation generation() const override { return generation_.load(); }
  std::string direct_address() const override { return leg_ ? std::string() : PageUrl(address_); }
  std::vector<ProcessInfo> processes() const override {
    return {{"host", ::getpid()}, {"app", parent_.pid()}};
  }

  void Start(AppSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      if (finished_) return TellEnd();  // stopped before it was started
      if (leg_) {
        leg_->Connect(kConnectDeadline);
      } else {
        sink_->OnListening();
      }
      parent_.Start([this] { EndAfterLastWords(); });
    });
  }
  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }

  SendResult Send(Packet&& packet) override {
    if (!leg_) return SendResult::kClosed;
    if (is_told_) return leg_->port().Send(std::move(packet));
    Packet copy{packet.type, Buffer(packet.payload.span())};
    const SendResult result = leg_->port().Send(std::move(packet));
    std::unique_lock lock(mutex_);
    if (result != SendResult::kAccepted || is_told_) return result;
    said_bytes_ += copy.payload.size() + kPacketOverhead;
    said_.push_back(std::move(copy));
    lock.unlock();
    // It has taken more than its queue holds: one of generation 2 would have gone at once.
    if (said_bytes_ > most_said_) (void)Told(Generation::kG3);
    return result;
  }
  std::size_t queued_bytes() const override { return leg_ ? leg_->port().queued_bytes() : 0; }
  void PauseReceiving() override {
    if (leg_) leg_->port().PauseReceiving();
  }
  void ResumeReceiving() override {
    if (leg_) leg_->port().ResumeReceiving();
  }
  void NewSession() override {
    if (!leg_) return;
    leg_->MarkNewSession();
    loop_.Post([this] {
      look_.cancel();
      leg_->NewSession(std::chrono::seconds(0));
    });
  }
  // It only leaves: the app is our parent, which has got its signals by itself.
  void Leave() override { Finish({}); }
  void PassSignal(int, bool) override { Finish({}); }
  void Interrupt() override { Finish({}); }
  void Kill() override { Finish({}); }

 private:
  Result<> Verify(int fd) const {
    if (address_.kind == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, 0);
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }
  // Only after Start(): until then there is no connection.
  void OnPacket(Packet&& packet) override {
    if (!is_told_) Told(Generation::kG3);
    sink_->OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnConnected() override {
    if (std::exchange(connected_once_, true)) return;
    sink_->OnListening();
    sink_->OnConnected();
  }
  void OnSessionLost(const Error& why) override {
    if (why.code != Errc::kPeerGone && why.code != Errc::kCut) return Finish(why);
    if (is_told_) return WaitForAnother(why);
    lost_ = why;
    leg_->port().Disconnect();
    leg_->port().SetGeneration(Generation::kG2);
    for (Packet& packet : Told(Generation::kG2)) (void)leg_->port().Send(std::move(packet));
    leg_->Connect(std::chrono::seconds(0));  // an app that has ended does not listen any more
  }
  void OnConnectFailed(const Error& why) override {
    if (connected_once_ && !lost_ && why.code == Errc::kLimit) return LookLater();
    Finish(lost_.value_or(why));
  }
  // The app may come back, as `flet run` has it do, while its starter, our parent, lives. Whether
  // that has ended as well shows within moments.
  void WaitForAnother(const Error& why) {
    look_.expires_after(kLookForAppEvery);
    look_.async_wait([this, why](boost::system::error_code error) {
      if (error || finished_) return;
      Log(LogLevel::kDebug, "the app has gone; looking for it at " + address_.Text());
      LookLater();  // a UI with nobody to send away begins no other session
      sink_->OnSessionLost(why);
    });
  }
  void LookLater() {
    look_.expires_after(kLookForAppEvery);
    look_.async_wait([this](boost::system::error_code error) {
      if (!error && !finished_ && !leg_->port().connected()) leg_->Connect(std::chrono::seconds(0));
    });
  }
  // What was said before the app's generation was known.
  std::vector<Packet> Told(Generation generation) {
    Log(LogLevel::kDebug,
        "the app speaks wire generation " + std::to_string(static_cast<int>(generation)));
    const std::lock_guard lock(mutex_);
    is_told_ = true;
    generation_.store(generation);
    return std::exchange(said_, {});
  }
  void EndAfterLastWords() {
    look_.cancel();
    if (!leg_ || !connected_once_) return Finish({});
    leg_->Drain(kDrain, [this] { Finish({}); });
  }
  void Finish(const Error& why) {
    if (std::exchange(finished_, true)) return;
    why_ = why;
    parent_.Close();
    look_.cancel();
    if (leg_) leg_->Close();
    if (sink_ != nullptr) TellEnd();
  }
  void TellEnd() {
    const bool ended = !why_.code || why_.code == Errc::kPeerGone;
    const int code = ended ? 0 : 70;
    sink_->OnExited(code, ended ? Error() : why_);
    exited_.set_value(code);
  }

  EventLoop& loop_;
  const SocketAddress address_;
  const std::size_t most_said_;
  AppSink* sink_ = nullptr;  // loop's thread only; since Start()
  std::promise<int> exited_;
  ParentWatch parent_;
  boost::asio::steady_timer look_;
  std::atomic<Generation> generation_;
  std::atomic<bool> is_told_;  // written under mutex_
  std::mutex mutex_;
  std::vector<Packet> said_;  // under mutex_
  std::atomic<std::size_t> said_bytes_{0};
  std::unique_ptr<SocketLeg> leg_;  // none in direct mode
  std::optional<Error> lost_;
  bool connected_once_ = false;
  bool finished_ = false;
  Error why_;  // since finished_
};

}  // namespace

std::unique_ptr<AppTransport> MakeAttachedTransport(EventLoop& loop, AttachedOptions options) {
  return std::make_unique<AttachedTransport>(loop, std::move(options));
}

}  // namespace fletbridge::stage1
