#include "common/net/app_connection.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/cause.h"

namespace fletbridge {
using std::chrono::steady_clock;

namespace {

// An interpreter takes hundreds of milliseconds to start, a failed connect some microseconds.
constexpr std::chrono::milliseconds kRetryEvery{2};
// After kPeerGone from `verify`.
constexpr std::chrono::milliseconds kRetryGone{50};
// How long the app's last packets wait for a UI that accepts nothing.
constexpr std::chrono::milliseconds kLastWords{5000};
// A process that the app has left behind could send without end.
constexpr std::chrono::seconds kLongestDrain{5};

}  // namespace

// Shared with handlers, which may run after the AppConnection's destruction.
struct AppConnection::Retry {
  explicit Retry(boost::asio::io_context& io) : timer(io), attempt(io) {}
  void Stop() {
    boost::system::error_code ignored;
    timer.cancel();
    attempt.close(ignored);
  }
  boost::asio::steady_timer timer;
  boost::asio::posix::stream_descriptor attempt;  // a pending connection
  steady_clock::time_point until;
  bool closed = false;
};

AppConnection::AppConnection(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
                             std::function<Result<>(int)> verify, AppConnectionSink& sink,
                             Generation generation)
    : address_(std::move(address)),
      verify_(std::move(verify)),
      sink_(sink),
      port_(loop, limits, *this, generation, kLastWords),
      retry_(std::make_shared<Retry>(loop.io())) {}

AppConnection::~AppConnection() {
  retry_->closed = true;
  retry_->Stop();
}

void AppConnection::Connect(std::chrono::milliseconds deadline) {
  retry_->until = steady_clock::now() + deadline;
  Try();
}

void AppConnection::Drain(std::chrono::milliseconds quiet, std::function<void()> done) {
  retry_->Stop();
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

void AppConnection::AwaitDrained(std::chrono::milliseconds quiet) {
  retry_->timer.expires_after(quiet);
  retry_->timer.async_wait([this, quiet, retry = retry_](boost::system::error_code error) {
    if (error || retry->closed) return;
    // On a busy machine the timer may expire before data that has arrived is read.
    if (port_.unread_bytes() != 0 && steady_clock::now() < retry->until) {
      AwaitDrained(quiet);
    } else {
      OnDisconnected({});
    }
  });
}

void AppConnection::OnDisconnected(const Error& why) {
  if (!drained_) {
    sink_.OnSessionLost(why);
    return;
  }
  Close();
  std::exchange(drained_, nullptr)();
}

void AppConnection::Close() {
  retry_->closed = true;
  retry_->Stop();
  port_.Close();
  port_.Disconnect();
}

void AppConnection::Try() {
  if (retry_->closed) return;
  retry_->Stop();
  Result<Connecting> begun = BeginConnect(address_);
  if (!begun) {
    TryAgain(begun.error(), kRetryEvery);
  } else if (begun->pending) {
    retry_->attempt.assign(begun->socket.release());
    Await();
  } else {
    Begin(std::move(begun->socket));
  }
}

// The listener's backlog is full; the kernel keeps trying to connect.
void AppConnection::Await() {
  retry_->timer.expires_at(retry_->until);
  retry_->timer.async_wait([this, retry = retry_](boost::system::error_code error) {
    if (!error && !retry->closed)
      TryAgain({boost::system::errc::make_error_code(boost::system::errc::timed_out), {}}, {});
  });
  retry_->attempt.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                             [this, retry = retry_](boost::system::error_code error) {
                               if (error || retry->closed || !retry->attempt.is_open()) return;
                               retry->timer.cancel();
                               UniqueFd socket(retry->attempt.release());
                               if (Result<> connected = FinishConnect(socket.get()); connected) {
                                 Begin(std::move(socket));
                               } else {
                                 TryAgain(connected.error(), kRetryEvery);
                               }
                             });
}

void AppConnection::Begin(UniqueFd socket) {
  if (Result<> trusted = verify_(socket.get()); !trusted) {
    if (trusted.error().code == Errc::kPeerGone) {
      TryAgain(trusted.error(), kRetryGone);
    } else if (trusted.error().code.category() == boost::system::system_category() &&
               IsShortOfDescriptors(trusted.error().code.value())) {
      TryAgain(trusted.error(), kRetryEvery);  // one may become free
    } else {
      sink_.OnConnectFailed(trusted.error());
    }
    return;
  }
  // Before Connect(), so that no packet is delivered before it.
  sink_.OnConnected();
  if (!retry_->closed) port_.Connect(std::move(socket));
}

void AppConnection::TryAgain(const Error& why, std::chrono::milliseconds after) {
  if (steady_clock::now() >= retry_->until) {
    retry_->Stop();
    sink_.OnConnectFailed(
        MakeError(Errc::kLimit, "the app did not listen at " + address_.Text() + " in time (" +
                                    (why.context.empty() ? why.code.message() : why.context) +
                                    "); does it call ft.run(main)?"));
    return;
  }
  retry_->timer.expires_after(after);
  retry_->timer.async_wait([this, retry = retry_](boost::system::error_code error) {
    if (!error && !retry->closed) Try();
  });
}

}  // namespace fletbridge
