// Room: src/ui/web. What a run of the web UI counts while it is under way, and the text of it that
// Prometheus reads.
//
// Values; the EventLoop's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/measure/prometheus.h"

namespace fletbridge::web {

// Why a request or a connection was not served.
enum class Refusal {
  kHost,         // the request names another host
  kStranger,     // neither token nor cookie, or a page of another origin
  kMalformed,    // no request that a browser makes, or one that is too long
  kMethod,       // none that is served
  kConnections,  // there are too many
  kSessions,     // the same, of sessions
  kDraining,     // the run takes no new sessions any more
};
inline constexpr std::size_t kRefusals = 7;

struct Figures {
  std::uint64_t sessions = 0;                // that have begun
  std::uint64_t inputs = 0;                  // events of controls
  std::array<std::uint64_t, 4> responses{};  // 200 and up, 300, 400, 500
  std::array<std::uint64_t, kRefusals> refusals{};
  BucketCounts clicks{kClickBounds};

  void Refused(Refusal why) { ++refusals[static_cast<std::size_t>(why)]; }
  void Answered(unsigned status);
};

// What there is at this moment.
struct Gauges {
  std::size_t sessions = 0;
  std::size_t connections = 0;  // that are no session
  std::size_t queue_bytes = 0;  // that wait for browsers
  bool is_ready = false;
  bool is_draining = false;
};

[[nodiscard]] std::string ToPrometheus(const Figures& figures, const Gauges& now);

}  // namespace fletbridge::web
