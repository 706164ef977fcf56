// Room: common/config. The version of fletbridge, as `--version` and the reports tell it.
#pragma once

#include <string_view>

namespace fletbridge {

[[nodiscard]] std::string_view Version() noexcept;  // such as "0.1.0"; the build's PROJECT_VERSION

}  // namespace fletbridge
