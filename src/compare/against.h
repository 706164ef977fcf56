// Room: src/compare. Compares results with older ones, for `--against old.json`: has something
// become slower?
//
// The two runs share no rounds, and often no machine. So each variant's ratio to the baseline of
// its own run is compared, if both runs have the same baseline. The baseline's own figure is
// compared only if both runs report the same kind of machine.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/error.h"
#include "common/measure/statistics.h"

namespace fletbridge::compare {

using statistics::Interval;
using statistics::Verdict;

struct Change {
  std::string workload{}, variant{};
  bool relative = false;            // of the ratio to the baseline, not of the figure itself
  std::optional<Interval> ratio{};  // new / old
  Verdict verdict = Verdict::kTooFewRounds;
  bool past_threshold = false;  // slower for sure, and by more than the threshold
};

struct Against {
  std::vector<Change> changes;
  std::vector<std::string> left_out;  // what could not be compared, and why
  [[nodiscard]] bool past_threshold() const;
};

// Reads results that ToJson() has written. kUsage if that file holds none.
[[nodiscard]] Result<nlohmann::json> ReadResults(const std::string& path);

// `threshold`: 0.05 is five per cent.
[[nodiscard]] Against CompareWithOld(const nlohmann::json& now, const nlohmann::json& old,
                                     double threshold);
[[nodiscard]] std::string AgainstText(const Against& against, const std::string& old_name);

}  // namespace fletbridge::compare
