// Room: common/base. One-line messages for the person at the terminal, on stderr, so that the
// app's own stdout stays untouched. Any thread; a line is written whole.
#pragma once

#include <string_view>

namespace fletbridge {

enum class LogLevel { kError = 0, kWarning, kInfo, kDebug };

// Sets what is shown; the default is kInfo. Call before threads start.
void SetLogLevel(LogLevel level) noexcept;
[[nodiscard]] LogLevel log_level() noexcept;

// Writes "fletbridge: <text>" and a newline to stderr if `level` is shown. Debug lines carry the
// milliseconds since the process began to log. Control characters in `text` are shown as escapes,
// since part of it may come from a peer.
void Log(LogLevel level, std::string_view text) noexcept;

}  // namespace fletbridge
