// Room: src/stage3. The messages that wait for Python: one lock-free queue for all ports, the
// wake-up of its reader, and statistics. Filled by stage 3's transport and by the drop-in
// libdart_bridge, emptied by Delivery (delivery.h). Independent of Python.
//
//   any thread --Push()--> queue --wake-up--> an asyncio loop's reader, or the dispatcher thread
//
// Threads: as stated for each group. Producers take no lock and never wait, neither for the GIL nor
// for one another. Messages leave in the order of their Push() calls, over all ports.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/platform/wake_up.h"
#include "common/transport/bounded_queue.h"
#include "src/stage3/payload.h"

namespace fletbridge::stage3 {

// The ports of a new session: label, port.
using SessionPorts = std::vector<std::pair<std::string, std::int64_t>>;

// Bytes to deliver before a payload: a packet's type, or its frame's header on a stream.
struct Prefix {
  std::array<std::byte, 5> bytes{};
  std::uint8_t size = 0;

  [[nodiscard]] std::span<const std::byte> span() const noexcept { return {bytes.data(), size}; }
};

// One message for Python.
struct Message {
  enum class Kind : std::uint8_t {
    kBytes,          // for the handler of `port`
    kDartSession,    // for the handlers of session restarts, with `ports`
    kClearHandlers,  // removes all handlers that were set before era number `port`
    kSession,        // the session of this number begins, on the same port; stage 3 only
    kSessionEnd,     // it has ended, and its stream with it; this and the next only for streams
    kRoom,           // the stream that was full has room again
  };
  Kind kind = Kind::kBytes;
  Prefix prefix{};
  std::uint32_t skip = 0;     // bytes at the payload's start that are not delivered
  std::uint32_t session = 0;  // stage 3: the number of its session
  std::int64_t port = 0;
  Payload payload;
  std::unique_ptr<SessionPorts> ports{};
};

// The ports that have a handler, for producers.
//
// Threads: Has() and Clear() any, lock-free; Insert() and Erase() with the GIL held, so one at a
// time.
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

  std::atomic<Table*> table_;  // the newest of a chain; older ones remain while there are readers
  mutable std::atomic<int> readers_{0};
};

// Counts of messages since the start of the process, and the bytes in the queue.
struct InboxStatistics {
  std::uint64_t queued_bytes = 0;       // now: payloads, and kPacketOverhead for each message
  std::uint64_t queued_bytes_peak = 0;  // the maximum so far
  std::uint64_t accepted = 0;           // = delivered + dropped + queued
  std::uint64_t refused = 0;            // the queue was full, and the caller kept the message
  std::uint64_t delivered = 0;          // a handler was called
  std::uint64_t dropped = 0;            // accepted, but its handler had been removed
};

class Inbox {
 public:
  // What empties the queue. With kNobody messages wait.
  enum class Reader { kNobody, kLoop, kThread };

  // Shut until Open(). `on_room` is called on the consumer's thread when senders that got kFull may
  // send again.
  explicit Inbox(const FlowLimits& limits, std::function<void()> on_room = {});

  // ---- Any thread.
  // kClosed while the inbox is shut.
  [[nodiscard]] SendResult Push(Message&& message);
  // Ignores the limits, and is accepted while the inbox is shut.
  void PushMarker(Message&& marker);
  // Begins the session of this number, which must be larger than all before. Queued messages of
  // earlier sessions become stale.
  void BeginSession(std::uint32_t number);
  // The session of this number has ended; what was sent in it before is still delivered.
  void EndSession(std::uint32_t number);
  void Open() noexcept { open_.store(true); }
  void Shut() noexcept { open_.store(false); }
  [[nodiscard]] bool is_open() const noexcept { return open_.load(); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queue_.queued_bytes(); }
  [[nodiscard]] const FlowLimits& limits() const noexcept { return queue_.limits(); }
  [[nodiscard]] InboxStatistics statistics() const noexcept;
  [[nodiscard]] PortSet& ports() noexcept { return ports_; }
  // Wakes the reader, whether or not there is a message.
  void Wake() noexcept;

  // ---- The consumer: one thread at a time.
  [[nodiscard]] bool Pop(Message& message) { return queue_.Pop(message); }
  // A popped message has been handled.
  void Done(std::size_t payload_bytes, bool delivered);
  void MarkerDone();
  // Whether the message belongs to an earlier session.
  [[nodiscard]] bool IsStale(const Message& message) const noexcept {
    return message.session < session_.load();
  }
  // Announces that the consumer is going to wait; false if a message has come in the meantime.
  [[nodiscard]] bool MaySleep() { return queue_.PrepareToSleep(); }
  // Drops all queued messages.
  void DropAll();

  // Chooses the reader to wake from now on, and wakes it once.
  void SetReader(Reader reader) noexcept;
  // Readable from a wake-up of the loop's reader until ClearLoopWake(). Owned by this object.
  [[nodiscard]] int loop_fd() const noexcept { return loop_wake_.fd(); }
  void ClearLoopWake() noexcept;
  // The dispatcher thread's wait; returns after Wake() or WakeThread().
  void WaitAsThread() noexcept;
  void WakeThread() noexcept;

 private:
  BoundedQueue<Message> queue_;
  const std::function<void()> on_room_;
  PortSet ports_;
  platform::WakeUp loop_wake_{platform::WakeUp::Reader::kLoop};
  platform::WakeUp thread_wake_{platform::WakeUp::Reader::kThread};
  std::atomic<platform::WakeUp*> wake_{nullptr};  // the reader's
  std::atomic<bool> open_{false};
  std::atomic<std::uint32_t> session_{0};  // the newest
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> peak_{0};
};

}  // namespace fletbridge::stage3
