// Room: src/stage3. What waits for the hosted Python: one lock-free queue for all ports, its
// wake-up and its figures. Stage 3's transport and the drop-in libdart_bridge fill it; the module
// `dart_bridge` (bridge_module.h) empties it. Knows nothing of Python.
//
//   any thread --Push()--> queue --eventfd--> an asyncio loop's reader, or the dispatcher thread
//
// Producers take no lock and never wait: neither for the GIL nor for one another. What happened
// before another thing stays before it, over all ports.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/transport/bounded_queue.h"
#include "src/stage3/payload.h"

namespace fletbridge::stage3 {

// The new ports of a session that begins: label, port.
using SessionPorts = std::vector<std::pair<std::string, std::int64_t>>;

// One thing that waits for Python.
struct Message {
  enum class Kind : std::uint8_t {
    kBytes,          // for the handler of `port`
    kDartSession,    // `ports`, for the handlers of session restarts
    kClearHandlers,  // all handlers that were set before era `port` go
    kNewClient,      // a new client on the same port; stage 3 only
  };
  Kind kind = Kind::kBytes;
  std::int16_t prefix = kNoPrefix;  // a byte that comes before the payload
  std::uint32_t skip = 0;           // bytes at the payload's start that are not handed over
  std::int64_t port = 0;
  Payload payload;
  std::unique_ptr<SessionPorts> ports{};

  static constexpr std::int16_t kNoPrefix = -1;
};

// The ports that have a handler, for producers to look at. Reads take no lock; writes come from one
// thread at a time (they hold the GIL), but for Clear(), which any thread may call.
class PortSet {
 public:
  PortSet();
  ~PortSet();
  PortSet(const PortSet&) = delete;
  PortSet& operator=(const PortSet&) = delete;

  [[nodiscard]] bool Has(std::int64_t port) const noexcept;
  void Insert(std::int64_t port);
  void Erase(std::int64_t port) noexcept;
  void Clear() noexcept;

 private:
  struct Table;
  [[nodiscard]] static std::size_t Find(const Table& table, std::int64_t port) noexcept;

  std::atomic<Table*> table_;  // the newest of a chain; older ones stay while anybody reads
  mutable std::atomic<int> readers_{0};
};

// All counts are of messages since the process's start, but for those of the queue.
struct InboxStatistics {
  std::uint64_t queued_bytes = 0;       // now: payloads, and kPacketOverhead for each message
  std::uint64_t queued_bytes_peak = 0;  // the most there ever was
  std::uint64_t accepted = 0;           // = delivered + dropped + those that wait
  std::uint64_t refused = 0;            // the queue was full: the caller still has the message
  std::uint64_t delivered = 0;          // a handler was called
  std::uint64_t dropped = 0;            // accepted, but there was no handler any more
};

class Inbox {
 public:
  // Who empties it. While it is kNobody, messages wait.
  enum class Reader { kNobody, kLoop, kThread };

  // Shut until Open(). `on_room` is called by the consumer when senders that were told kFull may go
  // on.
  explicit Inbox(const FlowLimits& limits, std::function<void()> on_room = {});

  // ---- Any thread.
  // kClosed while it is shut.
  [[nodiscard]] SendResult Push(Message&& message);
  // Gets in whatever the limits say, and when it is shut.
  void PushMarker(Message&& marker);
  // A new client comes: what waits, of the one before, is no longer for anybody.
  void PushNewClient();
  void Open() noexcept { open_.store(true); }
  void Shut() noexcept { open_.store(false); }
  [[nodiscard]] bool is_open() const noexcept { return open_.load(); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queue_.queued_bytes(); }
  [[nodiscard]] const FlowLimits& limits() const noexcept { return queue_.limits(); }
  [[nodiscard]] InboxStatistics statistics() const noexcept;
  [[nodiscard]] PortSet& ports() noexcept { return ports_; }
  // Makes the reader look, whether or not there is a message.
  void Wake() noexcept;

  // ---- The consumer: one thread at a time.
  [[nodiscard]] bool Pop(Message& message) { return queue_.Pop(message); }
  // A popped message is done with.
  void Done(std::size_t payload_bytes, bool delivered);
  void MarkerDone();
  void NewClientDone();
  // What is popped belongs to a client that is gone.
  [[nodiscard]] bool is_stale() const noexcept { return new_clients_.load() != 0; }
  // False if a message has come in the meantime.
  [[nodiscard]] bool MaySleep() { return queue_.PrepareToSleep(); }
  // Drops all that waits.
  void DropAll();

  // From now on this one is woken; once at once.
  void SetReader(Reader reader) noexcept;
  // Readable when the loop must look; level-triggered until ClearLoopWake().
  [[nodiscard]] int loop_fd() const noexcept { return loop_wake_.get(); }
  void ClearLoopWake() noexcept;
  // The dispatcher thread's wait; returns after Wake() or WakeThread().
  void WaitAsThread() noexcept;
  void WakeThread() noexcept;

 private:
  BoundedQueue<Message> queue_;
  const std::function<void()> on_room_;
  PortSet ports_;
  UniqueFd loop_wake_;
  UniqueFd thread_wake_;
  std::atomic<int> wake_fd_{-1};  // of the reader
  std::atomic<bool> open_{false};
  std::atomic<int> new_clients_{0};  // that wait
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> peak_{0};
};

}  // namespace fletbridge::stage3
