// Room: common/base. The one thread on which a session's sockets, timers and callbacks run. Wraps
// an asio::io_context so that Asio stays out of the headers of other rooms.
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace fletbridge {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();  // Stop()s and joins
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Starts the thread. All signals are blocked in it: they belong to the main thread.
  void Start();
  // Runs `task` on the loop's thread, later, in the order of the calls. Any thread.
  void Post(std::function<void()> task);
  // True on the loop's own thread.
  [[nodiscard]] bool InLoop() const noexcept;
  // Asks the loop to end after the running handler; Join() waits for it. Idempotent; any thread
  // but the loop's own for Join().
  void Stop();
  void Join();

  [[nodiscard]] boost::asio::io_context& io() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fletbridge
