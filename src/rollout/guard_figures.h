// Room: src/rollout. Metrics of one app's starts, per stage: counts and histograms, for comparing
// installations. They contain no name of a user, a folder or a machine.
//
// Values; not for concurrent use.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fletbridge {

// Upper bounds in seconds; a last bucket takes the rest.
inline constexpr std::array kFirstFrameBounds = {0.1, 0.25, 0.5, 1.0,  1.5,
                                                 2.0, 3.0,  5.0, 10.0, 30.0};
inline constexpr std::array kClickBounds = {0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                            0.02,    0.05,   0.1,   0.25,  1.0};

class BucketCounts {
 public:
  explicit BucketCounts(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}
  void Add(double seconds);
  [[nodiscard]] std::span<const double> bounds() const { return bounds_; }
  // One for each bound and one for the rest; not summed up.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] double sum() const { return sum_; }
  [[nodiscard]] std::uint64_t count() const;
  // From what was stored; a list of another length is not taken.
  void Restore(std::vector<std::uint64_t> counts, double sum);

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

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
