// Room: common/platform. Other processes: their end, signals to them, and what the system tells of
// them. Of a process that is gone, or of which the system tells nothing, the functions give the
// empty answer that each names.
//
// Free functions: any thread, and none waits. ProcessWatch: one thread; where the system has no
// descriptor of a process, a thread of this object's looks every 10 ms and is joined by the
// destructor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include <boost/system/result.hpp>

namespace fletbridge::platform {

// One process: a child of ours that nobody else waits for, our parent, or one that a child of ours
// has started, whose number was just seen in use.
class ProcessWatch {
 public:
  // ESRCH: it is gone. ENOSYS: the system can watch none.
  [[nodiscard]] static boost::system::result<ProcessWatch> Of(pid_t pid);
  ProcessWatch(ProcessWatch&&) noexcept;
  ProcessWatch& operator=(ProcessWatch&&) noexcept;
  ~ProcessWatch();

  // Readable once it has ended; that takes nothing, a child can still be waited for. It is this
  // object's: who lends it to a watcher takes it back first.
  [[nodiscard]] int fd() const noexcept;
  // Never to another process that has taken the number.
  void Signal(int number) const noexcept;

 private:
  struct Impl;
  explicit ProcessWatch(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// In a child between fork and exec: the system sends it `number` when the thread that has started
// it ends. A system that cannot does nothing; the child then outlives a parent that is killed.
void EndWithParent(int number) noexcept;

// The descriptors of this process. Empty: the system does not list them.
[[nodiscard]] std::vector<int> OpenDescriptors();

// What another process does about SIGINT and SIGTERM; kOther where the system does not tell.
enum class EndSignals { kTaken, kDefault, kOther };
[[nodiscard]] EndSignals EndSignalsOf(pid_t pid);

// A debugger has hold of the process, or one of its threads reads from standard input, which is a
// terminal: input(), breakpoint(). False where the system does not tell.
[[nodiscard]] bool HoldsUpByPerson(pid_t pid);

// What a process was started as. Paths are empty where the system does not tell.
struct StartedAs {
  std::string name;       // its first word
  std::string folder;     // where it is now
  std::string program;    // the path of its file
  std::string same_file;  // another path of the same file, which leads there also if it was removed
};
[[nodiscard]] StartedAs HowStarted(pid_t pid);

// What makes a pid one process of one machine, also in a record that outlives it. When it began, in
// ticks since the boot: 0 for one that is gone, or dead and not waited for; 1 where only its being
// there is known.
[[nodiscard]] std::uint64_t StartTicks(long pid);
[[nodiscard]] const std::string& BootId();   // empty: not told
[[nodiscard]] std::uint64_t PidNamespace();  // 0: not told

}  // namespace fletbridge::platform
