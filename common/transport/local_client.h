// Room: common/transport. A client implemented by code on the session's EventLoop, such as the
// headless UI or a replay. Provides its sessions, one after another, and the bounded queue towards
// the client; the owner provides the client's behaviour, as hooks.
//
// Threads: the loop's, on which the hooks are called too; paused() any. Owned by shared pointers,
// since tasks on the loop refer to it; after Close() no hook is called.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "common/base/event_loop.h"
#include "common/base/post_once.h"
#include "common/transport/ui_surface.h"

namespace fletbridge {

class LocalClient final : public std::enable_shared_from_this<LocalClient> {
 public:
  struct Hooks {
    std::function<void()> start;                     // the client may send from now on
    std::function<void(Packet&& packet)> on_packet;  // from the app, as a task of its own
    std::function<void()> resumed;                   // after paused()
    std::function<void()> sent_away;                 // the session's owner has destroyed it
  };
  LocalClient(EventLoop& loop, const FlowLimits& limits, Hooks hooks);

  // A new session, for UiSink::OnClient(). The previous one must have ended.
  [[nodiscard]] std::unique_ptr<ClientSession> Session();
  // Sends to the app; without a session the packet is dropped.
  void ToApp(Packet&& packet);
  // Whether the app's side accepts nothing at the moment. Any thread.
  [[nodiscard]] const std::atomic<bool>& paused() const noexcept { return paused_; }
  // The client disconnects: calls the sink's OnGone().
  void Leave(const Error& why);
  // The client has ended: Send() returns kClosed, the sink is not called any more.
  void Close();
  // Handles all queued packets at once.
  void Drain();

 private:
  class Port;

  [[nodiscard]] SendResult Take(std::uint64_t session, Packet&& packet);
  void EndSession();
  void PostDrain();  // under mutex_

  EventLoop& loop_;
  const FlowLimits limits_;
  // loop's thread
  const Hooks hooks_;
  ClientSessionSink* sink_ = nullptr;  // from Start() to the session's end
  bool is_over_ = false;
  std::atomic<bool> paused_{false};
  PostOnce resume_;
  // under mutex_
  std::mutex mutex_;
  std::uint64_t session_ = 0;  // the newest one's number
  std::deque<Packet> inbox_;
  std::size_t queued_ = 0;  // bytes accepted and not handled yet
  bool full_ = false;       // Send() has returned kFull, and OnWritable() is due
  bool closed_ = true;
  bool started_ = false;
  bool drain_posted_ = false;
};

}  // namespace fletbridge
