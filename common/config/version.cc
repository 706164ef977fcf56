#include "common/config/version.h"

namespace fletbridge {

std::string_view Version() noexcept { return FLETBRIDGE_VERSION; }

}  // namespace fletbridge
