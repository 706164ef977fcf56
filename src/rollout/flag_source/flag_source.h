// Room: src/rollout/flag_source. Reads a run's flags from a file, from a folder with one, or from
// an http(s) URL. Another program downloads a URL and may outlive our wait: a start waits at most
// kFetchPatience, then continues with the last good copy; a later response is used by the next
// start. Main thread, before there are others (it forks).
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
  std::string token_file;    // what the address wants to hear; empty for nothing
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
