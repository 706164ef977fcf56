// Room: tests. The reference implementation of a PacketPort: a pipe in this process with two ends,
// and with points at which it fails, for what real transports do seldom. It stands in the
// conformance suites beside the real ones, and carries the tests of error paths.
//
// Each end has turns in which it is told things, never inside of another call: those of an
// EventLoop, or those that a test takes by hand (Turns). Send(), PauseReceiving() and
// ResumeReceiving() from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/event_loop.h"
#include "common/transport/bounded_queue.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

using Post = std::function<void(std::function<void()>)>;

inline Post TurnsOf(EventLoop& loop) {
  return [&loop](std::function<void()> task) { loop.Post(std::move(task)); };
}

// Turns that a test takes itself, on one thread.
class Turns {
 public:
  Post post() {
    return [this](std::function<void()> task) { tasks_.push_back(std::move(task)); };
  }
  // Until nothing is left to do.
  void Run() {
    while (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<std::function<void()>> tasks_;
};

// What one end is told.
class MemoryPipeSink : public PacketSink {
 public:
  // The other end has gone, by itself or at a fail point. The last call.
  virtual void OnEnd(const Error& why) = 0;
};

// Where one direction of the pipe fails; packets are counted from 1, 0 is never.
struct FailPoints {
  int send_at = 0;  // this Send() is answered so and once, the packet stays its owner's
  SendResult send_answer = SendResult::kClosed;
  int refuse_at = 0;  // this packet does not come, and OnRefused() is told
  int end_at = 0;     // the pipe ends in place of this packet
  Errc end_why = Errc::kCut;
  int delay = 0;  // turns that each packet takes besides its own
};

class MemoryPipe {
 public:
  class End;
  // One direction: `sender` and `receiver` are the turns of its two ends.
  struct Direction {
    FlowLimits limits{};
    std::size_t receives = FlowLimits{}.max_packet;  // a larger one is refused on arrival
    FailPoints fails{};
  };

  MemoryPipe(const Post& first, const Post& second, Direction to_second, Direction to_first);
  MemoryPipe(const Post& first, const Post& second, const FlowLimits& limits = {})
      : MemoryPipe(first, second, {.limits = limits}, {.limits = limits}) {}

  [[nodiscard]] End& first() { return *first_; }
  [[nodiscard]] End& second() { return *second_; }
  [[nodiscard]] const End& second() const { return *second_; }

 private:
  class Half;

  std::shared_ptr<Half> to_second_;
  std::shared_ptr<Half> to_first_;
  std::unique_ptr<End> first_;
  std::unique_ptr<End> second_;
};

// The queue of one direction, and its deliveries.
class MemoryPipe::Half : public std::enable_shared_from_this<Half> {
 public:
  Half(Post sender, Post receiver, Direction direction)
      : sender_(std::move(sender)),
        receiver_(std::move(receiver)),
        direction_(direction),
        queue_(direction.limits) {}

  SendResult Push(Packet&& packet) {
    const FailPoints& fails = direction_.fails;
    if (fails.send_at != 0 && ++sent_ == fails.send_at) {
      if (fails.send_answer == SendResult::kFull)
        sender_([self = shared_from_this()] { self->TellWritable(); });
      return fails.send_answer;
    }
    bool wake = false;
    const SendResult result = queue_.Push(std::move(packet), wake);
    if (wake) Schedule();
    return result;
  }
  [[nodiscard]] std::size_t queued_bytes() const { return queue_.queued_bytes(); }

  void Pause() { paused_.store(true); }
  void Resume() {
    if (paused_.exchange(false)) Schedule();
  }

  // ---- In turns of the receiver, and of the sender for OnWritable().
  void Receive(MemoryPipeSink& sink) {
    receiving_ = &sink;
    Schedule();
  }
  void Answer(MemoryPipeSink* sink) { sending_.store(sink); }

  // ---- The end; any thread. After all that was sent, or at once.
  void Finish(const Error& why) {
    queue_.Close();
    receiver_([self = shared_from_this(), why] {
      if (!self->why_) self->why_ = why;
      self->Schedule();
    });
  }
  void Drop(const Error& why) {
    queue_.Close();
    receiver_([self = shared_from_this(), why] { self->TellEnd(why); });
  }
  // Nobody receives any more. The receiver's turns.
  void Abandon() {
    receiving_ = nullptr;
    queue_.Close();
    TellEnd({});
  }

  std::function<void(const Error&)> on_failed;  // the end_at point is reached

 private:
  void Schedule() {
    if (!scheduled_.exchange(true)) Wait(direction_.fails.delay);
  }
  void Wait(int turns) {
    receiver_([self = shared_from_this(), turns] {
      if (turns > 0) return self->Wait(turns - 1);
      self->scheduled_.store(false);
      self->Deliver();
    });
  }

  // Log() takes lines that differ in numbers alone for the same, and leaves some out.
  static std::string NameOfRun() {
    static std::atomic<int> runs{0};
    const int run = runs.fetch_add(1);
    return {static_cast<char>('a' + run / 26 % 26), static_cast<char>('a' + run % 26)};
  }

  // One packet a turn.
  void Deliver() {
    if (receiving_ == nullptr || ended_) return;
    if (paused_.load() && !why_) return;  // an end lets nothing wait
    Packet packet;
    if (!queue_.Pop(packet)) {
      if (why_) return TellEnd(*why_);
      if (!queue_.PrepareToSleep()) Schedule();
      return;
    }
    const std::size_t size = packet.payload.size();
    const FailPoints& fails = direction_.fails;
    ++came_;
    if (came_ == fails.end_at) {
      const Error why = MakeError(fails.end_why, "the pipe fails, as it was told, " + NameOfRun() +
                                                     ", at packet " + std::to_string(came_));
      queue_.Close();
      if (on_failed) on_failed(why);
      return TellEnd(why);
    }
    if (came_ == fails.refuse_at || size > direction_.receives) {
      receiving_->OnRefused(MakeError(Errc::kLimit, "refused a packet of " + std::to_string(size) +
                                                        " bytes, limit " +
                                                        std::to_string(direction_.receives)));
    } else {
      receiving_->OnPacket(std::move(packet));
    }
    if (queue_.Release(size)) sender_([self = shared_from_this()] { self->TellWritable(); });
    Schedule();
  }

  void TellEnd(const Error& why) {
    if (std::exchange(ended_, true)) return;
    // What cannot come any more is held by nobody.
    Packet packet;
    while (queue_.Pop(packet)) (void)queue_.Release(packet.payload.size());
    if (receiving_ != nullptr) std::exchange(receiving_, nullptr)->OnEnd(why);
  }

  void TellWritable() {
    if (MemoryPipeSink* sink = sending_.load()) sink->OnWritable();
  }

  const Post sender_;
  const Post receiver_;
  const Direction direction_;
  BoundedQueue<Packet> queue_;
  std::atomic<int> sent_{0};
  std::atomic<bool> paused_{false};
  std::atomic<bool> scheduled_{false};
  std::atomic<MemoryPipeSink*> sending_{nullptr};
  // the receiver's turns
  MemoryPipeSink* receiving_ = nullptr;
  std::optional<Error> why_;
  int came_ = 0;
  bool ended_ = false;
};

class MemoryPipe::End final : public PacketPort {
 public:
  End(std::shared_ptr<Half> out, std::shared_ptr<Half> in)
      : out_(std::move(out)), in_(std::move(in)) {}

  // From now on `sink` is told what comes, in turns of this end; in one of these.
  void Open(MemoryPipeSink& sink) {
    out_->Answer(&sink);
    in_->Receive(sink);
  }
  [[nodiscard]] SendResult Send(Packet&& packet) override { return out_->Push(std::move(packet)); }
  [[nodiscard]] std::size_t queued_bytes() const override { return out_->queued_bytes(); }
  void PauseReceiving() override { in_->Pause(); }
  void ResumeReceiving() override { in_->Resume(); }

  // This end goes, in one of its turns: its sink is told nothing more. The other end is told so
  // after all that was sent, or at once.
  void Close(const Error& why) {
    Leave();
    out_->Finish(why);
  }
  void Drop(const Error& why) {
    Leave();
    out_->Drop(why);
  }

 private:
  void Leave() {
    out_->Answer(nullptr);
    in_->Abandon();
  }

  const std::shared_ptr<Half> out_;
  const std::shared_ptr<Half> in_;
};

inline MemoryPipe::MemoryPipe(const Post& first, const Post& second, Direction to_second,
                              Direction to_first)
    : to_second_(std::make_shared<Half>(first, second, to_second)),
      to_first_(std::make_shared<Half>(second, first, to_first)),
      first_(std::make_unique<End>(to_second_, to_first_)),
      second_(std::make_unique<End>(to_first_, to_second_)) {
  // A direction that fails takes the other one with it: its sender is told in place of an answer.
  to_second_->on_failed = [back = std::weak_ptr(to_first_)](const Error& why) {
    if (const auto half = back.lock()) half->Finish(why);
  };
  to_first_->on_failed = [back = std::weak_ptr(to_second_)](const Error& why) {
    if (const auto half = back.lock()) half->Finish(why);
  };
}

}  // namespace fletbridge
