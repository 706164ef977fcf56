#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "common/config/version.h"
#include "tools/diagnosis.h"

namespace fletbridge {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, kStages.size()> kStageNames = {
    "1  two processes, uds or tcp", "2  one process, uds or tcp", "3  one process, direct calls",
    "legacy  three processes, ws"};
const std::array<std::vector<std::string>, kStages.size()> kTransports = {
    {{"uds", "tcp"}, {"uds", "tcp"}, {"ffi"}, {"ws"}}};

enum class Mark { kGood, kBad, kNote };

struct Line {
  Mark mark;
  std::string name;
  std::string text;
};

std::string Block(const std::string& title, const std::vector<Line>& lines, bool utf8) {
  std::size_t width = 0;
  for (const Line& line : lines) width = std::max(width, line.name.size());
  std::string block = title + "\n";
  for (const Line& line : lines) {
    std::string mark = utf8 ? " " : "  ";
    if (line.mark == Mark::kGood) mark = utf8 ? "✓" : "ok";
    if (line.mark == Mark::kBad) mark = utf8 ? "✗" : "no";
    block += "  " + mark + " " + line.name + std::string(width + 2 - line.name.size(), ' ') +
             line.text + "\n";
  }
  return block;
}

std::string VersionOf(const Interpreter& python) {
  return std::to_string(python.major) + "." + std::to_string(python.minor) + "." +
         std::to_string(python.micro);
}

Line InterpreterLine(const InterpreterFinding& finding) {
  std::string text;
  if (finding.probed) {
    const Interpreter& python = *finding.probed;
    text = "Python " + VersionOf(python);
    if (!python.flet_version.empty()) {
      text += ", Flet " + python.flet_version;
      if (finding.generation >= 0)
        text += " (wire generation " + std::to_string(finding.generation) + ")";
    }
    text += python.libpython.empty()
                ? ", no libpython"
                : ", " + std::filesystem::path(python.libpython).filename().string();
    text += " (" + finding.source + ")";
    if (!finding.obstacle.empty()) text += ": " + finding.obstacle;
  } else {
    text = finding.obstacle + " (" + finding.source + ")";
  }
  return {finding.obstacle.empty() ? Mark::kGood : Mark::kBad, finding.path, text};
}

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

// The hostings of the interpreter that stages 2 and 3 would take, or of the first.
const InterpreterFinding* HostedFinding(const Diagnosis& diagnosis) {
  const InterpreterFinding* first = nullptr;
  for (const InterpreterFinding& finding : diagnosis.interpreters) {
    if (!finding.probed || !finding.obstacle.empty()) continue;
    if (finding.path == diagnosis.stages.back().python) return &finding;
    if (first == nullptr) first = &finding;
  }
  return first;
}

std::vector<Line> HostingLines(const InterpreterFinding& finding, const std::string& asked) {
  std::vector<Line> lines;
  for (std::size_t i = 0; i < kHostings.size(); ++i) {
    const std::string& obstacle = finding.hosting_obstacles[i];
    std::string text = obstacle.empty() ? "works" : obstacle;
    if (finding.hosting == kHostings[i]) {
      text += asked == "auto" ? ", and is taken: the fastest that does"
                              : ", and is taken: it is asked for";
    }
    lines.push_back({obstacle.empty() ? Mark::kGood : Mark::kBad,
                     std::string(HostingName(kHostings[i])), text});
  }
  return lines;
}

std::vector<Line> AcceleratorLines(const InterpreterFinding& finding) {
  std::vector<Line> lines;
  for (const auto& [name, obstacle] : finding.accelerators) {
    lines.push_back({obstacle.empty() ? Mark::kGood : Mark::kNote, name,
                     obstacle.empty() ? "is on" : "Flet's own code runs: " + obstacle});
  }
  return lines;
}

std::string WindowTitle(const Diagnosis& diagnosis) {
  const WindowFinding& window = diagnosis.window;
  if (window.ok()) return "Window: a run opens one";
  return window.passed_over ? "Window: none, a run is headless"
                            : "Window: none, and a run is refused; --ui headless needs none";
}

std::vector<Line> WindowLines(const Diagnosis& diagnosis) {
  const WindowFinding& window = diagnosis.window;
  const auto line = [](const char* name, const std::string& obstacle, const std::string& good) {
    return Line{obstacle.empty() ? Mark::kGood : Mark::kBad, name,
                obstacle.empty() ? good : obstacle};
  };
  std::string client = window.client + " (" + window.source + ")";
  client += window.version.empty() ? "" : ", Flet " + window.version;
  if (window.generation != 0) {
    client += ", wire generation " + std::to_string(window.generation);
    if (diagnosis.window_generation > 0 && diagnosis.window_generation != window.generation)
      client += ", translated for the app's " + std::to_string(diagnosis.window_generation);
  }
  client += window.pinned ? ", pinned" : ", not pinned";
  std::vector<Line> lines = {
      line("display", window.display_obstacle,
           window.display + (window.toolkit_obstacle.empty() ? " answers" : "")),
      line("GTK 3", window.toolkit_obstacle, "works"),
      line("Flet client", window.client_obstacle, client)};
  if (window.client_obstacle.empty()) {
    const std::string& why = window.dialogs_obstacle;
    lines.push_back({why.empty() ? Mark::kGood : Mark::kNote, "file dialogs",
                     why.empty() ? "can open" : "cannot open: " + why});
  }
  return lines;
}

std::vector<Line> WebLines(const WebFinding& web) {
  const auto line = [](const std::string& name, const std::string& obstacle,
                       const std::string& good) {
    return Line{obstacle.empty() ? Mark::kGood : Mark::kNote, name,
                obstacle.empty() ? good : obstacle};
  };
  std::string uploads =
      web.upload_dir.empty() ? "into the folder that the app names" : "into " + web.upload_dir;
  if (!web.has_key) uploads += "; FLET_SECRET_KEY is not set, so the app must set it";
  std::vector<Line> lines = {
      line("flet-web", web.client_obstacle,
           web.client + (web.version.empty() ? "" : ", " + web.version)),
      line("port " + std::to_string(web.port), web.port_obstacle, "is free"),
      line("uploads",
           web.upload_obstacle.empty() ? "" : web.upload_dir + ": " + web.upload_obstacle,
           uploads)};
  if (!web.version_note.empty()) lines[0] = {Mark::kNote, "flet-web", web.version_note};
  return lines;
}

Json WebJson(const WebFinding& web) {
  return {
      {"ok", web.ok()},
      {"client",
       {{"ok", web.client_obstacle.empty() && web.version_note.empty()},
        {"path", OrNull(web.client)},
        {"version", OrNull(web.version)},
        {"reason", OrNull(web.client_obstacle.empty() ? web.version_note : web.client_obstacle)}}},
      {"port",
       {{"ok", web.port_obstacle.empty()},
        {"number", web.port},
        {"reason", OrNull(web.port_obstacle)}}},
      {"uploads",
       {{"ok", web.upload_obstacle.empty()},
        {"folder", OrNull(web.upload_dir)},
        {"has_key", web.has_key},
        {"reason", OrNull(web.upload_obstacle)}}}};
}

std::vector<Line> AppLines(const AppFinding& app) {
  if (!app.obstacle.empty()) return {{Mark::kBad, "a run", "would be refused: " + app.obstacle}};
  const LaunchPlan& plan = app.plan;
  const std::string hosting = HostingOf(plan);
  std::string text = "on stage " + plan.stage + " (" + plan.transport +
                     (hosting.empty() ? "" : ", hosting " + hosting) + "), " + plan.shown_by;
  if (const std::string why = WhyAnotherStage(plan); !why.empty()) text += ": " + why;
  return {{Mark::kGood, "a run", text}};
}

Json AppJson(const std::optional<AppFinding>& app) {
  if (!app) return {};
  const bool ok = app->obstacle.empty();
  return {{"path", app->path},
          {"ok", ok},
          {"reason", OrNull(app->obstacle)},
          {"stage", OrNull(app->plan.stage)},
          {"transport", OrNull(app->plan.transport)},
          {"hosting", OrNull(HostingOf(app->plan))},
          {"ui", OrNull(app->plan.shown_by)},
          {"why", OrNull(WhyAnotherStage(app->plan))}};
}

Json WindowJson(const Diagnosis& diagnosis) {
  const WindowFinding& window = diagnosis.window;
  const bool has_client = window.client_obstacle.empty();
  return {
      {"ok", window.ok()},
      {"headless_instead", !window.ok() && window.passed_over},
      {"display",
       {{"ok", window.display_obstacle.empty()},
        {"name", OrNull(window.display)},
        {"reason", OrNull(window.display_obstacle)}}},
      {"gtk",
       {{"ok", window.toolkit_obstacle.empty()}, {"reason", OrNull(window.toolkit_obstacle)}}},
      {"client",
       {{"ok", window.client_obstacle.empty()},
        {"path", OrNull(window.client)},
        {"source", OrNull(window.source)},
        {"version", OrNull(window.version)},
        {"generation", window.generation == 0 ? Json() : Json(window.generation)},
        {"pinned", window.pinned},
        {"reason", OrNull(window.client_obstacle)}}},
      {"file_dialogs",
       {{"ok", has_client && window.dialogs_obstacle.empty()},
        {"reason", has_client ? OrNull(window.dialogs_obstacle) : Json("there is no client")}}}};
}

Json HostingJson(const std::optional<Hosting>& hosting) {
  return hosting ? Json(HostingName(*hosting)) : Json();
}

Json InterpreterJson(const InterpreterFinding& finding) {
  Json stages = Json::object();
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    const std::string& obstacle =
        finding.obstacle.empty() ? finding.stage_obstacles[i] : finding.obstacle;
    stages[std::string(kStages[i])] = {{"ok", obstacle.empty()}, {"reason", OrNull(obstacle)}};
  }
  Json hostings = Json::object();
  for (std::size_t i = 0; i < kHostings.size() && finding.probed; ++i) {
    const std::string& obstacle = finding.hosting_obstacles[i];
    hostings[std::string(HostingName(kHostings[i]))] = {{"ok", obstacle.empty()},
                                                        {"reason", OrNull(obstacle)}};
  }
  Json accelerators = Json::object();
  for (const auto& [name, obstacle] : finding.accelerators)
    accelerators[name] = {{"on", obstacle.empty()}, {"why", OrNull(obstacle)}};
  const Interpreter none;
  const Interpreter& python = finding.probed ? *finding.probed : none;
  return {{"path", finding.path},
          {"source", finding.source},
          {"ok", finding.obstacle.empty()},
          {"reason", OrNull(finding.obstacle)},
          {"version", finding.probed ? Json(VersionOf(python)) : Json()},
          {"prefix", OrNull(python.prefix)},
          {"libpython", OrNull(python.libpython)},
          {"flet", OrNull(python.flet_version)},
          {"generation", finding.generation < 0 ? Json() : Json(finding.generation)},
          {"hosting", HostingJson(finding.hosting)},
          {"hostings", hostings},
          {"accelerators", accelerators},
          {"stages", stages}};
}

}  // namespace

