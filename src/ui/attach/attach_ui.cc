#include "src/ui/attach/attach_ui.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/log.h"
#include "common/net/stream_port.h"
#include "common/wire/peek.h"

namespace fletbridge::attach {
namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

Error Refuse(const std::string& address, const std::string& why) {
  return MakeError(Errc::kSetup,
                   "cannot listen at " + address + ": " + why + "; choose another address");
}

Result<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.data(), path.size());
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return Refuse("unix:" + path, "a file of that name is there");
    SocketAddress address;
    address.path = path;
    const Result<UniqueFd> other = TryConnect(address);
    if (other) return Refuse("unix:" + path, "another program listens there");
    if (other.error().code != boost::system::errc::connection_refused) {
      return Refuse("unix:" + path,
                    other.error().code.message());  // such as: it is busy, or not ours
    }
    ::unlink(path.c_str());  // left by one that was killed
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t before = ::umask(0177);
  const bool bound = fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  const int error = errno;
  ::umask(before);
  if (!bound || ::listen(fd.get(), 8) != 0)
    return Refuse("unix:" + path, std::strerror(bound ? errno : error));
  return fd;
}

Result<UniqueFd> ListenTcp(SocketAddress& address) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  v6.sin6_addr = in6addr_loopback;
  const bool is_v6 = address.host == "::1" || address.host == "[::1]";
  auto* at = is_v6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t size = is_v6 ? sizeof v6 : sizeof v4;
  UniqueFd fd(::socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!fd || ::bind(fd.get(), at, size) != 0 || ::listen(fd.get(), 8) != 0) {
    return Refuse(address.Text(), std::strerror(errno));
  }
  ::getsockname(fd.get(), at, &size);
  address.port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
  return fd;
}

class AttachUi final : public UiEndpoint, private StreamSink {
 public:
  AttachUi(EventLoop& loop, const FlowLimits& limits, SocketAddress address)
      : loop_(loop),
        address_(std::move(address)),
        port_(loop, limits, *this),
        listener_(loop.io()) {}

  ~AttachUi() override {
    if (is_bound_) ::unlink(address_.path.c_str());
  }

  std::string name() const override { return "attach"; }

  void Start(UiSink& sink) override {
    sink_ = &sink;
    loop_.Post([this] { Listen(); });
  }

  SendResult Send(Packet&& packet) override {
    // Nobody is here: it belongs to a session that has ended.
    if (!has_client_.load()) return SendResult::kAccepted;
    const Action action = PeekAction(packet);
    const SendResult result = port_.Send(std::move(packet));
    if (result == SendResult::kAccepted) Observe(action);
    return result;
  }
  std::size_t queued_bytes() const override { return port_.queued_bytes(); }
  void PauseReceiving() override { port_.PauseReceiving(); }
  void ResumeReceiving() override { port_.ResumeReceiving(); }

  bool EndSession(const Error& why) override {
    loop_.Post([this, why] {
      if (port_.connected()) OnDisconnected(why);
    });
    return true;
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (std::exchange(closed_, true)) return;
      boost::system::error_code ignored;
      listener_.close(ignored);
      port_.Close();
      port_.Disconnect();
      if (std::exchange(is_bound_, false)) ::unlink(address_.path.c_str());
      sink_->OnUiEvent({UiState::kClosed, why, 0});
    });
  }

  LatencySamples latencies() const override { return latencies_; }

 private:
  void Listen() {
    const bool is_unix = address_.kind == SocketAddress::Kind::kUnix;
    Result<UniqueFd> fd = is_unix ? ListenUnix(address_.path) : ListenTcp(address_);
    if (!fd) {
      closed_ = true;
      sink_->OnUiEvent({UiState::kClosed, fd.error(), 70});
      return;
    }
    is_bound_ = is_unix;
    listener_.assign(fd->release());
    Log(LogLevel::kInfo, "waiting for a Flet client at " + address_.Text());
    sink_->OnUiEvent({UiState::kReady, {}, 0});
    Accept();
  }

  void Accept() {
    listener_.async_wait(
        asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
          if (error || closed_) return;
          UniqueFd fd(
              ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
          if (fd) Admit(std::move(fd));
          if (!closed_) Accept();
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
    registered_ = false;
    first_frame_ = false;
    waits_for_answer_.reset();
    has_client_.store(true);
    sink_->OnUiEvent({UiState::kConnected, {}, 0});
    port_.Connect(std::move(fd));
  }

  Result<> Trust(int fd) const {
    if (address_.kind == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, 0);
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  // To the client; any thread, though in practice the loop's.
  void Observe(Action action) {
    if (action != Action::kRegisterClient && action != Action::kPatchControl) return;
    if (!loop_.InLoop()) {
      loop_.Post([this, action] { Observe(action); });
    } else if (action == Action::kRegisterClient) {
      if (!std::exchange(registered_, true)) loop_.Post([this] { Tell(UiState::kRegistered); });
    } else {
      if (!std::exchange(first_frame_, true)) loop_.Post([this] { Tell(UiState::kFirstFrame); });
      if (waits_for_answer_) {
        latencies_.push_back(
            static_cast<std::uint64_t>((Clock::now() - *waits_for_answer_).count()));
        waits_for_answer_.reset();
      }
    }
  }
  void Tell(UiState state) {
    if (!closed_) sink_->OnUiEvent({state, {}, 0});
  }

  // From the client.
  void OnPacket(Packet&& packet) override {
    if (PeekAction(packet) == Action::kControlEvent && !waits_for_answer_)
      waits_for_answer_ = Clock::now();
    sink_->OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnDisconnected(const Error& why) override {
    has_client_.store(false);
    port_.Disconnect();
    if (!closed_) sink_->OnUiEvent({UiState::kDisconnected, why, 0});
  }

  EventLoop& loop_;
  SocketAddress address_;
  UiSink* sink_ = nullptr;  // set in Start()
  std::atomic<bool> has_client_{false};
  // loop's thread only
  StreamPort port_;
  asio::posix::stream_descriptor listener_;
  LatencySamples latencies_;
  std::optional<Clock::time_point> waits_for_answer_;
  bool registered_ = false;
  bool first_frame_ = false;
  bool is_bound_ = false;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<UiEndpoint> MakeAttachUi(EventLoop& loop, const FlowLimits& limits,
                                         SocketAddress address) {
  return std::make_unique<AttachUi>(loop, limits, std::move(address));
}

}  // namespace fletbridge::attach
