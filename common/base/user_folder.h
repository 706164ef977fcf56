// Room: common/base. The user's own folders by the XDG base directory specification. Reads the
// environment; call before threads start that change it.
#pragma once

#include <string>

namespace fletbridge {

// $XDG_CACHE_HOME/fletbridge, else ~/.cache/fletbridge, which need not be there; empty if neither
// variable is an absolute path.
[[nodiscard]] std::string UserCacheFolder();

}  // namespace fletbridge
