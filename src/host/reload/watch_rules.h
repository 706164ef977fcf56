// Room: src/host/reload. Which files are an app's sources: what is made by tools and by the app
// itself is not. Names alone, the disk is not read; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fletbridge::reload {

class WatchRules {
 public:
  // `ignored`: of --ignore-dirs: names of folders at any depth, or paths, which are relative to
  // `folder`. `own_files`: absolute, what this run writes, with a number behind as well: FILE.1.
  WatchRules(const std::string& folder, const std::vector<std::string>& ignored,
             std::vector<std::string> own_files);

  // Whether what lies in this folder does not count. `path` is absolute.
  [[nodiscard]] bool SkipsFolder(std::string_view path) const;
  // Whether a change of this file starts the app again.
  [[nodiscard]] bool Counts(std::string_view path) const;

 private:
  std::vector<std::string> names_, paths_, own_files_;
};

}  // namespace fletbridge::reload
