#include "common/base/event_loop.h"

#include <atomic>
#include <exception>
#include <pthread.h>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "common/base/log.h"
#include "common/platform/self.h"
#include "common/platform/threads.h"

namespace fletbridge {

struct EventLoop::Impl {
  // Until Stop(): an exception ends what threw it, never the thread, whose process may be an app's.
  void Run() noexcept {
    while (true) {
      try {
        io.run();
        return;
      } catch (const std::exception& error) {
        Fail(error.what());
      } catch (...) {
        Fail("an unknown exception");
      }
    }
  }

  void Fail(const char* what) noexcept {
    try {
      if (failed) {
        failed(what);
        return;
      }
    } catch (...) {  // again no memory, most likely
    }
    Log(LogLevel::kError, what);
  }

  std::function<void(const std::string&)> failed;  // loop's thread
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::thread thread;
  std::atomic<std::thread::id> id{};
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() {
  Stop();
  Join();
}

void EventLoop::Start() {
  impl_->thread = platform::StartWithoutSignals([impl = impl_.get()] {
    platform::NameThread("fletbridge-io");
    impl->id.store(std::this_thread::get_id());
    impl->Run();
  });
}

void EventLoop::OnFailure(std::function<void(const std::string& what)> failed) {
  impl_->failed = std::move(failed);
}

void EventLoop::Post(std::function<void()> task) { boost::asio::post(impl_->io, std::move(task)); }

bool EventLoop::InLoop() const noexcept { return impl_->id.load() == std::this_thread::get_id(); }

void EventLoop::Stop() { impl_->io.stop(); }

void EventLoop::Join() {
  if (impl_->thread.joinable()) impl_->thread.join();
}

boost::asio::io_context& EventLoop::io() noexcept { return impl_->io; }

}  // namespace fletbridge
