#include "common/net/client_listener.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/net/listen.h"
#include "common/net/stream_port.h"
#include "common/wire/codec.h"

namespace fletbridge {
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kPatience{100};

bool IsWant(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

class ClientListener::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoop& loop, const FlowLimits& limits, SocketAddress address, OnClient on_client,
       Generation client, std::chrono::milliseconds registration)
      : loop_(loop),
        limits_(limits),
        client_(client),
        registration_(registration),
        on_client_(std::move(on_client)),
        address_(std::move(address)),
        listener_(loop.io()),
        patience_(loop.io()) {}

  Result<> Listen() {
    Result<UniqueFd> fd = fletbridge::Listen(address_);
    if (!fd) return fd.error();
    is_bound_ = address_.kind == SocketAddress::Kind::kUnix;
    listener_.assign(fd->release());
    Accept();
    return {};
  }
  void Close();
  const SocketAddress& address() const { return address_; }

 private:
  class Session;

  void Accept() {
    listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this, self = shared_from_this()](boost::system::error_code error) {
                           if (error || closed_) return;
                           UniqueFd fd(::accept4(listener_.native_handle(), nullptr, nullptr,
                                                 SOCK_CLOEXEC | SOCK_NONBLOCK));
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

  // The client stays in the backlog, so accepting at once would only fail again.
  void AcceptLater(int error) {
    if (!std::exchange(wants_, true)) {
      Log(LogLevel::kWarning, "cannot take a client at " + address_.Text() + ": " +
                                  std::strerror(error) + "; trying again until it goes");
    }
    patience_.expires_after(kPatience);
    patience_.async_wait([this, self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled && !closed_) Accept();
    });
  }

  void Admit(UniqueFd fd);

  Result<> Trust(int fd) const {
    if (address_.kind == SocketAddress::Kind::kTcp) return CheckTcpClient(fd);
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  EventLoop& loop_;
  const FlowLimits limits_;
  const Generation client_;
  const std::chrono::milliseconds registration_;
  const OnClient on_client_;
  SocketAddress address_;
  asio::posix::stream_descriptor listener_;
  asio::steady_timer patience_;  // until the next attempt, without free descriptors
  Session* session_ = nullptr;   // the newest, until it is destroyed
  bool wants_ = false;           // no descriptor is free, and that has been logged
  bool is_bound_ = false;
  bool closed_ = false;
};

class ClientListener::Impl::Session final : public ClientSession, private StreamSink {
 public:
  Session(std::shared_ptr<Impl> listener, UniqueFd socket)
      : listener_(std::move(listener)),
        socket_(std::move(socket)),
        generation_(listener_->client_),
        port_(listener_->loop_, listener_->limits_, *this, listener_->client_),
        until_registered_(listener_->loop_.io()) {}
  ~Session() override {
    if (listener_->session_ == this) listener_->session_ = nullptr;
  }

  void Start(ClientSessionSink& sink) override {
    sink_ = &sink;
    AwaitRegistration();
    port_.Connect(std::move(socket_));
  }
  Generation generation() const override { return generation_.load(); }

  SendResult Send(Packet&& packet) override { return port_.Send(std::move(packet)); }
  std::size_t queued_bytes() const override { return port_.queued_bytes(); }
  void PauseReceiving() override { port_.PauseReceiving(); }
  void ResumeReceiving() override { port_.ResumeReceiving(); }

  // Not started yet, or connected.
  bool is_here() const { return bool(socket_) || port_.connected(); }
  void HangUp() {
    until_registered_.cancel();
    socket_.reset();
    port_.Close();
    port_.Disconnect();
  }

 private:
  void AwaitRegistration() {
    until_registered_.expires_after(listener_->registration_);
    // The handler may already be queued when this object is destroyed.
    until_registered_.async_wait(
        [this, life = std::weak_ptr<void>(life_)](boost::system::error_code cancelled) {
          if (cancelled || life.expired() || is_registered_ || !port_.connected()) return;
          OnDisconnected(MakeError(
              Errc::kPeerMisbehaved,
              "the client did not register within " +
                  std::to_string(listener_->registration_ / std::chrono::seconds(1)) + " s"));
        });
  }
  void OnGeneration(Generation client) override { generation_.store(client); }
  void OnPacket(Packet&& packet) override {
    if (!is_registered_ &&
        wire::CodecOrNewest(generation_.load()).Peek(packet) == Action::kRegisterClient) {
      is_registered_ = true;
      until_registered_.cancel();
    }
    sink_->OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnDisconnected(const Error& why) override {
    HangUp();
    sink_->OnGone(why);
  }

  const std::shared_ptr<Impl> listener_;
  UniqueFd socket_;  // until Start()
  ClientSessionSink* sink_ = nullptr;
  std::atomic<Generation> generation_;  // any thread
  StreamPort port_;
  asio::steady_timer until_registered_;
  bool is_registered_ = false;
  const std::shared_ptr<void> life_ = std::make_shared<char>();
};

void ClientListener::Impl::Admit(UniqueFd fd) {
  if (Result<> trusted = Trust(fd.get()); !trusted) {
    Log(LogLevel::kWarning,
        "refused a client at " + address_.Text() + ": " + trusted.error().Line());
    return;
  }
  if (session_ != nullptr && session_->is_here()) {
    Log(LogLevel::kWarning, "refused a second client at " + address_.Text() + ": one is connected");
    return;
  }
  auto session = std::make_unique<Session>(shared_from_this(), std::move(fd));
  session_ = session.get();
  on_client_(std::move(session));
}

void ClientListener::Impl::Close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  listener_.close(ignored);
  patience_.cancel();
  if (session_ != nullptr) session_->HangUp();
  if (std::exchange(is_bound_, false)) ::unlink(address_.path.c_str());
}

ClientListener::ClientListener(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
                               OnClient on_client, Generation client,
                               std::chrono::milliseconds registration)
    : impl_(std::make_shared<Impl>(loop, limits, std::move(address), std::move(on_client), client,
                                   registration)) {}

ClientListener::~ClientListener() { impl_->Close(); }

Result<> ClientListener::Listen() { return impl_->Listen(); }
void ClientListener::Close() { impl_->Close(); }
const SocketAddress& ClientListener::address() const { return impl_->address(); }

}  // namespace fletbridge
