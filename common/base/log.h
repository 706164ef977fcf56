// Room: common/base. One-line messages for the user at the terminal, on stderr, so that the app's
// stdout stays untouched. Any thread; a line is written whole.
//
// Log() never waits: if stderr is blocked, up to 64 KiB are queued and written by a separate
// thread, which lives as long as the queue is not empty. Log() is rate-limited: a kind of line
// (its text without the numbers) may come 20 times at once and then twice a second. Further lines
// are counted, and the next line of that kind, or the end, reports the count. A closed stderr
// causes no SIGPIPE.
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
