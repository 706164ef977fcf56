// Room: src/rollout/flag_source. The cached last good response of a URL, on disk. One file per
// URL, replaced as a whole: any number of processes may read and write. Free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/error.h"

namespace fletbridge {

struct FlagCopy {
  std::string url;
  std::string etag;
  std::string body;          // a flag file that could be read when it came
  std::int64_t fetched = 0;  // Unix time
};

// STATE/flags/HASH.json
[[nodiscard]] std::string FlagCopyPath(const std::string& state_folder, const std::string& url);
// Nothing if there is none, or none that can be read.
[[nodiscard]] std::optional<FlagCopy> ReadFlagCopy(const std::string& path, const std::string& url);
[[nodiscard]] Result<> WriteFlagCopy(const std::string& path, const FlagCopy& copy);

}  // namespace fletbridge
