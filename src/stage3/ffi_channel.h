// Room: src/stage3. The channel between the host and the interpreter it hosts: two lock-free
// queues, each with an eventfd to wake its reader. No socket, no lock that both sides hold.
//
//   host, any thread --Send()--> to_app --eventfd--> asyncio's loop (add_reader), which drains it
//   Python, any thread --SendFromPython()--> to_ui --eventfd--> EventLoop, which calls the sink
//
// The host's side never takes the GIL. Python's side holds it, except while it copies large
// payloads or waits because the UI is stalled.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"
#include "common/transport/packet_queue.h"

namespace fletbridge::stage3 {

// In the queues, besides Flet's packet types: the line between two sessions.
inline constexpr PacketType kNewSessionMarker = PacketType::kNewSession;

class FfiChannel {
 public:
  // `loop` and `sink` must outlive it.
  FfiChannel(EventLoop& loop, const FlowLimits& limits, PacketSink& sink);
  ~FfiChannel();

  // ---- Host's side; any thread.
  [[nodiscard]] SendResult Send(Packet&& packet);
  [[nodiscard]] std::size_t queued_bytes() const { return to_app_.queued_bytes(); }
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
  // The next packet for the app; false when there is none for now.
  [[nodiscard]] bool NextForPython(Packet& packet);
  // After packets have been handled: false if more have come and the reader must be called again.
  [[nodiscard]] bool PythonMaySleep() { return to_app_.PrepareToSleep(); }
  // Readable when packets wait for Python.
  [[nodiscard]] int python_fd() const { return python_wake_.get(); }
  void ClearPythonWake();
  void WakePython();
  // The app has begun the session that NewSession() asked for.
  void NewSessionBegun();

  [[nodiscard]] const FlowLimits& limits() const { return to_app_.limits(); }

 private:
  struct Reader;

  // A packet out of to_ui_, unless it belongs to a session that is over. Loop's thread.
  void HandToSink(Packet&& packet);

  EventLoop& loop_;
  PacketSink& sink_;
  PacketQueue to_app_;
  PacketQueue to_ui_;
  UniqueFd python_wake_;
  std::shared_ptr<Reader> reader_;
  std::atomic<std::uint32_t> room_epoch_{0};  // counts the times that to_ui_ got room again
  std::atomic<int> sessions_to_skip_{0};
};

}  // namespace fletbridge::stage3
