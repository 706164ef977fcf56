// Room: common/config. The version of fletbridge, for `--version` and the reports.
#pragma once

#include <string_view>

namespace fletbridge {

[[nodiscard]] std::string_view Version() noexcept;  // such as "0.1.0"; the build's PROJECT_VERSION

}  // namespace fletbridge
