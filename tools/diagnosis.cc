#include "tools/diagnosis.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <unistd.h>

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr int kOldestMinor = 10;
constexpr int kNewestMinor = 14;
constexpr std::size_t kMaxSocketPath = 107;  // Linux's sun_path, without the NUL
constexpr std::string_view kSocketName = "/app.sock";

std::string Variable(const Toolbox& tools, std::string_view name) {
  for (const auto& [key, value] : tools.environment) {
    if (key == name) return value;
  }
  return {};
}

bool IsProgram(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

std::string OnPath(const Toolbox& tools, const std::string& program) {
  std::istringstream folders(Variable(tools, "PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / program;
    if (IsProgram(candidate)) return candidate.string();
  }
  return {};
}

// Where there is something to look at; what is there may still be broken.
std::vector<InterpreterFinding> Candidates(const Toolbox& tools, const std::string& folder) {
  std::vector<InterpreterFinding> found;
  const auto add = [&](std::string source, const std::string& path, std::string obstacle = {}) {
    InterpreterFinding finding;
    finding.source = std::move(source);
    finding.path = path;
    finding.obstacle = std::move(obstacle);
    found.push_back(std::move(finding));
  };
  if (const std::string venv = Variable(tools, "VIRTUAL_ENV"); !venv.empty()) {
    const std::string python = (fs::path(venv) / "bin" / "python").string();
    add("$VIRTUAL_ENV", python,
        IsProgram(python)
            ? ""
            : "there is no such program; run `deactivate`, or make the environment again");
  }
  for (const std::string& venv : EnvironmentsOf(folder)) {
    const std::string python = (fs::path(venv) / "bin" / "python").string();
    if (!IsProgram(python)) continue;
    add(".venv", python);
    break;
  }
  if (const std::string python = OnPath(tools, "python3"); !python.empty())
    add("python3 on PATH", python);
  return found;
}

std::string MinorVersion(const Interpreter& python) {
  return std::to_string(python.major) + "." + std::to_string(python.minor);
}

std::string FullVersion(const Interpreter& python) {
  return MinorVersion(python) + "." + std::to_string(python.micro);
}

// pip refuses to touch a system's Python, so the way there is an environment of one's own.
std::string HowToInstallFlet(const InterpreterFinding& finding) {
  const std::string requirement = "'flet>=0.86'";
  if (finding.probed->prefix.starts_with("/usr")) {
    return finding.path + " -m venv .venv && .venv/bin/pip install " + requirement;
  }
  return finding.path + " -m pip install " + requirement;
}

std::string FindObstacle(const InterpreterFinding& finding) {
  const Interpreter& python = *finding.probed;
  if (python.major != 3 || python.minor < kOldestMinor || python.minor > kNewestMinor) {
    return "Python " + FullVersion(python) + " is not supported; use 3.10 to 3.14 with --python";
  }
  if (python.flet_version.empty()) {
    // Started with -S or -I it may have one that it does not see.
    const std::string unseen = OwnProcessObstacle(python);
    return unseen.empty() ? "Flet is not installed; " + HowToInstallFlet(finding) : unseen;
  }
  if (finding.generation < 0) {
    return "Flet " + python.flet_version +
           " speaks an unknown wire generation, this version runs 0 to 3; " +
           HowToInstallFlet(finding);
  }
  return {};
}

// Asks for each way to host it, and finds the one that a run takes; says why there is none.
std::string ExamineHosting(const Toolbox& tools, const std::string& asked,
                           InterpreterFinding& finding) {
  std::string reasons;
  for (std::size_t i = 0; i < kHostings.size(); ++i) {
    const std::string name(HostingName(kHostings[i]));
    std::string& obstacle = finding.hosting_obstacles[i];
    obstacle = tools.parts.hosting_obstacle(kHostings[i], *finding.probed);
    if (asked != "auto" && asked != name) continue;
    if (obstacle.empty() && !finding.hosting) finding.hosting = kHostings[i];
    if (!obstacle.empty())
      reasons += (reasons.empty() ? "not " : "; not ") + name + ": " + obstacle;
  }
  return finding.hosting ? std::string() : reasons;
}

void Examine(const Toolbox& tools, const std::string& hosting, InterpreterFinding& finding) {
  if (!finding.obstacle.empty()) return;
  const Result<Interpreter> probed = tools.parts.probe_interpreter(finding.path);
  if (!probed) {
    finding.obstacle = probed.error().Line();
    return;
  }
  finding.probed = *probed;
  if (!probed->flet_version.empty())
    finding.generation = tools.parts.wire_generation(probed->flet_version);
  finding.obstacle = FindObstacle(finding);
  if (finding.obstacle.empty()) finding.accelerators = tools.parts.ask_for_accelerators(*probed);
  const std::string unhosted = ExamineHosting(tools, hosting, finding);
  const std::string own_process = OwnProcessObstacle(*probed);
  const std::string brokerless = BrokerlessObstacle(*probed);
  const auto first_of = [](const std::string& a, const std::string& b) {
    return a.empty() ? b : a;
  };
  finding.stage_obstacles = {first_of(brokerless, own_process), first_of(brokerless, unhosted),
                             first_of(brokerless, unhosted),
                             first_of(own_process, WebObstacle(*probed))};
}

void ExamineMachine(const Toolbox& tools, Diagnosis& diagnosis) {
  const Result<std::string> dir = tools.parts.try_runtime_dir();
  if (dir) {
    diagnosis.runtime_dir = *dir;
    diagnosis.socket_bytes = dir->size() + kSocketName.size();
    if (diagnosis.socket_bytes > kMaxSocketPath) {
      diagnosis.runtime_obstacle = "a socket below " + *dir + " has " +
                                   std::to_string(diagnosis.socket_bytes) +
                                   " bytes, limit 107; set XDG_RUNTIME_DIR to a shorter folder";
    }
  } else {
    diagnosis.runtime_obstacle = dir.error().Line();
  }
  diagnosis.xdg_runtime_dir = Variable(tools, "XDG_RUNTIME_DIR");
  std::error_code error;
  if (diagnosis.xdg_runtime_dir.empty()) return;
  if (!fs::is_directory(diagnosis.xdg_runtime_dir, error)) {
    diagnosis.xdg_obstacle = "there is no such folder, another is used";
  } else if (::access(diagnosis.xdg_runtime_dir.c_str(), W_OK | X_OK) != 0) {
    diagnosis.xdg_obstacle = "it is not writable, another is used";
  }
}

bool HostsPython(std::size_t stage) { return kStages[stage] == "2" || kStages[stage] == "3"; }

StageFinding JudgeStage(const Diagnosis& diagnosis, std::size_t stage) {
  if (!diagnosis.runtime_obstacle.empty()) return {{}, {}, diagnosis.runtime_obstacle};
  std::string first;
  for (const InterpreterFinding& finding : diagnosis.interpreters) {
    const std::string& obstacle =
        finding.obstacle.empty() ? finding.stage_obstacles[stage] : finding.obstacle;
    if (obstacle.empty())
      return {finding.path, HostsPython(stage) ? finding.hosting : std::nullopt, {}};
    if (first.empty()) first = obstacle;
  }
  if (first.empty()) first = "no Python was found; install python3, or name one with --python";
  return {{}, {}, first};
}

}  // namespace

bool Diagnosis::ok() const {
  if (app && !app->obstacle.empty()) return false;
  return std::any_of(stages.begin(), stages.end(),
                     [](const StageFinding& stage) { return stage.obstacle.empty(); });
}

Diagnosis Diagnose(const Toolbox& tools, const std::string& python, const std::string& source,
                   const std::string& hosting, const std::string& flet_client,
                   const std::string& folder) {
  Diagnosis diagnosis;
  diagnosis.hosting_asked = hosting;
  std::vector<InterpreterFinding> candidates;
  if (python.empty()) {
    candidates = Candidates(tools, folder);
  } else {
    InterpreterFinding asked;
    asked.source = source;
    const Result<std::string> found = tools.parts.find_interpreter(python, folder);
    asked.path = found ? *found : python;
    if (!found) asked.obstacle = found.error().Line();
    candidates.push_back(std::move(asked));
  }
  for (InterpreterFinding& candidate : candidates) {
    Examine(tools, hosting, candidate);
    // An active environment is found twice: by its variable and on PATH.
    const bool known = std::any_of(diagnosis.interpreters.begin(), diagnosis.interpreters.end(),
                                   [&](const InterpreterFinding& other) {
                                     return other.path == candidate.path ||
                                            (other.probed && candidate.probed &&
                                             other.probed->prefix == candidate.probed->prefix);
                                   });
    if (!known) diagnosis.interpreters.push_back(std::move(candidate));
  }
  ExamineMachine(tools, diagnosis);
  InterpreterFinding* taken = nullptr;  // by a run
  for (InterpreterFinding& finding : diagnosis.interpreters) {
    if (taken == nullptr && finding.obstacle.empty()) taken = &finding;
  }
  if (taken != nullptr) diagnosis.window_generation = taken->generation;
  diagnosis.window = tools.parts.look_for_window(
      flet_client, taken == nullptr ? std::string() : taken->probed->flet_package,
      diagnosis.window_generation);
  diagnosis.web = LookForWeb(tools, taken == nullptr ? std::string() : taken->probed->flet_package,
                             taken == nullptr ? std::string() : taken->probed->flet_version);
  for (std::size_t i = 0; i < kStages.size(); ++i) diagnosis.stages[i] = JudgeStage(diagnosis, i);
  return diagnosis;
}

}  // namespace fletbridge
