#include "common/net/client_leg.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/net/listen.h"
#include "common/net/stream_port.h"
#include "common/wire/peek.h"
#include "common/wire/translator.h"

namespace fletbridge {
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

class ClientLeg::Impl final : private StreamSink {
 public:
  Impl(EventLoop& loop, const FlowLimits& limits, SocketAddress address, Generation app,
       ClientLegSink& sink, Generation client, std::chrono::milliseconds registration)
      : loop_(loop),
        app_(app),
        client_(client),
        registration_(registration),
        sink_(sink),
        address_(std::move(address)),
        port_(loop, limits, *this, client),
        listener_(loop.io()),
        patience_(loop.io()),
        until_registered_(loop.io()) {}
  ~Impl() override { RemoveFile(); }

  Result<> Listen() {
    Result<UniqueFd> fd = fletbridge::Listen(address_);
    if (!fd) return fd.error();
    is_bound_ = address_.kind == SocketAddress::Kind::kUnix;
    listener_.assign(fd->release());
    Accept();
    return {};
  }

  bool DisconnectClient() {
    if (!has_client_.exchange(false)) return false;
    until_registered_.cancel();
    port_.Disconnect();
    return true;
  }

  void Close() {
    if (closed_.exchange(true)) return;
    boost::system::error_code ignored;
    listener_.close(ignored);
    patience_.cancel();
    until_registered_.cancel();
    has_client_.store(false);
    port_.Close();
    port_.Disconnect();
    RemoveFile();
  }

  SendResult Send(Packet&& packet) {
    if (closed_.load()) return SendResult::kClosed;
    if (!has_client_.load() && had_client_.load()) return SendResult::kAccepted;
    if (translates_.load()) {
      const Result<bool> passes = Translate(packet);
      if (!passes) loop_.Post([this, why = passes.error()] { sink_.OnRefused(why); });
      if (!passes || !*passes) return SendResult::kAccepted;
    }
    return port_.Send(std::move(packet));
  }

  const SocketAddress& address() const { return address_; }
  Generation client_generation() const { return spoken_.load(); }
  bool has_client() const { return has_client_.load(); }
  StreamPort& port() { return port_; }

 private:
  void Accept() {
    listener_.async_wait(
        asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
          if (error || closed_) return;
          UniqueFd fd(
              ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
          const int error_number = errno;
          if (!fd && IsWant(error_number)) {
            AcceptLater(error_number);
            return;
          }
          if (fd) {
            wants_ = false;
            Admit(std::move(fd));
          }
          if (!closed_) Accept();
        });
  }

  // A timer's handler may be on its way when this object ends.
  std::weak_ptr<void> Life() const { return life_; }

  static bool IsWant(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
  }

  // Who knocks stays in the queue and would wake us again at once.
  void AcceptLater(int error) {
    if (!std::exchange(wants_, true)) {
      Log(LogLevel::kWarning, "cannot take a client at " + address_.Text() + ": " +
                                  std::strerror(error) + "; trying again until it goes");
    }
    patience_.expires_after(kPatience);
    patience_.async_wait([this, life = Life()](boost::system::error_code cancelled) {
      if (!cancelled && !life.expired() && !closed_) Accept();
    });
  }

  void Admit(UniqueFd fd) {
    if (Result<> trusted = Trust(fd.get()); !trusted) {
      Log(LogLevel::kWarning,
          "refused a client at " + address_.Text() + ": " + trusted.error().Line());
      return;
    }
    if (port_.connected()) {
      Log(LogLevel::kWarning,
          "refused a second client at " + address_.Text() + ": one is connected");
      return;
    }
    translates_.store(false);
    has_client_.store(true);
    had_client_.store(true);
    is_registered_ = false;
    AwaitRegistration();
    sink_.OnConnected();
    if (client_ != Generation::kUnknown) OnGeneration(client_);
    if (!closed_) port_.Connect(std::move(fd));
  }

