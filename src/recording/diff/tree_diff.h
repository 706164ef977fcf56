// Room: src/recording/diff. Two pages, or two values, compared by what they say: the order of maps and
// the numbers of controls do not count. For one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "src/recording/diff/mask.h"
#include "common/wire/control_tree.h"

namespace fletbridge::diff {

struct TreeDifference {
  std::string place;  // property names and positions: views/0/controls/2/value
  std::string path;   // in words: Page > View[/] > Text "0" . value
  std::string a;      // as JSON; empty where that side has nothing
  std::string b;
};

struct TreeComparison {
  std::vector<TreeDifference> differences;  // at most kMostDifferences
  std::size_t masked = 0;
  bool same_ids = true;  // the controls have the same numbers
};
inline constexpr std::size_t kMostDifferences = 200;

[[nodiscard]] TreeComparison CompareTrees(const wire::ControlTree& a, const wire::ControlTree& b,
                                          const Mask& mask);

// Deep equality; the order of maps does not count, and with `ids` false neither do the numbers of
// controls.
[[nodiscard]] bool Same(const wire::Value& a, const wire::Value& b, bool ids);

}  // namespace fletbridge::diff
