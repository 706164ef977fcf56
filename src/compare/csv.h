// Room: src/compare. Results as comma-separated values (RFC 4180): one line for each variant of
// each workload, and of each of its inputs or phases. Times in nanoseconds, memory in bytes.
#pragma once

#include <string>

#include "src/compare/results.h"

namespace fletbridge::compare {

[[nodiscard]] std::string CsvText(const Results& results);

}  // namespace fletbridge::compare
