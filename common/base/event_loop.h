// Room: common/base. The one thread on which a session's sockets, timers and callbacks run. Wraps
// an asio::io_context so that Asio stays out of the headers of other rooms.
#pragma once

#include <functional>
#include <memory>
#include <string>

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
  // What is called on the loop's thread after an exception has left a task or a handler, such as
  // for want of memory; the loop itself goes on. Whatever that handler was about is in an unknown
  // state, so its owner should end what it does. Before Start(), or on the loop's thread. Without
  // one the exception is logged.
  void OnFailure(std::function<void(const std::string& what)> failed);
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
