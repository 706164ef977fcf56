// Room: src/rollout. Metrics of one app's starts, per stage: counts and histograms, for comparing
// installations. They contain no name of a user, a folder or a machine.
//
// Values; not for concurrent use.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/measure/prometheus.h"

namespace fletbridge {

// Upper bounds in seconds; a last bucket takes the rest.
inline constexpr std::array kFirstFrameBounds = {0.1, 0.25, 0.5, 1.0,  1.5,
                                                 2.0, 3.0,  5.0, 10.0, 30.0};
struct StageFigures {
  std::uint64_t starts = 0;
  std::uint64_t failures = 0;
  std::uint64_t fallbacks = 0;  // from this stage to a lower one
  BucketCounts first_frame{kFirstFrameBounds};
  BucketCounts click{kClickBounds};  // input to the first patch that answers it
};

// One app's one stage, for the text file.
struct FigureRow {
  std::string app, id, stage;
  bool open = false;  // the breaker rests the stage
  const StageFigures* figures = nullptr;
  std::string app_version, flet_version, fletbridge_version;  // of the app's last start
};
// Prometheus's text format, for node_exporter's textfile collector.
[[nodiscard]] std::string ToPrometheus(const std::vector<FigureRow>& rows);

}  // namespace fletbridge
