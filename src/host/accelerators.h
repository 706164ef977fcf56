// Room: src/host. The accelerators of one run: passes the requested ones to the shim in the app's
// environment, and reads their state from a shared memory (common/app/app_note.h), whose content is
// not trusted since the app can write to it. Independent of stages; knows accelerators by name
// only.
//
// Threads: one at a time. Never waits, except AskForAccelerators().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/app/app_note.h"
#include "common/measure/run_report.h"
#include "common/python/interpreter.h"
#include "common/transport/app_host.h"
#include "src/host/run.h"

namespace fletbridge {

// The state that the app's side has written, checked and shortened.
struct AcceleratorsTold {
  std::map<std::string, std::string> state;  // name -> why it is not on, empty if it is
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  std::vector<std::string> differences;

  [[nodiscard]] std::uint64_t Counted(std::string_view name) const;
};
// Nothing if `note` is invalid. Texts are made printable and short.
[[nodiscard]] std::optional<AcceleratorsTold> ReadAcceleratorsNote(const std::string& note);

// Whether each accelerator would be on with this interpreter's Flet. Starts the interpreter and
// waits for it, at most 20 s.
[[nodiscard]] std::vector<RunReport::Accelerator> AskForAccelerators(const Interpreter& python);

class Accelerators {
 public:
  // `package`: the folder of the package fletbridge.accelerate, for the shim.
  Accelerators(const RunRequest& request, std::string package, const Interpreter& python);

  // Adds the variables and the descriptor of the note. `spec` must not outlive this object.
  void GiveTo(AppSpec& spec) const;
  // Adds the current state: what is on, and why the others are not.
  void AddTo(RunReport& report) const;
  // Logs one line, once. After the first frame, when all of Flet has been imported.
  void SayWhatIsOn();
  // Logs failures, and the differences that verify has found. At the end.
  void SayWhatCameOfIt();

 private:
  [[nodiscard]] std::vector<RunReport::Accelerator> State(
      const std::optional<AcceleratorsTold>& told) const;
  [[nodiscard]] std::optional<AcceleratorsTold> Told() const;

  std::vector<std::string> names_;  // the requested ones
  bool by_name_ = false;
  bool verify_ = false;
  bool quiet_ = false;
  bool said_ = false;
  std::string code_cache_, code_cache_obstacle_;
  std::string package_, package_obstacle_;  // the package's folder, or why there is none
  AppNote note_;
};

}  // namespace fletbridge
