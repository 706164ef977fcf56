#include "common/python/hosted_app.h"

#include <fcntl.h>
#include <future>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/platform/unique_fd.h"

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
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
      throw std::runtime_error("no pipe: " + CauseAndRemedy(errno, "try again"));
    signals.assign(ends[0]);
    signal_writer.reset(ends[1]);
    options.signal_pipe = ends[1];
  }

  void ReadSignals() {
    signals.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](boost::system::error_code error) {
                         if (error) return;
                         self->HearSignals();
                         self->ReadSignals();
                       });
  }
  void HearSignals() {
    unsigned char numbers[16];
    const ssize_t n = ::read(signals.native_handle(), numbers, sizeof numbers);
    for (ssize_t i = 0; i < n; ++i) on_signal(numbers[i] & 0x7f, (numbers[i] & kUnhandled) == 0);
  }
  // What ended the app comes before its end, whichever the loop sees first.
  void TellEnd(int code, std::function<void()> finished,
               const std::function<void(int, std::function<void()>)>& on_ended) {
    HearSignals();
    on_ended(code, std::move(finished));
  }

  EventLoop& loop;
  HostedOptions options;
  std::function<void(int, bool)> on_signal;
  UniqueFd signal_writer;
  // loop's thread only
  asio::posix::stream_descriptor signals;
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
      impl->TellEnd(
          code, [] {}, on_ended);
    } else {
      std::promise<void> finished;
      impl->loop.Post([&] {
        impl->TellEnd(
            code, [&] { finished.set_value(); }, on_ended);
      });
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
