// Room: src/host. What speeds up Flet's own Python in one run: what was asked for goes to the shim,
// by the app's environment; what came of it comes back in a note, which the app may write whatever
// it likes into. Knows no stage, and of an accelerator no more than its name.
//
// Never waits; one thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/app/app_note.h"
#include "common/measure/run_report.h"
#include "common/python/interpreter.h"
#include "common/transport/app_transport.h"
#include "src/host/run.h"

namespace fletbridge {

// What the app's side has told of itself, as far as it is fit to be shown.
struct AcceleratorsTold {
  std::map<std::string, std::string> state;  // name -> why it is not on, empty if it is
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  std::vector<std::string> differences;

  [[nodiscard]] std::uint64_t Counted(std::string_view name) const;
};
// Nothing if it is not what the app's side writes. Texts come out printable and short.
[[nodiscard]] std::optional<AcceleratorsTold> ReadAcceleratorsNote(const std::string& note);

// Of each accelerator whether it would be on for the Flet of this interpreter, which is started for
// that and imports it; waits, 20 s at most.
[[nodiscard]] std::vector<RunReport::Accelerator> AskForAccelerators(const Interpreter& python);

class Accelerators {
 public:
  // `package`: the folder that the shim loads it from.
  Accelerators(const RunRequest& request, std::string package, const Interpreter& python);

  // `spec` must not outlive this object.
  void GiveTo(AppSpec& spec) const;
  // What is on now, and why the others are not.
  void AddTo(RunReport& report) const;
  // A line, once: after the first frame everything of Flet's is there.
  void SayWhatIsOn();
  // Lines for what people should know at the end: failures, and what verify has found.
  void SayWhatCameOfIt();

 private:
  [[nodiscard]] std::vector<RunReport::Accelerator> State(
      const std::optional<AcceleratorsTold>& told) const;
  [[nodiscard]] std::optional<AcceleratorsTold> Told() const;

  std::vector<std::string> names_;  // what was asked for, one by one
  bool by_name_ = false;
  bool verify_ = false;
  bool quiet_ = false;
  bool said_ = false;
  std::string code_cache_, code_cache_obstacle_;
  std::string package_, package_obstacle_;  // where fletbridge.accelerate lies, or why it does not
  AppNote note_;
};

}  // namespace fletbridge
