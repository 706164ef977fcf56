#include "common/process/child.h"

#include <cerrno>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/cause.h"
#include "common/process/program.h"

namespace fletbridge {
namespace asio = boost::asio;

struct Child::Impl {
  Impl(asio::io_context& io, RunningProgram started)
      : program(std::move(started)), end(io, program.fd()) {}
  ~Impl() { end.release(); }

  RunningProgram program;
  asio::posix::stream_descriptor end;  // lent by it
  bool abandoned = false;  // the Child has gone: a wait that is over already tells nobody
};

Child::Child(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Child>> Child::Start(EventLoop& loop, const ChildOptions& options,
                                            std::function<void(int)> on_exit) {
  const bool has_output = options.output >= 0;
  auto started = RunningProgram::Start({.path = options.executable,
                                        .arguments = options.arguments,
                                        .environment = options.environment},
                                       {.input = has_output ? kNothing : kInherited,
                                        .output = has_output ? options.output : kInherited,
                                        .errors = has_output ? options.output : kInherited,
                                        .own_session = options.own_session,
                                        .death_signal = options.death_signal});
  if (!started && started.error().value() == ENOSYS) {
    return MakeError(
        Errc::kSetup,
        "this system cannot watch a process that it has started (Linux 5.3 is needed)");
  }
  if (!started) {
    return Error{started.error(), "cannot start " + options.executable + ": " +
                                      CauseAndRemedy(started.error().value(),
                                                     "name another interpreter with --python")};
  }
  auto impl = std::make_shared<Impl>(loop.io(), std::move(*started));
  loop.Post([impl, on_exit = std::move(on_exit)] {
    impl->end.async_wait(asio::posix::stream_descriptor::wait_read,
                         [impl, on_exit](boost::system::error_code wait_error) {
                           if (wait_error || impl->abandoned) return;
                           if (const std::optional<int> code = impl->program.ExitCode())
                             on_exit(*code);
                         });
  });
  return std::unique_ptr<Child>(new Child(std::move(impl)));
}

Child::~Child() {
  impl_->abandoned = true;
  boost::system::error_code ignored;
  impl_->end.cancel(ignored);
  impl_->program.End();
}

pid_t Child::pid() const { return impl_->program.pid(); }

void Child::Signal(int signal) { impl_->program.Signal(signal); }

}  // namespace fletbridge
