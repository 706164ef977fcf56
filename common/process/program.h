// Room: common/process. The one way to start a program, and to become one: `tests/architecture`
// lets no other room call fork(), exec() or their like. Each caller says what the program gets of
// this process; signals it always gets as they were found (surroundings.h), unless SignalsOf says
// otherwise.
//
// Threads: any. Where the program dies with its starter (`death_signal`), the starter is the
// calling thread. A RunningProgram belongs to one thread at a time.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include "common/platform/process.h"

namespace fletbridge {

struct Program {
  std::string path;  // no search along PATH
  std::vector<std::string> arguments{};
  // Added to ours; of several values of a name the last one counts.
  std::vector<std::pair<std::string, std::string>> environment{};
  std::string name{};  // its first word; empty: the path
};

// A standard stream of a program: inherited, /dev/null, or a descriptor of ours (0 and up).
inline constexpr int kInherited = -1;
inline constexpr int kNothing = -2;

struct Inheritance {
  int input = kInherited;
  int output = kInherited;
  int errors = kInherited;
  bool descriptors = true;  // all others that are not close-on-exec
  // A session, and with it a process group, of its own: a terminal's Ctrl-C does not reach it.
  bool own_session = false;
  // What the system sends it when the thread that has started it ends; 0: it lives on.
  int death_signal = SIGKILL;
};

// A program that we have started, and that nobody else waits for.
class RunningProgram {
 public:
  // Returns once it runs. The error is the system's word; ENOSYS: a process cannot be watched here.
  [[nodiscard]] static boost::system::result<RunningProgram> Start(const Program& program,
                                                                   const Inheritance& inheritance);
  RunningProgram(RunningProgram&& other) noexcept;
  RunningProgram& operator=(RunningProgram&&) = delete;
  ~RunningProgram() { End(); }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // Readable once it has ended; it stays this object's.
  [[nodiscard]] int fd() const noexcept { return watch_.fd(); }
  // Never to another process that has taken the number.
  void Signal(int signal) const noexcept;
  // Its exit code as a shell has it, 128 + signal for a killed one; none while it runs. No success
  // where somebody else has reaped it.
  [[nodiscard]] std::optional<int> ExitCode();
  // Kills it if it still runs, and reaps it.
  void End() noexcept;

 private:
  RunningProgram(pid_t pid, platform::ProcessWatch watch) noexcept;
  void Reap(int options) noexcept;

  pid_t pid_;
  platform::ProcessWatch watch_;
  std::optional<int> code_;
};

// A program that is nobody's child: it may outlive us, has a session of its own, and of ours
// nothing but `output`. Returns once it runs.
[[nodiscard]] boost::system::error_code StartDetached(const Program& program, int output);

// What a program has said and how it has ended.
struct ProgramOutcome {
  enum class End { kByItself, kTooLate, kTooMuch };
  End end = End::kByItself;  // else it was killed
  int code = 0;
  pid_t pid = 0;
  std::string output;
};
// Runs it to its end, with neither input nor messages, and reads its output: `most_bytes` at most,
// and until `deadline` at the latest. Waits: not on the event loop.
[[nodiscard]] boost::system::result<ProgramOutcome> RunProgram(const Program& program,
                                                               std::chrono::milliseconds deadline,
                                                               std::size_t most_bytes);

enum class SignalsOf {
  kFound,    // as this process was given them
  kSettled,  // as our programs have them, and held streams are /dev/null: it does what we would do
};
// This process goes on as that program. Returns only if it cannot, and all is as it was before.
[[nodiscard]] boost::system::error_code BecomeProgram(const Program& program, SignalsOf signals);

// This process twice, for as long as it has one thread: 0 in the second one, which is killed when
// the first one ends; -1 and errno.
[[nodiscard]] pid_t ForkThisProcess() noexcept;

}  // namespace fletbridge
