#include "common/base/log.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>

namespace fletbridge {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};
const std::chrono::steady_clock::time_point g_start = std::chrono::steady_clock::now();

}  // namespace

void SetLogLevel(LogLevel level) noexcept { g_level.store(level, std::memory_order_relaxed); }
LogLevel log_level() noexcept { return g_level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view text) noexcept try {
  if (level > log_level()) return;
  std::string line = "fletbridge: ";
  if (level == LogLevel::kDebug) {
    const auto elapsed = std::chrono::steady_clock::now() - g_start;
    char stamp[32];
    std::snprintf(stamp, sizeof stamp, "[%9.3f ms] ",
                  std::chrono::duration<double, std::milli>(elapsed).count());
    line += stamp;
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
      line += escape;
    } else {
      line += c;
    }
  }
  line += '\n';
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
} catch (...) {
}

}  // namespace fletbridge
