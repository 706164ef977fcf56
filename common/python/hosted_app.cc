#include "common/python/hosted_app.h"

#include <array>
#include <fcntl.h>
#include <future>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/log.h"
#include "common/base/unique_fd.h"

namespace fletbridge {
namespace asio = boost::asio;

struct HostedApp::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, HostedOptions hosted_options,
       std::function<void(int, bool)> signal_handler)
      : loop(event_loop),
        options(std::move(hosted_options)),
        on_signal(std::move(signal_handler)),
        signals(loop.io()) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("no pipe");
    signals.assign(ends[0]);
    signal_writer.reset(ends[1]);
    options.signal_pipe = ends[1];
  }

  void ReadSignals() {
    signals.async_read_some(
        asio::buffer(numbers),
        [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
          if (error) return;
          for (std::size_t i = 0; i < n; ++i)
            self->on_signal(self->numbers[i] & 0x7f, (self->numbers[i] & kUnhandled) == 0);
          self->ReadSignals();
        });
  }

  EventLoop& loop;
  HostedOptions options;
  std::function<void(int, bool)> on_signal;
  UniqueFd signal_writer;
  // loop's thread only
  asio::posix::stream_descriptor signals;
  std::array<unsigned char, 16> numbers{};
};

HostedApp::HostedApp(EventLoop& loop, HostedOptions options,
                     std::function<void(int, bool)> on_signal)
    : impl_(std::make_shared<Impl>(loop, std::move(options), std::move(on_signal))) {}

HostedApp::~HostedApp() = default;

int HostedApp::Run(std::function<void(int, std::function<void()>)> on_ended,
                   std::function<int(int)> at_end) {
  impl_->loop.Post([impl = impl_] { impl->ReadSignals(); });
  const auto end = [impl = impl_, on_ended, at_end](int code) {
    if (impl->loop.InLoop()) {
      on_ended(code, [] {});
    } else {
      std::promise<void> finished;
      impl->loop.Post([&] { on_ended(code, [&] { finished.set_value(); }); });
      finished.get_future().wait();
    }
    return at_end(code);
  };
  impl_->options.at_end = end;
  Result<int> code = RunHosted(impl_->options);
  if (code) return *code;
  Log(LogLevel::kError, code.error().Line());
  return end(70);
}

void HostedApp::Interrupt() { SignalHosted(SIGINT); }
void HostedApp::Kill() { EndHostedNow(128 + SIGKILL); }

}  // namespace fletbridge
