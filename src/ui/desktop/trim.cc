#include "src/ui/desktop/trim.h"

#include <chrono>
#include <malloc.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace fletbridge::desktop {
namespace {

constexpr auto kStartIsOver = std::chrono::seconds(1);

}  // namespace

struct Trim::Impl {
  explicit Impl(EventLoop& loop) : timer(loop.io()) {}
  boost::asio::steady_timer timer;
};

Trim::Trim(EventLoop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Trim::~Trim() = default;

void Trim::AfterStart() {
  impl_->timer.expires_after(kStartIsOver);
  impl_->timer.async_wait([](boost::system::error_code error) {
    if (!error) ::malloc_trim(0);
  });
}

}  // namespace fletbridge::desktop
