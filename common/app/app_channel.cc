#include "common/app/app_channel.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace fletbridge {
namespace asio = boost::asio;

namespace {

// Messages that are read in one task of the loop.
constexpr int kWordsAtATime = 16;

}  // namespace

struct AppChannel::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(asio::io_context& io) : from_app(io) {}

  void Read() {
    from_app.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](boost::system::error_code error) {
                          if (!error) self->OnReadable();
                        });
  }
  void OnReadable() {
    for (int i = 0; i < kWordsAtATime && from_app.is_open(); ++i) {
      char message[2] = {};
      const ssize_t n = ::read(from_app.native_handle(), message, sizeof message);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (n <= 0) {  // the app has exited, or has closed all of its descriptors
        Close();
        return;
      }
      if (n == 2 && on_word) on_word(static_cast<AppWord>(message[0]), message[1]);
    }
    if (from_app.is_open()) Read();
  }
  void Close() {
    on_word = nullptr;
    boost::system::error_code ignored;
    from_app.close(ignored);
    to_app.reset();
  }

  asio::posix::stream_descriptor from_app;
  UniqueFd to_app;
  AppEnds theirs;
  std::function<void(AppWord, int)> on_word;
};

AppChannel::AppChannel(EventLoop& loop) : impl_(std::make_shared<Impl>(loop.io())) {
  int up[2] = {-1, -1};
  int down[2] = {-1, -1};
  if (::pipe2(up, O_CLOEXEC | O_NONBLOCK) != 0) return;
  impl_->theirs.write.reset(up[1]);
  impl_->from_app.assign(up[0]);
  if (::pipe2(down, O_CLOEXEC | O_NONBLOCK) != 0) return;
  impl_->theirs.read.reset(down[0]);
  impl_->to_app.reset(down[1]);
}

AppChannel::~AppChannel() { impl_->on_word = nullptr; }

std::string AppChannel::AppEnds::Text() const {
  return read && write ? std::to_string(read.get()) + ":" + std::to_string(write.get()) : "";
}

AppChannel::AppEnds AppChannel::TakeAppEnds(bool for_exec) {
  const AppEnds theirs = std::move(impl_->theirs);
  // Above the numbers of the standard streams, which the app may close and open again.
  const auto give = [for_exec](const UniqueFd& end) {
    return end ? UniqueFd(::fcntl(end.get(), for_exec ? F_DUPFD : F_DUPFD_CLOEXEC, 3)) : UniqueFd();
  };
  return {give(theirs.read), give(theirs.write)};
}

void AppChannel::Start(std::function<void(AppWord, int)> on_word) {
  if (!impl_->from_app.is_open()) return;
  impl_->on_word = std::move(on_word);
  impl_->Read();
}

void AppChannel::Say(HostWord word, int number) {
  if (!impl_->to_app) return;
  const char message[2] = {static_cast<char>(word), static_cast<char>(number)};
  // SIGPIPE, when the app has exited, is blocked on the loop's thread, as all signals are.
  [[maybe_unused]] const ssize_t n = ::write(impl_->to_app.get(), message, sizeof message);
}

void AppChannel::Close() { impl_->Close(); }

}  // namespace fletbridge