  void AwaitRegistration() {
    until_registered_.expires_after(registration_);
    until_registered_.async_wait([this, life = Life()](boost::system::error_code cancelled) {
      if (cancelled || life.expired() || closed_ || is_registered_ || !has_client_.load()) return;
      OnDisconnected(MakeError(Errc::kPeerMisbehaved,
                               "the client did not register within " +
                                   std::to_string(registration_ / std::chrono::seconds(1)) + " s"));
    });
  }

  Result<> Trust(int fd) const {
    if (address_.kind == SocketAddress::Kind::kTcp) return CheckTcpClient(fd);
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  void OnGeneration(Generation client) override {
    spoken_.store(client);
    {
      const std::lock_guard lock(mutex_);
      translator_.emplace(app_, client,
                          [](const std::string& line) { Log(LogLevel::kWarning, line); });
      translates_.store(translator_->active());
    }
    if (translates_.load()) {
      Log(LogLevel::kInfo, std::string("the client speaks as ") + FletOf(client) + ", the app as " +
                               FletOf(app_) + ": translating");
    }
    sink_.OnGeneration(client);
  }

  Result<bool> Translate(const Packet& packet) {
    const std::lock_guard lock(mutex_);
    return translator_->ToClient(packet);
  }

  // From the client.
  void OnPacket(Packet&& packet) override {
    if (!is_registered_ && PeekAction(packet) == Action::kRegisterClient) {
      is_registered_ = true;
      until_registered_.cancel();
    }
    if (translates_.load()) {
      std::unique_lock lock(mutex_);
      const Result<bool> passes = translator_->ToApp(packet);
      lock.unlock();
      if (!passes) OnDisconnected(passes.error());
      if (!passes || !*passes) return;
    }
    sink_.OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_.OnWritable(); }
  void OnRefused(const Error& why) override { sink_.OnRefused(why); }
  void OnDisconnected(const Error& why) override {
    has_client_.store(false);
    until_registered_.cancel();
    port_.Disconnect();
    if (!closed_) sink_.OnDisconnected(why);
  }

  void RemoveFile() {
    if (std::exchange(is_bound_, false)) ::unlink(address_.path.c_str());
  }

  // set in constructor
  EventLoop& loop_;
  const Generation app_;
  const Generation client_;
  const std::chrono::milliseconds registration_;
  ClientLegSink& sink_;
  // any thread
  std::atomic<bool> has_client_{false};
  std::atomic<bool> had_client_{false};
  std::atomic<bool> closed_{false};
  std::atomic<bool> translates_{false};
  std::atomic<Generation> spoken_{Generation::kUnknown};
  // under mutex_
  std::mutex mutex_;
  std::optional<Translator> translator_;  // of the client that is here
  // loop's thread only
  SocketAddress address_;
  StreamPort port_;
  asio::posix::stream_descriptor listener_;
  asio::steady_timer patience_;          // until descriptors can be had again
  asio::steady_timer until_registered_;  // of the client that is here
  bool wants_ = false;                   // descriptors, and has said so
  bool is_registered_ = false;
  bool is_bound_ = false;
  const std::shared_ptr<void> life_ = std::make_shared<char>();
};

ClientLeg::ClientLeg(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
                     Generation app, ClientLegSink& sink, Generation client,
                     std::chrono::milliseconds registration)
    : impl_(std::make_unique<Impl>(loop, limits, std::move(address), app, sink, client,
                                   registration)) {}

ClientLeg::~ClientLeg() = default;

Result<> ClientLeg::Listen() { return impl_->Listen(); }
bool ClientLeg::DisconnectClient() { return impl_->DisconnectClient(); }
void ClientLeg::Close() { impl_->Close(); }
const SocketAddress& ClientLeg::address() const { return impl_->address(); }
bool ClientLeg::has_client() const { return impl_->has_client(); }
Generation ClientLeg::client_generation() const { return impl_->client_generation(); }
SendResult ClientLeg::Send(Packet&& packet) { return impl_->Send(std::move(packet)); }
std::size_t ClientLeg::queued_bytes() const { return impl_->port().queued_bytes(); }
void ClientLeg::PauseReceiving() { impl_->port().PauseReceiving(); }
void ClientLeg::ResumeReceiving() { impl_->port().ResumeReceiving(); }

}  // namespace fletbridge
