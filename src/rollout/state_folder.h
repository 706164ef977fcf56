// Room: src/rollout. The folder with fletbridge's own state, and atomic writes to it: a file is
// written completely or not at all. Free functions; any thread, any process.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace fletbridge {

// $XDG_STATE_HOME/fletbridge, else $HOME/.local/state/fletbridge; empty if neither is set.
[[nodiscard]] std::string StateFolder(const std::string& xdg_state_home, const std::string& home);

// Makes the folder and those above it, for our own user alone.
[[nodiscard]] Result<> MakeFolder(const std::string& folder);

// At most `limit_bytes`; the error is system_category's ENOENT where there is no such file.
[[nodiscard]] Result<std::string> ReadSmallFile(const std::string& path, std::size_t limit_bytes);

// A reader sees the old content or the new; so does the next boot when `durable`. Waits for the
// disk then. `mode` as for chmod.
[[nodiscard]] Result<> ReplaceFile(const std::string& path, std::string_view content, bool durable,
                                   unsigned mode = 0600);

}  // namespace fletbridge
