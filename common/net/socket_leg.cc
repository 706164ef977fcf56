#include "common/net/socket_leg.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace fletbridge {
using std::chrono::steady_clock;

namespace {

// A started interpreter needs hundreds of milliseconds, a failed connect some microseconds.
constexpr std::chrono::milliseconds kRetryEvery{2};
// A process that the app left behind could speak for ever.
constexpr std::chrono::seconds kLongestDrain{5};

}  // namespace

// Shared with the timer's handler, which may run after the leg has gone.
struct SocketLeg::Retry {
  explicit Retry(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
  steady_clock::time_point until;
  bool closed = false;
};

SocketLeg::SocketLeg(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
                     std::function<Result<>(int)> verify, SocketLegSink& sink,
                     Generation generation)
    : address_(std::move(address)),
      verify_(std::move(verify)),
      sink_(sink),
      port_(loop, limits, *this, generation),
      retry_(std::make_shared<Retry>(loop.io())) {}

SocketLeg::~SocketLeg() { retry_->closed = true; }

void SocketLeg::Connect(std::chrono::milliseconds deadline) {
  retry_->until = steady_clock::now() + deadline;
  Try();
}

void SocketLeg::NewSession(std::chrono::milliseconds deadline) {
  if (retry_->closed) return;
  port_.DisconnectForNewSession();
  Connect(deadline);
}

void SocketLeg::Drain(std::chrono::milliseconds quiet, std::function<void()> done) {
  retry_->timer.cancel();
  if (!port_.connected()) {
    Close();
    done();
    return;
  }
  port_.ResumeReceiving();
  drained_ = std::move(done);
  retry_->until = steady_clock::now() + kLongestDrain;
  AwaitDrained(quiet);
}

void SocketLeg::AwaitDrained(std::chrono::milliseconds quiet) {
  retry_->timer.expires_after(quiet);
  retry_->timer.async_wait([this, quiet, retry = retry_](boost::system::error_code error) {
    if (error || retry->closed) return;
    // On a busy machine the timer may come before what the kernel has for us.
    if (port_.unread_bytes() != 0 && steady_clock::now() < retry->until) {
      AwaitDrained(quiet);
    } else {
      OnDisconnected({});
    }
  });
}

void SocketLeg::OnDisconnected(const Error& why) {
  if (!drained_) {
    sink_.OnSessionLost(why);
    return;
  }
  Close();
  std::exchange(drained_, nullptr)();
}

void SocketLeg::Close() {
  retry_->closed = true;
  retry_->timer.cancel();
  port_.Close();
  port_.Disconnect();
}

void SocketLeg::Try() {
  if (retry_->closed) return;
  Result<UniqueFd> fd = TryConnect(address_);
  if (fd) {
    if (Result<> trusted = verify_(fd->get()); !trusted) {
      sink_.OnConnectFailed(trusted.error());
      return;
    }
    // Told first, so that no packet comes before it.
    sink_.OnConnected();
    if (!retry_->closed) port_.Connect(std::move(*fd));
    return;
  }
  if (steady_clock::now() >= retry_->until) {
    sink_.OnConnectFailed(MakeError(Errc::kLimit, "the app did not listen at " + address_.Text() +
                                                      " in time (" + fd.error().code.message() +
                                                      "); does it call ft.run(main)?"));
    return;
  }
  retry_->timer.expires_after(kRetryEvery);
  retry_->timer.async_wait([this, retry = retry_](boost::system::error_code error) {
    if (!error && !retry->closed) Try();
  });
}

}  // namespace fletbridge
