// Room: tests/dart_bridge. A stand-in for the Dart VM's native ports: the table with
// Dart_PostCObject and Dart_PostInteger, and a record of what was posted. External typed data is
// kept as the VM keeps it, by its pointer, and given back by its finalizer on a thread that is not
// the poster's. The real VM is tested elsewhere.
//
// One at a time per process: the table's functions have no context. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/dart_bridge/abi.h"

namespace fletbridge::bridge_test {

struct Posted {
  std::int64_t port = 0;
  std::int32_t type = 0;        // DartType
  std::int32_t element = 0;     // of typed data
  std::int64_t length = 0;      // of typed data, as posted
  std::int64_t integer = 0;     // of numbers
  const void* where = nullptr;  // of typed data
  std::string bytes;            // a copy; empty if `keep_bytes` is off
};

class FakeVm {
 public:
  FakeVm();
  ~FakeVm();
  FakeVm(const FakeVm&) = delete;
  FakeVm& operator=(const FakeVm&) = delete;

  [[nodiscard]] DartApi* table() { return &table_; }

  // Before anything is posted, any of:
  // Called on the poster's thread, outside all locks, before the message is taken.
  std::function<void(const Posted&)> on_post;
  bool keep_bytes = true;
  // Finalizers wait until ReleaseFinalizers().
  void HoldFinalizers() { hold_ = true; }

  void ReleaseFinalizers();
  void Close(std::int64_t port);

  // The n-th message, counted from 0, that came to `port`. Waits for it.
  [[nodiscard]] Posted Await(std::int64_t port, std::size_t n = 0);
  [[nodiscard]] std::size_t CountOn(std::int64_t port) const;
  [[nodiscard]] std::size_t count() const { return count_.load(); }
  void AwaitCount(std::size_t count);
  // Waits until every external message has been given back.
  void AwaitFinalized();
  // Messages whose bytes had changed when they were given back; external ones without a finalizer.
  [[nodiscard]] int faults() const { return faults_.load(); }
  [[nodiscard]] std::size_t finalized() const { return finalized_.load(); }

 private:
  struct External {
    const std::uint8_t* data;
    std::size_t length;
    std::size_t sum;
    void* peer;
    void (*callback)(void*, void*);
  };

  static bool PostObject(std::int64_t port, DartCObject* message);
  static bool PostNumber(std::int64_t port, std::int64_t number);
  bool Take(Posted&& posted, const DartCObject* external);
  void Finalize();

  static std::atomic<FakeVm*> current_;

  DartApiEntry entries_[3];
  DartApi table_;
  std::atomic<bool> hold_{false};
  std::atomic<std::size_t> count_{0};
  std::atomic<std::size_t> finalized_{0};
  std::atomic<int> faults_{0};

  // under mutex_
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Posted> posted_;
  std::deque<External> external_;
  std::set<std::int64_t> closed_;
  bool ended_ = false;

  std::thread finalizer_;
};

}  // namespace fletbridge::bridge_test
