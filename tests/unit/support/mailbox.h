// Room: tests. How a test waits for what another thread does: never by sleeping, always with a
// deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/event_loop.h"

namespace fletbridge {

// Long enough for a sanitizer on a busy machine; a test that passes never waits for its end.
inline constexpr std::chrono::seconds kDeadline{20};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized =
    __has_feature(thread_sanitizer) || __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

// Values put by one thread and taken by another, in order.
template <class T>
class Mailbox {
 public:
  void Put(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    changed_.notify_all();
  }
  // The next value; nothing when the deadline has passed.
  std::optional<T> Take(std::chrono::milliseconds at_most = kDeadline) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, at_most, [this] { return !values_.empty(); })) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    return value;
  }
  [[nodiscard]] bool empty() const {
    const std::lock_guard lock(mutex_);
    return values_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

// Runs `action` on the loop's thread and returns what it returned.
template <class Action>
auto OnLoop(EventLoop& loop, Action action) {
  std::packaged_task<std::invoke_result_t<Action>()> task(std::move(action));
  auto future = task.get_future();
  loop.Post([&task] { task(); });
  if (future.wait_for(kDeadline) != std::future_status::ready) {
    std::fputs("the event loop does not turn\n", stderr);
    std::abort();
  }
  return future.get();
}

}  // namespace fletbridge
