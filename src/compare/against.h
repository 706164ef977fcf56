// Room: src/compare. Whether something has become slower since older results: `--against old.json`.
//
// The two runs share no rounds, and often no machine. So a variant's figure is its ratio to the
// baseline of its own run, where both runs have the same baseline; the baseline's own figure counts
// only if both runs say that they were on the same kind of machine.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/error.h"
#include "src/compare/statistics.h"

namespace fletbridge::compare {

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
