// Room: src/rollout. Whether a stage is worse than another, judged over many installations by what
// `rollout status --json` has printed on each. Used by `rollout merge`; pure: opens no file.
//
// An installation counts once: its share of failed starts, and the means of its first frame and
// its clicks. For one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/measure/statistics.h"

namespace fletbridge {

// A stage beside the baseline. Less is better.
struct FleetFinding {
  std::string what;  // "failed starts", "first frame", "click"
  // 95 %; a difference of shares, or a ratio of times. None with fewer than six installations.
  std::optional<statistics::Interval> interval;
  statistics::Verdict verdict = statistics::Verdict::kTooFewRounds;
  bool is_ratio = false;
};
struct FleetStage {
  std::string stage;
  std::size_t installations = 0;
  double starts = 0;
  double failures = 0;
  statistics::Interval failed;         // their share
  std::vector<FleetFinding> findings;  // none of the baseline, and none without one

  [[nodiscard]] bool is_worse() const;
  [[nodiscard]] bool is_shown() const;  // some finding has a verdict
};
struct FleetApp {
  std::string app;
  std::string baseline;  // the stage that the others are compared with
  std::vector<FleetStage> stages;
};

class Fleet {
 public:
  // Adds an installation's status; `file` names it in errors. kUsage, and nothing added, if it is
  // none, or if the installation is there already.
  [[nodiscard]] Result<> Add(const std::string& status, const std::string& file);
  // `app`: this one alone, by its name; empty for all. `baseline`: a stage; empty for the lowest of
  // each app. Nothing if there is no start.
  [[nodiscard]] std::vector<FleetApp> Judge(const std::string& app,
                                            const std::string& baseline) const;

 private:
  // What one installation has of one app and stage.
  struct Figures {
    std::uint64_t starts = 0;
    std::uint64_t failures = 0;
    std::optional<double> first_frame, click;  // mean, in seconds
  };
  // By app, by stage: a value for each installation that has any.
  using Stages = std::map<std::string, std::vector<Figures>>;
  using Apps = std::map<std::string, Stages>;
  struct Reading;

  Apps apps_;
  std::map<std::string, std::string> files_;  // by installation
};

}  // namespace fletbridge
