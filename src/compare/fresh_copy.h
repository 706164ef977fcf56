// Room: src/compare. A copy of an app's folder for one start, with a HOME beside it, so that files
// which an app writes do not reach its next start. Also detects whether the app writes any. Waits
// for the disk; bounded in files and bytes.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fletbridge::compare {

// What a run knows of it. Made by the runner, filled by the starts.
struct Freshness {
  bool on = false;  // each start gets a copy
  bool too_large = false;
  bool written = false;  // an app has written into its copy, or into its HOME
};

class FreshCopy {
 public:
  static constexpr std::size_t kMostFiles = 5000;
  static constexpr std::size_t kMostBytes = 64 << 20;

  // `folder`, a new one, gets both. Null if `root` is too large, or something in it cannot be read.
  [[nodiscard]] static std::unique_ptr<FreshCopy> Make(const std::string& root,
                                                       const std::string& folder);
  ~FreshCopy();  // removes it
  FreshCopy(const FreshCopy&) = delete;
  FreshCopy& operator=(const FreshCopy&) = delete;

  // Where the same thing is in the copy; where it is, if it is elsewhere.
  [[nodiscard]] std::string Placed(const std::string& path) const;
  // HOME and what goes with it; caches and the packages of the user's Python stay.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> Environment() const;
  [[nodiscard]] bool Written() const;

 private:
  FreshCopy(std::string root, std::string folder);
  using State = std::map<std::string, std::pair<std::uintmax_t, std::int64_t>>;  // size, time
  [[nodiscard]] State Look() const;

  const std::string root_, folder_;
  State before_;
};

}  // namespace fletbridge::compare
