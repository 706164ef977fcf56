#include "src/compare/budget.h"

#include <algorithm>
#include <cmath>

#include "common/measure/statistics.h"

namespace fletbridge::compare {

using statistics::kMinRounds;
namespace {

constexpr double kPart = 0.9;

}  // namespace

Budget::Budget(double seconds, std::size_t rounds)
    : rounds_(std::clamp<std::size_t>(rounds, 1, kMinRounds)),
      a_round_(std::max(0.0, seconds) * kPart / static_cast<double>(rounds_)) {}

int Budget::Turns(int wanted, double a_turn, double used, std::size_t waiting) const {
  const double left = a_round_ - used;
  if (a_turn > left) return 0;
  const double share = left / static_cast<double>(std::max<std::size_t>(1, waiting));
  if (a_turn <= 0) return wanted;
  return static_cast<int>(std::clamp(std::floor(share / a_turn), 1.0, static_cast<double>(wanted)));
}

double Budget::Needed(double round, double before) const {
  return before + round * static_cast<double>(rounds_) / kPart;
}

std::string ShownTime(double seconds) {
  const double whole = std::ceil(seconds);
  return whole < 180 ? std::to_string(static_cast<long>(whole)) + " s"
                     : std::to_string(static_cast<long>(std::ceil(seconds / 60))) + " min";
}

}  // namespace fletbridge::compare
