#include "common/app/app_channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace fletbridge {
namespace asio = boost::asio;

namespace {

// So many words are taken at a time before others on the loop have their turn.
constexpr int kWordsAtATime = 16;

}  // namespace

struct AppChannel::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(asio::io_context& io) : ours(io) {}

  void Read() {
    ours.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](boost::system::error_code error) {
                      if (!error) self->OnReadable();
                    });
  }
  void OnReadable() {
    for (int i = 0; i < kWordsAtATime && ours.is_open(); ++i) {
      char message[2] = {};
      const ssize_t n = ::recv(ours.native_handle(), message, sizeof message, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (n <= 0) {  // the app has gone, or has closed what it does not know
        Close();
        return;
      }
      if (n == 2 && on_word) on_word(static_cast<AppWord>(message[0]), message[1]);
    }
    if (ours.is_open()) Read();
  }
  void Close() {
    on_word = nullptr;
    boost::system::error_code ignored;
    ours.close(ignored);
  }

  asio::posix::stream_descriptor ours;
  UniqueFd theirs;
  std::function<void(AppWord, int)> on_word;
};

AppChannel::AppChannel(EventLoop& loop) : impl_(std::make_shared<Impl>(loop.io())) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return;
  impl_->theirs.reset(ends[1]);
  impl_->ours.assign(ends[0]);
}

AppChannel::~AppChannel() { impl_->on_word = nullptr; }

UniqueFd AppChannel::TakeAppEnd(bool for_exec) {
  UniqueFd theirs = std::move(impl_->theirs);
  if (!theirs) return theirs;
  // Above the standard streams, which the app may close and open as it likes.
  return UniqueFd(::fcntl(theirs.get(), for_exec ? F_DUPFD : F_DUPFD_CLOEXEC, 3));
}

void AppChannel::Start(std::function<void(AppWord, int)> on_word) {
  if (!impl_->ours.is_open()) return;
  impl_->on_word = std::move(on_word);
  impl_->Read();
}

void AppChannel::Say(HostWord word, int number) {
  if (!impl_->ours.is_open()) return;
  const char message[2] = {static_cast<char>(word), static_cast<char>(number)};
  [[maybe_unused]] const ssize_t n =
      ::send(impl_->ours.native_handle(), message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void AppChannel::Close() { impl_->Close(); }

}  // namespace fletbridge
