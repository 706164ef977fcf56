// Room: tests/conformance. What a transport is put through: each scenario runs in a process of its
// own, conformance_host. The names are those by which the tests call them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/conformance/rig.h"

namespace fletbridge::conformance {

struct Scenario {
  std::string name;
  Plan plan;
  std::function<void(Rig&)> run;
};

[[nodiscard]] std::vector<Scenario> PacketScenarios();  // order, sizes, limits, threads, stalls
[[nodiscard]] std::vector<Scenario> LifeScenarios();    // start, end, stop, exit codes, sessions
[[nodiscard]] std::vector<Scenario> KillScenarios();    // kill -9 of either side, untrusted peers

}  // namespace fletbridge::conformance