std::string DiagnosisText(const Diagnosis& diagnosis, bool utf8) {
  std::vector<Line> pythons;
  for (const InterpreterFinding& finding : diagnosis.interpreters)
    pythons.push_back(InterpreterLine(finding));
  if (pythons.empty())
    pythons.push_back({Mark::kBad, "none", "install python3, or name one with --python"});

  std::vector<Line> machine;
  if (diagnosis.runtime_obstacle.empty()) {
    machine.push_back(
        {Mark::kGood, "runtime folder",
         std::filesystem::path(diagnosis.runtime_dir).parent_path().string() + " is writable"});
    machine.push_back(
        {Mark::kGood, "socket path", std::to_string(diagnosis.socket_bytes) + " of 107 bytes"});
  } else {
    machine.push_back({Mark::kBad, "runtime folder", diagnosis.runtime_obstacle});
  }
  if (diagnosis.xdg_runtime_dir.empty()) {
    machine.push_back({Mark::kNote, "XDG_RUNTIME_DIR", "not set"});
  } else if (diagnosis.xdg_obstacle.empty()) {
    machine.push_back({Mark::kGood, "XDG_RUNTIME_DIR", diagnosis.xdg_runtime_dir});
  } else {
    machine.push_back(
        {Mark::kBad, "XDG_RUNTIME_DIR", diagnosis.xdg_runtime_dir + ": " + diagnosis.xdg_obstacle});
  }

  std::vector<Line> stages;
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    const StageFinding& stage = diagnosis.stages[i];
    std::string text = stage.obstacle;
    if (!diagnosis.interpreters.empty() && text == diagnosis.interpreters.front().obstacle &&
        !text.empty()) {
      text = "no Python above can run it";  // the reason stands there
    }
    if (text.empty()) {
      // `run` takes the first interpreter; for any other it has to be told.
      const bool first = diagnosis.interpreters.front().path == stage.python;
      text = first ? "works" : "works with --python " + stage.python;
      if (stage.hosting) text += ", hosting " + std::string(HostingName(*stage.hosting));
    }
    stages.push_back(
        {stage.obstacle.empty() ? Mark::kGood : Mark::kBad, std::string(kStageNames[i]), text});
  }
  std::string text = "fletbridge " + std::string(Version()) + "\n\n" +
                     Block("Python", pythons, utf8) + "\n" + Block("This machine", machine, utf8) +
                     "\n";
  if (const InterpreterFinding* finding = HostedFinding(diagnosis)) {
    text += Block("Hosting on stages 2 and 3: " + finding->path,
                  HostingLines(*finding, diagnosis.hosting_asked), utf8) +
            "\n";
    text += Block("Accelerators: " + finding->path, AcceleratorLines(*finding), utf8) + "\n";
  }
  text += Block(WindowTitle(diagnosis), WindowLines(diagnosis), utf8) + "\n" +
          Block("Browsers, with --ui web", WebLines(diagnosis.web), utf8) + "\n" +
          Block("Stages", stages, utf8);
  if (diagnosis.app)
    text += "\n" + Block("App: " + diagnosis.app->path, AppLines(*diagnosis.app), utf8);
  return text;
}

