#include "src/stage1/parent_watch.h"

#include <chrono>
#include <cstdint>
#include <fstream>
#include <signal.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace fletbridge::stage1 {
namespace asio = boost::asio;

namespace {

// Nothing wakes us when another process handles a signal, so this looks: the one place that does. A
// person who ends the app waits so long at most, and a look takes some 20 us.
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::uint64_t kEnding =
    (std::uint64_t{1} << (SIGINT - 1)) | (std::uint64_t{1} << (SIGTERM - 1));

// Flet's handler puts both signals back to their defaults when the first of them comes.
enum class Handling { kTaken, kDefault, kOther };

Handling HandlingOf(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::uint64_t ignored = kEnding;
  std::uint64_t caught = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("SigIgn:")) ignored = std::stoull(line.substr(7), nullptr, 16);
    if (line.starts_with("SigCgt:")) caught = std::stoull(line.substr(7), nullptr, 16);
  }
  if ((caught & kEnding) == kEnding) return Handling::kTaken;
  return ((ignored | caught) & kEnding) == 0 ? Handling::kDefault : Handling::kOther;
}

}  // namespace

struct ParentWatch::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(asio::io_context& io) : parent(::getppid()), end(io), look(io) {
    end.assign(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
    // It may have ended before: then somebody else is our parent by now.
    gone = !end.is_open() || ::getppid() != parent;
  }

  void Tell() {
    Close();
    if (auto tell = std::exchange(on_end, nullptr)) tell();
  }
  void Close() {
    boost::system::error_code ignored;
    end.close(ignored);
    look.cancel();
  }
  void Look() {
    look.expires_after(kLookEvery);
    look.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || !self->on_end) return;
      const Handling now = HandlingOf(self->parent);
      if (self->taken && now == Handling::kDefault) {
        self->Tell();
        return;
      }
      self->taken = self->taken || now == Handling::kTaken;
      self->Look();
    });
  }

  const pid_t parent;
  asio::posix::stream_descriptor end;  // its pidfd
  asio::steady_timer look;
  std::function<void()> on_end;
  bool gone = false;
  bool taken = false;  // Flet's handlers have been seen
};

ParentWatch::ParentWatch(EventLoop& loop) : impl_(std::make_shared<Impl>(loop.io())) {}
ParentWatch::~ParentWatch() = default;

pid_t ParentWatch::pid() const { return impl_->parent; }

void ParentWatch::Start(std::function<void()> on_end) {
  impl_->on_end = std::move(on_end);
  if (impl_->gone) {
    impl_->Tell();
    return;
  }
  impl_->taken = HandlingOf(impl_->parent) == Handling::kTaken;
  impl_->end.async_wait(asio::posix::stream_descriptor::wait_read,
                        [impl = impl_](boost::system::error_code error) {
                          if (!error) impl->Tell();
                        });
  impl_->Look();
}

void ParentWatch::Close() {
  impl_->on_end = nullptr;
  impl_->Close();
}

}  // namespace fletbridge::stage1
