// Room: src/rollout. The anonymous id of this installation: 128 random bits, generated once, not
// derived from the machine or its user. Any process; two that start at the same time get the same
// id.
#pragma once

#include <string>

namespace fletbridge {

struct Installation {
  std::string id;       // 32 hexadecimal digits
  bool kept = false;    // false: for this run alone, since it could not be stored
  std::string problem;  // why it could not
};

// Reads `folder`/installation-id, and makes it where there is none.
[[nodiscard]] Installation FindInstallation(const std::string& folder);

// The same, but makes nothing: `kept` is false where there is none.
[[nodiscard]] Installation PeekInstallation(const std::string& folder);

}  // namespace fletbridge
