#include "src/stage1/parent_watch.h"

#include <chrono>
#include <optional>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/platform/process.h"

namespace fletbridge::stage1 {
namespace asio = boost::asio;

namespace {

// The system does not notify us when another process handles a signal, so this polls, at some 20 us
// each time.
constexpr std::chrono::seconds kLookEvery{1};
// Flet's handler of SIGINT and SIGTERM restores both default actions at the first signal, so a
// change back from kTaken means that the parent was asked to end.
using Handling = platform::EndSignals;

}  // namespace

struct ParentWatch::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(asio::io_context& io) : parent(::getppid()), end(io), look(io) {
    if (auto watched = platform::ProcessWatch::Of(parent)) {
      watch.emplace(std::move(*watched));
      end.assign(watch->fd());
    }
    // If it has already ended, another process has become our parent.
    gone = !end.is_open() || ::getppid() != parent;
  }
  ~Impl() { end.release(); }

  void Tell() {
    Close();
    if (auto tell = std::exchange(on_end, nullptr)) tell();
  }
  void Close() {
    end.release();
    look.cancel();
  }
  void Look() {
    look.expires_after(kLookEvery);
    look.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || !self->on_end) return;
      const Handling now = platform::EndSignalsOf(self->parent);
      if (self->taken && now == Handling::kDefault) {
        self->Tell();
        return;
      }
      self->taken = self->taken || now == Handling::kTaken;
      self->Look();
    });
  }

  const pid_t parent;
  std::optional<platform::ProcessWatch> watch;
  asio::posix::stream_descriptor end;  // owned by `watch`
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
  impl_->taken = platform::EndSignalsOf(impl_->parent) == Handling::kTaken;
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
