// Room: tools. Named baselines of `fletbridge compare`: saved results to compare later ones with,
// separate for each app, in the user's state folder.
//
// Threads: one at a time.
#pragma once

#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

class NamedBaselines {
 public:
  // `state`: StateFolder(), may be empty. `app`: the script's path, or `-m` and the module.
  NamedBaselines(const std::string& state, const std::string& app);

  // Where results of this name are kept; kUsage if it is no name.
  [[nodiscard]] Result<std::string> FileOf(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> Names() const;  // sorted; some of many
  // For --against: a file that exists, else the one of that name.
  [[nodiscard]] Result<std::string> Find(const std::string& path_or_name) const;
  [[nodiscard]] Result<> Save(const std::string& name, const std::string& json) const;

 private:
  std::string folder_;  // empty: there is no state folder
};

}  // namespace fletbridge
