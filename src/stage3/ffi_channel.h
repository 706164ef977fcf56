// Room: src/stage3. The channel between the host and the interpreter it hosts: two lock-free
// queues, each with an eventfd to wake its reader. No socket, no lock that both sides hold.
//
//   host, any thread --Send()--> inbox --eventfd--> asyncio's loop, which drains it (delivery.h)
//   Python, any thread --SendFromPython()--> to_ui --eventfd--> EventLoop, which calls the sink
//
// The host's side never takes the GIL. Python's side holds it, except while it copies large
// payloads or waits because the UI is stalled.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/base/event_loop.h"
#include "common/transport/bounded_queue.h"
#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {

class FfiChannel {
 public:
  // `loop` and `sink` must outlive it. `protocol_port` is the value of FLET_DART_BRIDGE_PORT, above
  // 2^32 so that it is no data channel's id.
  FfiChannel(EventLoop& loop, const FlowLimits& limits, PacketSink& sink,
             std::int64_t protocol_port);
  ~FfiChannel();

  // ---- Host's side; any thread.
  [[nodiscard]] SendResult Send(Packet&& packet);
  [[nodiscard]] std::size_t queued_bytes() const { return inbox_.queued_bytes(); }
  void PauseReceiving();
  void ResumeReceiving();
  // Begins to deliver to the sink. Loop's thread.
  void Start();
  // Drops what comes from now until the app has begun a new session.
  void NewSession();
  // No more packets from the app are taken; those that are there are delivered. Loop's thread.
  void Close();
  // From now on Python's sends fail and those that wait return. Any thread.
  void CloseToPython();

  // ---- Python's side.
  enum class Sent { kOk, kFull, kTooLarge, kClosed };
  // Queues a packet; on kFull call WaitForRoom(room) without the GIL, then try again.
  [[nodiscard]] Sent SendFromPython(Packet&& packet, std::uint32_t& room);
  void WaitForRoom(std::uint32_t room);
  [[nodiscard]] Inbox& inbox() { return inbox_; }
  // The app has begun the session that NewSession() asked for.
  void NewSessionBegun();

  [[nodiscard]] const FlowLimits& limits() const { return to_ui_.limits(); }

 private:
  struct Reader;

  // A packet out of to_ui_, unless it belongs to a session that is over. Loop's thread.
  void HandToSink(Packet&& packet);

  EventLoop& loop_;
  PacketSink& sink_;
  const std::int64_t protocol_port_;
  PacketQueue to_ui_;
  std::shared_ptr<Reader> reader_;
  Inbox inbox_;
  std::atomic<std::uint32_t> room_epoch_{0};  // counts the times that to_ui_ got room again
  std::atomic<int> sessions_to_skip_{0};
};

}  // namespace fletbridge::stage3
