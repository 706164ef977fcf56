// Room: src/rollout/flag_source. Where a run's flags come from: a file, a folder with one, or an http(s)
// address. An address is asked by another program, which may go on when we no longer wait: a start
// is held up for kFetchPatience at most, then goes on with the last good copy, and what still comes
// is for the next start. Main thread, before there are others (it forks).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "src/rollout/flags/flag_file.h"

namespace fletbridge {

// The contract is 200 ms; the rest is for starting the program and reading the copy.
inline constexpr std::chrono::milliseconds kFetchPatience{150};
inline constexpr const char* kFlagFileName = "fletbridge.flagd.json";

struct FlagSource {
  std::string address;       // absolute path or URL
  std::string state_folder;  // for the copy; empty: none is kept
  std::string fetcher;       // path of the program fletbridge-fetch
};

struct LoadedFlags {
  Result<FlagFile> file;
  std::string origin;  // for people: the file, "URL", or "the copy of URL of 2026-01-31 12:00 UTC"
  std::string note;    // why a copy is used; empty otherwise
  std::chrono::milliseconds waited{0};  // for the address
};

[[nodiscard]] bool IsUrl(const std::string& address);
[[nodiscard]] LoadedFlags LoadFlags(const FlagSource& source);

// What fletbridge-fetch writes to its output: one word, then the body or the reason.
inline constexpr const char* kFetchNew = "new\n";
inline constexpr const char* kFetchSame = "same\n";
inline constexpr const char* kFetchFailed = "failed\n";

}  // namespace fletbridge
