// Room: common/measure. Prometheus's text format, and what is written in it: counts and histograms
// with fixed buckets. Everything of ours that Prometheus reads is made here, whoever serves it: the
// rollout's textfile (src/rollout) and the web UI's /metrics (src/ui/web).
//
// Values and free functions; one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fletbridge {

// Upper bounds in seconds of fletbridge_click_seconds, from an input to the first patch that
// answers it (common/transport/answers.h); a last bucket takes the rest.
inline constexpr std::array kClickBounds = {0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                            0.02,    0.05,   0.1,   0.25,  1.0};
inline constexpr const char* kClickSeconds = "fletbridge_click_seconds";
inline constexpr const char* kClickSecondsHelp =
    "From an input to the first patch that answers it.";

// `bounds` must outlive it.
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

namespace prometheus {

// name="value", with what must be escaped. Labels are joined by commas.
[[nodiscard]] std::string Label(std::string_view name, std::string_view value);
// The two lines that begin a metric; its samples follow. `type`: "counter", "gauge", "histogram".
void Head(std::string& text, std::string_view name, std::string_view type, std::string_view help);
// `labels` may be empty.
void Sample(std::string& text, std::string_view name, std::string_view labels, double value);
void Histogram(std::string& text, std::string_view name, std::string_view labels,
               const BucketCounts& histogram);

// One text for several processes that tell the same metrics: samples of a name and of the same
// labels are added up. The texts are our own; a line that is none is left out.
[[nodiscard]] std::string SumOf(std::span<const std::string> texts);

}  // namespace prometheus
}  // namespace fletbridge
