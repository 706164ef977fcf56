#include "common/base/user_folder.h"

#include <cstdlib>

namespace fletbridge {

std::string UserCacheFolder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/fletbridge";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return {};
  return std::string(home) + "/.cache/fletbridge";
}

}  // namespace fletbridge
