// Room: src/compare. Results in sentences: what each variant means to an app developer, and advice
// for better results. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "src/compare/results.h"

namespace fletbridge::compare {

// "Stage 3 over uds with accelerators": a variant as people say it.
[[nodiscard]] std::string Spoken(const Variant& variant);
// A sentence for each variant but the baseline: "Stage 3, against stage 1 over uds: starts 25 %
// sooner (120 ms); clicks: no difference you could feel; 4.1 MiB less memory." Of a baseline
// without others: what was measured of it.
[[nodiscard]] std::vector<std::string> Summary(const Results& results);
// "more time: …", "fewer variants: …"; empty where all is known as it was to be.
[[nodiscard]] std::vector<std::string> Advice(const Results& results);

}  // namespace fletbridge::compare
