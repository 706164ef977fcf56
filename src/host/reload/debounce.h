// Room: src/host/reload. When a burst of saves is over: editors write a file and rename it, and
// many files at once. Takes its time from the caller; one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace fletbridge::reload {

class Debounce {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Over when nothing has come for `quiet`, at the latest `longest` after the first.
  explicit Debounce(std::chrono::milliseconds quiet = std::chrono::milliseconds(30),
                    std::chrono::milliseconds longest = std::chrono::milliseconds(1000))
      : quiet_(quiet), longest_(longest) {}

  void Saved(Time now) {
    if (!first_) first_ = now;
    last_ = now;
  }
  // When to ask again; nothing: no burst is under way.
  [[nodiscard]] std::optional<Time> due() const {
    if (!first_) return std::nullopt;
    return std::min(last_ + quiet_, *first_ + longest_);
  }
  // Whether one is over, which is told once.
  [[nodiscard]] bool Take(Time now) {
    if (!first_ || now < *due()) return false;
    first_.reset();
    return true;
  }

 private:
  const std::chrono::milliseconds quiet_, longest_;
  std::optional<Time> first_;
  Time last_;
};

}  // namespace fletbridge::reload
