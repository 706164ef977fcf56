#include "common/base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "common/platform/self.h"
#include "common/platform/threads.h"

namespace fletbridge {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kMaxKept = 64 << 10;
// What a full pipe takes at once when it takes anything.
constexpr std::size_t kPiece = 4096;
constexpr double kAtOnce = 20;
constexpr double kPerSecond = 2;
// All kinds together: a peer may have its own words in a line.
constexpr double kAllAtOnce = 500;
constexpr double kAllPerSecond = 50;

// The system's word for it outlives an exec, after which the times go on.
Clock::time_point StartOfProcess() noexcept {
  const Clock::time_point now = Clock::now();
  const auto age = platform::Age();
  if (!age || age->count() < 0) return now;
  return now - std::chrono::duration_cast<Clock::duration>(*age);
}

// How often a kind of line may come.
struct Kind {
  std::uint64_t hash = 0;
  double tokens = 0;
  Clock::time_point at;
  std::uint64_t left_out = 0;
  std::array<char, 48> begins{};  // of the first that was left out

  bool Take(Clock::time_point now, double at_once, double per_second) {
    const double since = std::chrono::duration<double>(now - at).count();
    tokens = std::min(at_once, tokens + since * per_second);
    at = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  }
};

std::uint64_t KindOf(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : text) {
    if (c < '0' || c > '9') hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  return hash;
}

// A SIGPIPE caused by a write of this thread does not reach the app, with any handler of the app.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigemptyset(&pending);
    ::sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    if (!was_pending_) ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    if (was_pending_) return;
    sigset_t pending;
    sigemptyset(&pending);
    // Where it is ignored none waits, and sigwait() would.
    if (int taken = 0;
        broken_ && ::sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1)
      ::sigwait(&pipe_, &taken);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

  ssize_t Write(int fd, std::string_view text) {
    ssize_t n = 0;
    do {
      n = ::write(fd, text.data(), text.size());
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EPIPE) broken_ = true;
    return n;
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
  bool broken_ = false;
};

constexpr ssize_t kWouldWait = -1;
constexpr ssize_t kGone = -2;

ssize_t Told(ssize_t n) {
  if (n > 0) return n;
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? kWouldWait : kGone;
}

// As much as stderr takes without waiting. Its descriptor is shared with the app and with other
// processes, so it stays as it is: a pipe or a terminal is opened once more, for this write.
ssize_t WriteAtOnce(std::string_view text) {
  struct stat info {};
  if (::fstat(STDERR_FILENO, &info) != 0) return kGone;
  if (S_ISSOCK(info.st_mode))
    return Told(::send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  NoSigpipe guard;
  if (S_ISREG(info.st_mode)) return Told(guard.Write(STDERR_FILENO, text));
  const int own = platform::OpenToWriteAtOnce(STDERR_FILENO);
  if (own < 0) return errno == ENXIO ? kGone : kWouldWait;  // not ours to open: the thread writes
  const ssize_t n = Told(guard.Write(own, text));
  ::close(own);
  return n;
}

class Lines {
 public:
  Lines() {
    all_.tokens = kAllAtOnce;
    all_.at = Clock::now();
    ::pthread_atfork([] { Get().mutex_.lock(); }, [] { Get().mutex_.unlock(); },
                     [] { Get().BeginAnew(); });
  }

  // Never destroyed: threads may log while the process ends.
  static Lines& Get() {
    static Lines* const lines = new Lines;
    return *lines;
  }

  void Add(LogLevel level, std::string_view text) {
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    std::uint64_t left_out = 0;
    if (!MayCome(text, now, left_out)) return;
    std::string line = "fletbridge: ";
    if (level == LogLevel::kDebug) {
      char stamp[32];
      std::snprintf(stamp, sizeof stamp, "[%9.3f ms] ",
                    std::chrono::duration<double, std::milli>(now - start).count());
      line += stamp;
    }
    Append(line, text);
    if (left_out != 0) line += " (and " + std::to_string(left_out) + " more like it)";
    line += '\n';
    Write(line);
  }

  void Flush(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    for (Kind& kind : kinds_) TellLeftOut(kind, Clock::now());
    TellLeftOut(all_, Clock::now());
    if (dropped_ != 0 && kept_.empty()) TellDropped();
    WriteKept();
    taken_.wait_for(lock, at_most, [this] { return kept_.empty(); });
  }

  Clock::time_point start = StartOfProcess();  // before threads

 private:
  static void Append(std::string& line, std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
        line += escape;
      } else {
        line += c;
      }
    }
  }

  bool MayCome(std::string_view text, Clock::time_point now, std::uint64_t& left_out) {
    const std::uint64_t hash = KindOf(text);
    Kind& kind = kinds_[hash % kinds_.size()];
    if (kind.hash != hash) {
      TellLeftOut(kind, now);
      kind = Kind{hash, kAtOnce, now, 0, {}};
    }
    if (kind.Take(now, kAtOnce, kPerSecond)) {
      if (all_.Take(now, kAllAtOnce, kAllPerSecond)) {
        left_out = std::exchange(kind.left_out, 0);
        return true;
      }
      LeaveOut(all_, "lines of many kinds");
    } else {
      LeaveOut(kind, text);
    }
    return false;
  }

