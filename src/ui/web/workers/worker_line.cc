#include "src/ui/web/workers/worker_line.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace fletbridge::web {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kMostBytes = 64 * 1024;
constexpr std::size_t kMostWaiting = 256;
constexpr int kMostAtOnce = 64;  // messages in one turn of the loop

}  // namespace

struct WorkerLine::Impl : std::enable_shared_from_this<WorkerLine::Impl> {
  Impl(EventLoop& loop, UniqueFd fd, std::function<void(LineMessage)> on_message,
       std::function<void()> on_end)
      : socket(loop.io(), fd.release()),
        heard(std::move(on_message)),
        ended(std::move(on_end)),
        room(kMostBytes + 1) {}

  void Listen() {
    socket.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](error_code error) {
                        if (error || !self->is_open) return;
                        for (int i = 0; i < kMostAtOnce && self->is_open; ++i) {
                          if (!self->Receive()) break;
                        }
                        if (self->is_open) self->Listen();
                      });
  }

  bool Receive() {
    iovec part{room.data(), room.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size =
        ::recvmsg(socket.native_handle(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    LineMessage message;
    if (size > 0) {
      const cmsghdr* const with = CMSG_FIRSTHDR(&header);
      if (with != nullptr && with->cmsg_level == SOL_SOCKET && with->cmsg_type == SCM_RIGHTS) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(with), sizeof fd);
        message.fd.reset(fd);
      }
    }
    if (size <= 0) {
      End();
      return false;
    }
    if ((header.msg_flags & MSG_TRUNC) != 0) return true;  // nothing of ours is that long
    message.word = static_cast<LineWord>(room.front());
    message.text.assign(room.data() + 1, static_cast<std::size_t>(size) - 1);
    heard(std::move(message));
    return true;
  }

  enum class Sent { kYes, kLater, kNever };
  Sent TrySend(const LineMessage& message) {
    char word = static_cast<char>(message.word);
    std::array<iovec, 2> parts{
        {{&word, 1}, {const_cast<char*>(message.text.data()), message.text.size()}}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    if (message.fd) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      cmsghdr* const with = CMSG_FIRSTHDR(&header);
      with->cmsg_level = SOL_SOCKET;
      with->cmsg_type = SCM_RIGHTS;
      with->cmsg_len = CMSG_LEN(sizeof(int));
      const int fd = message.fd.get();
      std::memcpy(CMSG_DATA(with), &fd, sizeof fd);
    }
    if (::sendmsg(socket.native_handle(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
      return Sent::kYes;
    return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? Sent::kLater : Sent::kNever;
  }

  bool Send(LineMessage message) {
    if (!is_open || message.text.size() >= kMostBytes) return false;
    if (waiting.empty()) {
      const Sent sent = TrySend(message);
      if (sent != Sent::kLater) return sent == Sent::kYes;
    }
    if (waiting.size() >= kMostWaiting) return false;
    waiting.push_back(std::move(message));
    if (waiting.size() == 1) SendLater();
    return true;
  }

  void SendLater() {
    socket.async_wait(asio::posix::stream_descriptor::wait_write,
                      [self = shared_from_this()](error_code error) {
                        if (error || !self->is_open) return;
                        while (!self->waiting.empty()) {
                          if (self->TrySend(self->waiting.front()) == Sent::kLater)
                            return self->SendLater();
                          self->waiting.pop_front();
                        }
                      });
  }

  void End() {
    if (!std::exchange(is_open, false)) return;
    Close();
    if (ended) ended();
  }

  void Close() {
    is_open = false;
    waiting.clear();
    error_code ignored;
    socket.close(ignored);
  }

  asio::posix::stream_descriptor socket;
  const std::function<void(LineMessage)> heard;
  const std::function<void()> ended;
  std::vector<char> room;
  std::deque<LineMessage> waiting;
  bool is_open = true;
};

WorkerLine::WorkerLine(EventLoop& loop, UniqueFd socket, std::function<void(LineMessage)> heard,
                       std::function<void()> ended)
    : impl_(std::make_shared<Impl>(loop, std::move(socket), std::move(heard), std::move(ended))) {
  impl_->Listen();
}

WorkerLine::~WorkerLine() { impl_->Close(); }

bool WorkerLine::Send(LineMessage message) { return impl_->Send(std::move(message)); }

}  // namespace fletbridge::web
