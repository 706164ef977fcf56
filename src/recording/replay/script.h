// Room: src/recording/replay. A recorded client, played to a live app: what to send when, and to
// which of its controls. Knows nothing of threads and timers; the caller says what time it is.
//
// Cause and effect: what the client sent is sent again once as many frames of each kind have come
// as had come in the recording, or once the page is what it was then, for an app that says the same
// in fewer frames. After a deadline it goes on without them, and does not wait for the same ones
// again.
//
// The live side is spoken to as clients in this process are, in the newest generation.
//
// Loop thread only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/transport/answers.h"
#include "common/wire/session.h"
#include "src/recording/diff/recording_diff.h"
#include "src/recording/recording.h"
#include "src/recording/redactor.h"

namespace fletbridge::replay {

using Clock = std::chrono::steady_clock;

struct ScriptOptions {
  bool full_speed = true;                    // no gaps but those that causes need
  std::chrono::milliseconds patience{5000};  // for frames that do not come
  std::vector<std::string> expect_crash{};   // parts of what the app may raise
};

class Script {
 public:
  struct Out {
    std::function<void(Packet)> send;
    std::function<void()> new_client;  // the recorded client went, and another came
  };
  // The recording must outlive it.
  Script(const recording::Recording& recording, const diff::Mask& mask, ScriptOptions options,
         Out out);

  // Takes a packet of the app up. kPeerMisbehaved if it does not fit the page.
  [[nodiscard]] Result<> Take(Packet packet, Clock::time_point now);

  // Sends what is due. Tells when to be called again, if nothing comes before.
  [[nodiscard]] std::optional<Clock::time_point> Advance(Clock::time_point now);

  // All is sent, and what answers it has come, or is not to be waited for any longer.
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  [[nodiscard]] bool registered() const noexcept { return live_counts_[1] != 0; }
  [[nodiscard]] bool drawn() const noexcept { return live_counts_[2] != 0; }
  // The live session against the recorded one.
  [[nodiscard]] diff::Comparison Verdict() const;
  // What the live app raised first that it may not; empty if nothing.
  [[nodiscard]] const std::string& crash() const noexcept { return crash_; }
  // From an event to the patch that answers it, in nanoseconds.
  [[nodiscard]] LatencySamples latencies() const { return answers_.samples(); }

 private:
  static constexpr std::size_t kKinds = 9;  // the actions, and 8 for data
  using Counts = std::array<std::size_t, kKinds>;

  struct Call {
    std::int64_t control_id = 0;
    std::string call_id;
    std::string name;
    std::string place;  // of its control
    wire::Value args;
  };

  void CountCalls();
  void TakeExpected(const recording::Entry& entry);
  [[nodiscard]] bool HaveCome() const;
  [[nodiscard]] bool SamePages() const;
  void GiveUpWaiting();
  // Nothing: it is time. `since_ns` is how long the recorded one took.
  [[nodiscard]] std::optional<Clock::time_point> Wait(Clock::time_point now, std::int64_t gap_ns);
  void SendAgain(const recording::Entry& entry, Clock::time_point now);
  // Makes the recorded message one for the live app; false if that has nothing to take it.
  [[nodiscard]] bool Adapt(wire::Message& message);
  [[nodiscard]] bool AdaptResult(wire::MethodResult& result);
  [[nodiscard]] bool AdaptTarget(std::int64_t& control) const;
  void BeginSession(Clock::time_point now);
  void Trace(recording::Direction direction, PacketType type, std::span<const std::byte> payload,
             Clock::time_point now);
  [[nodiscard]] static Call CallIn(const wire::InvokeMethod& call, const wire::Session& session);
  void Send(const wire::Message& message, Clock::time_point now);

  const recording::Recording& recording_;
  const diff::Mask& mask_;
  const ScriptOptions options_;
  const Out out_;

  std::size_t next_ = 0;    // of the recording's entries
  wire::Session recorded_;  // up to there
  wire::Session live_;
  Counts expected_{};
  Counts live_counts_{};
  Counts given_up_{};                              // frames that were waited for in vain
  std::int64_t last_recorded_ns_ = 0;              // of the entry before
  std::map<std::string, Call> recorded_calls_;     // by call id
  std::deque<Call> live_calls_;                    // not answered yet
  std::map<std::string, std::size_t> calls_left_;  // by name: that the recording still has
  bool finished_ = false;

  std::optional<Clock::time_point> waits_since_;
  std::optional<Clock::time_point> ready_at_;
  Clock::time_point last_live_{};
  bool compared_ = false;  // the pages, since the last live frame

  // What was really sent and came, as it would be recorded.
  const Clock::time_point start_ = Clock::now();
  recording::Redactor redactor_;
  std::deque<Buffer> bytes_;
  std::vector<recording::Entry> trace_;
  std::size_t packets_ = 0;
  std::string crash_;

  Answers answers_;
};

}  // namespace fletbridge::replay