  static void LeaveOut(Kind& kind, std::string_view text) {
    if (++kind.left_out > 1) return;
    FlushAtExit();
    kind.begins.fill('\0');
    std::copy_n(text.data(), std::min(text.size(), kind.begins.size() - 1), kind.begins.data());
  }

  void TellLeftOut(Kind& kind, Clock::time_point now) {
    if (kind.left_out == 0) return;
    if (&kind != &all_ && !all_.Take(now, kAllAtOnce, kAllPerSecond)) {
      if (all_.left_out == 0) LeaveOut(all_, "lines of many kinds");
      all_.left_out += kind.left_out;
      return;
    }
    std::string line =
        "fletbridge: left out " + std::to_string(std::exchange(kind.left_out, 0)) + " more like: ";
    Append(line, kind.begins.data());
    Write(line + "...\n");
  }

  void TellDropped() {
    Write("fletbridge: lines lost, since nobody read stderr: " +
          std::to_string(std::exchange(dropped_, 0)) + "\n");
  }

  void Write(const std::string& line) {
    if (kept_.empty() && dropped_ != 0) TellDropped();
    if (kept_.empty()) {
      std::string_view rest = line;
      ssize_t n = 1;
      while (n > 0 && !rest.empty()) {
        n = WriteAtOnce(rest);
        if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
      }
      if (n == kGone) return;
      kept_ = rest;  // whole, so that a reader who comes later finds no cut line
    } else if (kept_.size() + line.size() > kMaxKept) {
      ++dropped_;
    } else {
      kept_ += line;
    }
    WriteKept();
  }

  static void FlushAtExit() {
    static const bool registered = std::atexit([] { FlushLog(); }) == 0;
    (void)registered;
  }

  void WriteKept() {
    if (kept_.empty() || writer_runs_) return;
    FlushAtExit();
    try {
      platform::StartWithoutSignals([this] { WriteWithPatience(); }).detach();
      writer_runs_ = true;
    } catch (...) {  // the next line tries again
    }
  }

  // The thread's. It takes no signal, so SIGPIPE stays with it and ends with it.
  void WriteWithPatience() noexcept {
    platform::NameThread("fletbridge-log");
    std::unique_lock lock(mutex_);
    while (!kept_.empty()) {
      char piece[kPiece];
      const std::size_t size = std::min(kept_.size(), sizeof piece);
      std::copy_n(kept_.data(), size, piece);
      lock.unlock();
      ssize_t n = 0;
      pollfd room{STDERR_FILENO, POLLOUT, 0};
      do {
        n = ::write(STDERR_FILENO, piece, size);
        if (n < 0 && errno == EAGAIN) ::poll(&room, 1, 1000);  // somebody has set it so
      } while (n < 0 && (errno == EINTR || errno == EAGAIN));
      lock.lock();
      if (n <= 0) {
        kept_.clear();
      } else {
        kept_.erase(0, static_cast<std::size_t>(n));
      }
    }
    writer_runs_ = false;
    taken_.notify_all();
  }

  // In a forked child: the queue and the thread belong to the parent.
  void BeginAnew() {
    kept_.clear();
    dropped_ = 0;
    writer_runs_ = false;
    for (Kind& kind : kinds_) kind.left_out = 0;
    all_.left_out = 0;
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::condition_variable taken_;
  std::string kept_;
  std::uint64_t dropped_ = 0;
  bool writer_runs_ = false;
  std::array<Kind, 64> kinds_{};
  Kind all_;
};

std::atomic<LogLevel> g_level{LogLevel::kInfo};

}  // namespace

void SetLogLevel(LogLevel level) noexcept { g_level.store(level, std::memory_order_relaxed); }
LogLevel log_level() noexcept { return g_level.load(std::memory_order_relaxed); }

void SetLogStart(std::chrono::steady_clock::time_point start) noexcept try {
  Lines& lines = Lines::Get();
  lines.start = std::min(lines.start, start);
} catch (...) {
}

void Log(LogLevel level, std::string_view text) noexcept try {
  if (level <= log_level()) Lines::Get().Add(level, text);
} catch (...) {  // no memory: that, of all things, should be said
  char line[256];
  const int size =
      std::snprintf(line, sizeof line, "fletbridge: %.*s\n",
                    static_cast<int>(std::min<std::size_t>(text.size(), 200)), text.data());
  if (size > 0) (void)WriteAtOnce({line, static_cast<std::size_t>(size)});
}

void FlushLog(std::chrono::milliseconds at_most) noexcept try {
  Lines::Get().Flush(at_most);
} catch (...) {
}

}  // namespace fletbridge
