// Room: tools. The findings of `fletbridge doctor` about this machine, as text and as JSON.
// Values; only Diagnose() examines the machine.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tools/toolbox.h"
#include "tools/web_finding.h"

namespace fletbridge {

inline constexpr std::array<std::string_view, 4> kStages = {"1", "2", "3", "legacy"};

struct InterpreterFinding {
  std::string source;  // how it was found: "--python", "$VIRTUAL_ENV", ".venv", "python3 on PATH"
  std::string path;
  std::optional<Interpreter> probed;
  int generation = -1;  // of its Flet; -1: none or unknown
  // As kHostings: why it cannot be hosted so; empty if it can. Then which of them a run takes.
  std::array<std::string, kHostings.size()> hosting_obstacles;
  std::optional<Hosting> hosting;
  std::vector<RunReport::Accelerator> accelerators;  // for its Flet, in the order of the setting
  // Why it serves no stage at all; empty if it serves one. Then why not each of kStages.
  std::string obstacle;
  std::array<std::string, kStages.size()> stage_obstacles;
};

struct StageFinding {
  std::string python;              // that it works with, and
  std::optional<Hosting> hosting;  // in which way, where it hosts it, or
  std::string obstacle;            // why it does not work, and what to do
};

// What `fletbridge run` would make of the app that was named.
struct AppFinding {
  std::string path;      // the script, or the module's name
  std::string obstacle;  // why a run would be refused; else
  LaunchPlan plan;
};

struct Diagnosis {
  std::vector<InterpreterFinding> interpreters;  // in the order in which `run` looks for one
  std::array<StageFinding, kStages.size()> stages;
  std::string hosting_asked;     // "auto" or one of them
  std::string runtime_dir;       // empty: none
  std::string runtime_obstacle;  // why there is none
  std::size_t socket_bytes = 0;  // of a socket's path below it
  std::string xdg_runtime_dir, xdg_obstacle;
  WindowFinding window;           // for the interpreter that a run takes
  int window_generation = -1;     // of that one's Flet
  WebFinding web;                 // for the same
  std::optional<AppFinding> app;  // if one was named

  // At least one stage works, and the app that was named would run.
  [[nodiscard]] bool ok() const;
};

// Asks each interpreter (deadline 20 s each). `python` is what was asked for, and then the only one
// that is looked at; empty to look at all. `source` says by whom it was asked for. `hosting` and
// `flet_client` are the settings of these names, `folder` is the app's.
[[nodiscard]] Diagnosis Diagnose(const Toolbox& tools, const std::string& python,
                                 const std::string& source, const std::string& hosting,
                                 const std::string& flet_client, const std::string& folder);

[[nodiscard]] std::string DiagnosisText(const Diagnosis& diagnosis, bool utf8);
[[nodiscard]] std::string DiagnosisJson(const Diagnosis& diagnosis);

}  // namespace fletbridge
