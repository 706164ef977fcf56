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
#include "common/net/app_connection.h"
#include "src/stage1/parent_watch.h"

namespace fletbridge::stage1 {
namespace {

constexpr std::chrono::seconds kConnectDeadline{10};
// How often a connection is tried after `flet run` has ended the app to restart it. Flet's own
// client tries every 200 ms.
constexpr std::chrono::milliseconds kLookForAppEvery{100};
// How long to wait for further packets of a parent that has been asked to end.
constexpr std::chrono::milliseconds kDrain{200};

class AttachedTransport final : public AppHost {
 public:
  AttachedTransport(EventLoop& loop, AttachedOptions options)
      : loop_(loop),
        options_(std::move(options)),
        parent_(loop),
        look_(loop.io()),
        generation_(options_.generation) {}

  Capabilities capabilities() const override {
    return {"1", options_.address.kind == SocketAddress::Kind::kUnix ? "uds" : "tcp", false};
  }
  Generation generation() const override { return generation_.load(); }
  std::string direct_address() const override {
    return options_.direct ? PageUrl(options_.address) : std::string();
  }
  std::vector<ProcessInfo> processes() const override {
    return {{"host", ::getpid()}, {"app", parent_.pid()}};
  }

  void Start(AppSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      if (finished_) return TellEnd();  // ended before it was started
      if (options_.direct) {
        sink_->OnListening();
      } else if (session_ != nullptr) {
        session_->Connect(kConnectDeadline);
      }
      parent_.Start([this] { EndAfterLastWords(); });
    });
  }
  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }
  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override;

  // All of these only disconnect: the app is our parent, which has received the signals itself.
  void Leave() override { Finish({}); }
  void PassSignal(int, bool) override { Finish({}); }
  void Interrupt() override { Finish({}); }
  void Kill() override { Finish({}); }

 private:
  // A connection to the app. If the app's generation is unknown, it is detected, since an app never
  // sends first: we begin as generation 3, with a data packet for channel 0, which does not exist.
  // Flet of generation 3 drops that packet. Flet of generation 2 cannot parse it and closes the
  // connection before it begins a session; then we connect again, as generation 2, and repeat what
  // was sent, without that packet.
  class Session final : public AppSession, private AppConnectionSink {
   public:
    Session(AttachedTransport& app, AppSessionSink& sink)
        : app_(app),
          sink_(sink),
          most_said_(app.options_.limits.high_water + app.options_.limits.max_packet),
          is_told_(app.generation() != Generation::kUnknown),
          connection_(
              app.loop_, app.options_.limits, app.options_.address,
              [&app](int fd) { return app.Verify(fd); }, static_cast<AppConnectionSink&>(*this),
              is_told_ ? app.generation() : Generation::kG3) {
      if (!is_told_)
        (void)connection_.port().Send(
            Packet{PacketType::kData, Buffer(std::string_view("\0\0\0\0", 4))});
    }
    ~Session() override { app_.OnSessionClosed(); }

    void Connect(std::chrono::milliseconds deadline) { connection_.Connect(deadline); }
    [[nodiscard]] bool connected() const { return connection_.port().connected(); }
    void Close() { connection_.Close(); }
    void Drain(std::function<void()> done) { connection_.Drain(kDrain, std::move(done)); }

    SendResult Send(Packet&& packet) override {
      if (is_told_) return connection_.port().Send(std::move(packet));
      Packet copy{packet.type, Buffer(packet.payload.span())};
      const SendResult result = connection_.port().Send(std::move(packet));
      std::unique_lock lock(mutex_);
      if (result != SendResult::kAccepted || is_told_) return result;
      said_bytes_ += copy.payload.size() + kPacketOverhead;
      said_.push_back(std::move(copy));
      lock.unlock();
      // The app has read more than the queue holds, so it is not of generation 2, which would have
      // closed the connection.
      if (said_bytes_ > most_said_) (void)Told(Generation::kG3);
      return result;
    }
    std::size_t queued_bytes() const override { return connection_.port().queued_bytes(); }
    void PauseReceiving() override { connection_.port().PauseReceiving(); }
    void ResumeReceiving() override { connection_.port().ResumeReceiving(); }

   private:
    void OnPacket(Packet&& packet) override {
      if (!is_told_) (void)Told(Generation::kG3);
      sink_.OnPacket(std::move(packet));
    }
    void OnWritable() override { sink_.OnWritable(); }
    void OnRefused(const Error& why) override { sink_.OnRefused(why); }
    void OnConnected() override { app_.OnConnected(); }
    void OnSessionLost(const Error& why) override {
      if (why.code != Errc::kPeerGone && why.code != Errc::kCut) return app_.Finish(why);
      if (is_told_) return app_.WaitForAnother(sink_, why);
      lost_ = why;
      connection_.port().Disconnect();
      connection_.port().SetGeneration(Generation::kG2);
      for (Packet& packet : Told(Generation::kG2)) (void)connection_.port().Send(std::move(packet));
      connection_.Connect(std::chrono::seconds(0));  // an app that has ended refuses the connection
    }
    void OnConnectFailed(const Error& why) override {
      if (!lost_ && why.code == Errc::kLimit && app_.MayComeBack()) return app_.LookLater();
      app_.Finish(lost_.value_or(why));
    }

    // The generation is known: returns the packets that were sent before.
    std::vector<Packet> Told(Generation generation) {
      Log(LogLevel::kDebug,
          "the app speaks wire generation " + std::to_string(static_cast<int>(generation)));
      const std::lock_guard lock(mutex_);
      is_told_ = true;
      app_.generation_.store(generation);
      return std::exchange(said_, {});
    }

    AttachedTransport& app_;
    AppSessionSink& sink_;
    const std::size_t most_said_;
    std::atomic<bool> is_told_;  // written under mutex_
    std::mutex mutex_;
    std::vector<Packet> said_;  // under mutex_
    std::atomic<std::size_t> said_bytes_{0};
    AppConnection connection_;
    std::optional<Error> lost_;
  };

  Result<> Verify(int fd) const {
    if (options_.address.kind == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, 0);
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }
  // Only after Start(), since before there is no connection.
  void OnConnected() {
    if (std::exchange(connected_once_, true)) return;
    sink_->OnListening();
    sink_->OnConnected();
  }
  void OnSessionClosed() {
    session_ = nullptr;
    look_.cancel();
    if (draining_) Finish({});
  }
  [[nodiscard]] bool MayComeBack() const { return connected_once_; }
  // The app may come back, restarted by `flet run`, as long as our parent lives. If that has ended
  // too, ParentWatch reports it soon.
  void WaitForAnother(AppSessionSink& of_session, const Error& why) {
    look_.expires_after(kLookForAppEvery);
    look_.async_wait([this, &of_session, why](boost::system::error_code error) {
      if (error || finished_) return;
      Log(LogLevel::kDebug, "the app has gone; looking for it at " + options_.address.Text());
      of_session.OnLost(why);
    });
  }
  void LookLater() {
    look_.expires_after(kLookForAppEvery);
    look_.async_wait([this](boost::system::error_code error) {
      if (!error && !finished_ && session_ != nullptr && !session_->connected())
        session_->Connect(std::chrono::seconds(0));
    });
  }
  void EndAfterLastWords() {
    look_.cancel();
    if (session_ == nullptr || !connected_once_) return Finish({});
    draining_ = true;
    session_->Drain([this] { Finish({}); });
  }
  void Finish(const Error& why) {
    if (std::exchange(finished_, true)) return;
    why_ = why;
    parent_.Close();
    look_.cancel();
    if (session_ != nullptr) session_->Close();
    if (sink_ != nullptr) TellEnd();
  }
  void TellEnd() {
    const bool ended = !why_.code || why_.code == Errc::kPeerGone;
    const int code = ended ? 0 : 70;
    sink_->OnExited(code, ended ? Error() : why_);
    exited_.set_value(code);
  }

  EventLoop& loop_;
  const AttachedOptions options_;
  AppSink* sink_ = nullptr;  // loop's thread only; from Start() on
  std::promise<int> exited_;
  ParentWatch parent_;
  boost::asio::steady_timer look_;
  std::atomic<Generation> generation_;
  // loop's thread only
  Session* session_ = nullptr;  // the open one
  bool connected_once_ = false;
  bool draining_ = false;
  bool finished_ = false;
  Error why_;  // valid once finished_
};

Result<std::unique_ptr<AppSession>> AttachedTransport::OpenSession(AppSessionSink& sink) {
  if (session_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
  auto session = std::make_unique<Session>(*this, sink);
  session_ = session.get();
  if (finished_ || options_.direct) {
    session->Close();
  } else if (sink_ != nullptr) {
    session->Connect(std::chrono::seconds(0));
  }
  return std::unique_ptr<AppSession>(std::move(session));
}

}  // namespace

std::unique_ptr<AppHost> MakeAttachedTransport(EventLoop& loop, AttachedOptions options) {
  return std::make_unique<AttachedTransport>(loop, std::move(options));
}

}  // namespace fletbridge::stage1
