// Room: common/base. One-line messages for the person at the terminal, on stderr, so that the
// app's own stdout stays untouched. Any thread; a line is written whole.
//
// Log() never waits: what stderr does not take at once is kept, up to 64 KiB, and written by a
// thread of its own, which lives as long as something is kept. Nor does it flood: a kind of line,
// which is its text without the numbers, comes 20 times at once and twice a second then; the rest
// is counted, and the count told with the next line of that kind or at the end. A reader that is
// gone costs no SIGPIPE.
#pragma once

#include <chrono>
#include <string_view>

namespace fletbridge {

enum class LogLevel { kError = 0, kWarning, kInfo, kDebug };

// Sets what is shown; the default is kInfo. Call before threads start.
void SetLogLevel(LogLevel level) noexcept;
[[nodiscard]] LogLevel log_level() noexcept;
// Debug lines count from the start of this process, or from `start` if that was before: the start
// of the process that this one goes on for. Call before threads start.
void SetLogStart(std::chrono::steady_clock::time_point start) noexcept;

// Writes "fletbridge: <text>" and a newline to stderr if `level` is shown. Debug lines carry the
// milliseconds since the start, which never run backwards. Control characters in `text` are shown
// as escapes, since part of it may come from a peer.
void Log(LogLevel level, std::string_view text) noexcept;

// Tells what was left out and waits until stderr has taken everything, at most this long. For the
// end of a process; exit() calls it by itself, _exit() does not.
void FlushLog(std::chrono::milliseconds at_most = std::chrono::milliseconds(1000)) noexcept;

}  // namespace fletbridge
