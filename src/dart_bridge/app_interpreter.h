// Room: src/dart_bridge. The life cycle of the interpreter that runs a Flet app: start, program,
// end, and again. One per process.
//
//   kDown -> kStarting -> kUp -> kEnding -> kDown
//
// Any method may be called in any phase, on any thread: callers need not know the phase. A call
// that needs a running interpreter is refused outside of kUp, and the end waits for calls in
// progress. A stop or an end that is requested during the start is deferred, since Python's own
// start does not survive an interrupt.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <pthread.h>
#include <string>
#include <utility>
#include <vector>

#include "src/dart_bridge/dart_vm.h"
#include "src/stage3/delivery.h"
#include "src/stage3/inbox.h"

namespace fletbridge::dart_bridge {

// A copy of sp_run_config_t, whose members it follows.
struct Program {
  bool from_source = false;
  bool has_code = false;  // a path, or a source, was given
  std::string path;
  std::string source;
  std::string name = "python";
  std::vector<std::string> module_paths;
  std::vector<std::pair<std::string, std::string>> environment;
  std::int64_t completion_port = 0;
};

class Interpreter {
 public:
  Interpreter();

  [[nodiscard]] stage3::Inbox& inbox() noexcept { return inbox_; }
  [[nodiscard]] stage3::Delivery& delivery() noexcept { return delivery_; }
  [[nodiscard]] DartVm& vm() noexcept { return vm_; }

  // As serious_python_run().
  [[nodiscard]] int Run(Program program, bool sync);
  [[nodiscard]] bool is_up() const noexcept;
  [[nodiscard]] bool RequestStop() noexcept;
  void Finalize();
  [[nodiscard]] bool RedirectStdio();
  void RegisterExtension(std::string name, PyObject* (*init)());
  // As serious_python_main(), which has checked the environment.
  [[nodiscard]] int RunChild(int argc, char** argv);
  // `import dart_bridge` in an interpreter that somebody else has started.
  [[nodiscard]] PyObject* ImportModule();

 private:
  // kChild: RunChild(), whose interpreter is no program's.
  enum class Phase { kDown, kStarting, kUp, kEnding, kChild };
  class Guest;

  void SetPhase(Phase phase);
  // False if Python is up already; waits for the end of one that is ending.
  [[nodiscard]] bool TakeStart();
  // The interpreter is whole: from here on it can be interrupted.
  void EnterProgram();
  // Waits for the program's threads and guests, while it can still be interrupted. With the GIL.
  void LeaveProgram();
  void AwaitGuests();
  [[nodiscard]] int RunWhileUp(const Program& program);
  [[nodiscard]] int RunFresh(const Program& program);
  [[nodiscard]] int RunInInterpreter(const Program& program);
  void AddModules();

  stage3::Inbox inbox_;
  DartVm vm_;
  stage3::Delivery delivery_;
  mutable std::mutex mutex_;  // never held while Python runs
  std::condition_variable phase_changed_;
  Phase phase_ = Phase::kDown;
  bool interruptible_ = false;   // Python's signal handling is whole: kUp, and a part of kEnding
  bool stop_asked_ = false;      // while kStarting
  bool finalize_asked_ = false;  // the same
  int guests_ = 0;               // callers in Python that are no threads of its program
  pthread_t program_thread_{};   // while interruptible_
  void (*sigint_handler_)(int) = nullptr;  // Python's own
  // Names are kept for ever: Python keeps the pointers.
  std::vector<std::pair<const std::string*, PyObject* (*)()>> extensions_;
};

}  // namespace fletbridge::dart_bridge
