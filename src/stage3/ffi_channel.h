// Room: src/stage3. The channel between the host and the interpreter in this process: two lock-free
// queues, each with a wake-up of its reader. No socket, and no lock that both sides use.
//
//   host, any thread --Send()--> inbox --wake-up--> asyncio's loop, which drains it (delivery.h)
//   Python, any thread --SendFromPython()--> to_ui --wake-up--> EventLoop, which calls the sink
//
// For an app whose Flet has no bridge it carries a stream of bytes instead, as a socket would: the
// payloads are pieces of the stream, whoever sends does not wait, and Python is told of a session's
// end and of room.
//
// Threads: as stated for each group. The host's side never takes the GIL. Python's side holds it,
// except while it copies large payloads or waits for the UI.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "common/base/event_loop.h"
#include "common/transport/bounded_queue.h"
#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {

class FfiChannel {
 public:
  // `loop` must outlive this object. `protocol_port`: the value of FLET_DART_BRIDGE_PORT, above
  // 2^32, so that it differs from all ids of data channels.
  enum class Form { kPackets, kStream };
  FfiChannel(EventLoop& loop, const FlowLimits& limits, std::int64_t protocol_port,
             Form form = Form::kPackets);
  ~FfiChannel();

  // ---- Host's side: the loop's thread, or before the loop runs. One session at a time. Each has a
  // number, and packets of another session are dropped.
  void OpenSession(PacketSink& sink);  // `sink` must outlive the session
  void CloseSession();
  // A stream: the app sees its end, and nothing more is taken from it. CloseSession() does the
  // same.
  void EndStream();
  // Called, on the loop, when the inbox has room again; in place of the session's sink.
  void OnRoom(std::function<void()> on_room) { on_room_ = std::move(on_room); }
  // Begins to deliver to the session's sink.
  void Start();
  // Delivers the queued packets of the app and refuses further ones.
  void Close();

  // ---- Any thread.
  // To the app, in the open session.
  [[nodiscard]] SendResult Send(Packet&& packet);
  // A stream: `prefix` and then the packet's payload.
  [[nodiscard]] SendResult SendOnStream(const Prefix& prefix, Packet&& packet);
  [[nodiscard]] std::size_t queued_bytes() const { return inbox_.queued_bytes(); }
  void PauseReceiving();
  void ResumeReceiving();
  // From now on SendFromPython() returns kClosed, and WaitForRoom() returns.
  void CloseToPython();

  // ---- Python's side: any Python thread.
  enum class Sent { kOk, kFull, kTooLarge, kClosed };
  // Queues a packet. After kFull call WaitForRoom(room) without the GIL, then try again.
  [[nodiscard]] Sent SendFromPython(Packet&& packet, std::uint32_t& room);
  void WaitForRoom(std::uint32_t room);
  // A stream's next bytes, in the session of this number. After kFull Message::Kind::kRoom follows.
  // kClosed: that session has ended.
  [[nodiscard]] Sent SendOnStreamFromPython(std::uint32_t session, Buffer&& bytes);
  // The app's stream has ended: the sink gets a packet without payload, after all bytes.
  void EndStreamFromPython(std::uint32_t session);
  [[nodiscard]] Inbox& inbox() { return inbox_; }
  // The app has begun the session of this number, to which its packets belong from now on.
  void SessionBegun(std::uint32_t number) { app_session_.store(number); }

  [[nodiscard]] const FlowLimits& limits() const { return to_ui_.limits(); }

 private:
  struct Reader;

  // A packet for the UI, with its session's number.
  struct Outgoing : Packet {
    std::uint32_t session = 0;
  };

  [[nodiscard]] SendResult Push(Message&& message, Packet&& packet);
  [[nodiscard]] Sent Push(Outgoing&& outgoing, Packet& packet);
  // Drops packets of an earlier session. Loop's thread.
  void HandToSink(Outgoing&& packet);

  EventLoop& loop_;
  const std::int64_t protocol_port_;
  const Form form_;
  std::function<void()> on_room_;              // loop's thread
  PacketSink* sink_ = nullptr;                 // the open session's; loop's thread
  std::atomic<std::uint32_t> session_{0};      // the newest; set on the loop's thread
  std::atomic<std::uint32_t> app_session_{1};  // the app's current one
  std::atomic<std::uint32_t> open_stream_{
      0};  // the session whose stream both sides may use; 0: none
  BoundedQueue<Outgoing> to_ui_;
  std::shared_ptr<Reader> reader_;
  Inbox inbox_;
  std::atomic<std::uint32_t> room_epoch_{0};  // incremented whenever to_ui_ has room again
};

}  // namespace fletbridge::stage3