std::string DiagnosisJson(const Diagnosis& diagnosis) {
  Json interpreters = Json::array();
  for (const InterpreterFinding& finding : diagnosis.interpreters)
    interpreters.push_back(InterpreterJson(finding));
  Json stages = Json::array();
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    const StageFinding& stage = diagnosis.stages[i];
    stages.push_back({{"stage", kStages[i]},
                      {"transports", kTransports[i]},
                      {"ok", stage.obstacle.empty()},
                      {"python", OrNull(stage.python)},
                      {"hosting", HostingJson(stage.hosting)},
                      {"reason", OrNull(stage.obstacle)}});
  }
  const Json json = {
      {"version", Version()},
      {"ok", diagnosis.ok()},
      {"interpreters", interpreters},
      {"stages", stages},
      {"machine",
       {{"runtime_dir",
         {{"ok", diagnosis.runtime_obstacle.empty()},
          {"path", diagnosis.runtime_dir.empty()
                       ? Json()
                       : Json(std::filesystem::path(diagnosis.runtime_dir).parent_path().string())},
          {"reason", OrNull(diagnosis.runtime_obstacle)}}},
        {"socket_path", {{"bytes", diagnosis.socket_bytes}, {"limit", 107}}},
        {"xdg_runtime_dir",
         {{"ok", diagnosis.xdg_obstacle.empty()},
          {"path", OrNull(diagnosis.xdg_runtime_dir)},
          {"reason", OrNull(diagnosis.xdg_obstacle)}}},
        {"display", OrNull(diagnosis.window.display)}}},
      {"window", WindowJson(diagnosis)},
      {"web", WebJson(diagnosis.web)},
      {"app", AppJson(diagnosis.app)},
  };
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fletbridge
