// Room: tools. `fletbridge run [options] SCRIPT [ARGS…] | -m MODULE [ARGS…]`: reads the command
// line, merges the settings, hands the request to src/host.
#include <algorithm>
#include <filesystem>

#include "common/config/config_file.h"
#include "common/measure/run_report.h"
#include "common/recording/recorder.h"
#include "tools/command_line.h"
#include "tools/request.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFooter =
    "Each setting may also stand in the environment (FLETBRIDGE_LOG_LEVEL), in the app's "
    "pyproject.toml\n"
    "below [tool.fletbridge], in fletbridge.json beside the app, or in "
    "~/.config/fletbridge/config.toml;\n"
    "the first of these, after the command line, wins. What follows SCRIPT or -m MODULE is the "
    "app's.\n"
    "\n"
    "Examples:\n"
    "  fletbridge run app.py                               the highest stage that works here\n"
    "  fletbridge run --stage 1 --transport tcp app.py     two processes over loopback TCP\n"
    "  fletbridge run --stage 3 --fallback app.py --theme dark\n"
    "                                                      --theme dark goes to the app\n"
    "  fletbridge run --ui headless --steps steps.txt --report report.json -m shop.main\n"
    "  fletbridge run --ui attach=unix:/tmp/shop.sock app.py\n"
    "                                                      wait there for a Flet client\n"
    "  fletbridge run --explain app.py                     each setting and where it came from\n";

// Where the app is, and what python is to be given.
struct AppPlace {
  std::string script;
  std::string folder;  // absolute
};

// A folder means its main.py, or that of the folder its pyproject.toml names for Flet, as in `flet
// run`.
std::string ScriptIn(const std::string& given, const fs::path& absolute) {
  std::error_code error;
  if (!fs::is_directory(absolute, error)) return given;
  fs::path folder = given;
  if (const std::string inner = ReadFletAppPath(absolute / "pyproject.toml"); !inner.empty())
    folder /= inner;
  return (folder / "main.py").string();
}

// Flet's own rule for where a module's folder is; one that is installed elsewhere has none of ours.
std::string ModuleFolder(const std::string& module, const std::string& cwd) {
  std::string path = module;
  std::replace(path.begin(), path.end(), '.', '/');
  const fs::path place = fs::path(cwd) / path;
  std::error_code error;
  if (fs::is_directory(place, error)) return place.string();
  return fs::is_directory(place.parent_path(), error) ? place.parent_path().string() : cwd;
}

AppPlace FindApp(const SplitArguments& split, const std::string& cwd) {
  if (split.script.empty())
    return {{}, split.module.empty() ? cwd : ModuleFolder(split.module, cwd)};
  const std::string script = ScriptIn(split.script, fs::path(cwd) / split.script);
  return {script, (fs::path(cwd) / script).lexically_normal().parent_path().string()};
}

Result<> CheckApp(const SplitArguments& split, const AppPlace& app, const std::string& cwd) {
  if (split.script.empty() && split.module.empty()) {
    return MakeError(
        Errc::kUsage,
        "no app to run; write fletbridge run SCRIPT, or -m MODULE, or see fletbridge run --help");
  }
  std::error_code error;
  if (!split.module.empty() || fs::exists(fs::path(cwd) / app.script, error)) return {};
  const bool folder = app.script != split.script;
  const std::string why = error ? error.message() : "there is no such file";
  return MakeError(Errc::kUsage, "cannot open " + app.script + ": " + why +
                                     (folder ? "; name the app's script instead of its folder"
                                             : "; check the path"));
}

// --redact may be repeated: leaving one out because another was named would be a trap.
void JoinRedacted(TextPairs& typed) {
  std::string all;
  for (const auto& [name, text] : typed) {
    if (name == "redact") all += (all.empty() ? "" : ",") + text;
  }
  std::erase_if(typed, [](const auto& pair) { return pair.first == "redact"; });
  if (!all.empty()) typed.emplace_back("redact", all);
}

int Explain(const Toolbox& tools, const Settings& settings) {
  tools.out << ExplainSettings(settings);
  if (const Result<> good = CheckSettings(settings); !good) {
    PrintMessage(tools, "a run would be refused: " + good.error().Line());
  }
  return 0;
}

}  // namespace

int RunCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  return RunAppCommand(tools, args,
                       {.name = "run",
                        .about = "Runs an unmodified Flet app.",
                        .words = "SCRIPT [ARGS…] | -m MODULE [ARGS…]",
                        .footer = kFooter});
}

int RunAppCommand(const Toolbox& tools, const std::vector<std::string>& args,
                  const RunVariant& variant) {
  CLI::App command(variant.about, variant.name);
  command.formatter(HelpShape("fletbridge " + variant.name + " [options] " + variant.words));
  command.footer(std::string(variant.footer));
  bool explain = false;
  TextPairs typed;
  AddSettings(command, typed, variant.settings);
  if (variant.options) variant.options(command, typed);
  command.add_flag("--explain", explain, "Show each setting and where it came from; runs nothing")
      ->group("Other");
  if (variant.has_module) {
    // For the help text alone: SplitAtApp() takes it, since it ends our options.
    command.add_option("-m,--module")
        ->option_text("MODULE")
        ->group("The app")
        ->description("Run a module, as python -m does, in place of a script");
  }
  command.set_help_flag("-h,--help", "Show this text")->group("Other");

  Result<SplitArguments> split = SplitAtApp(command, args);
  if (!split) return PrintError(tools, split.error());
  if (const std::optional<int> end = Parse(command, tools, split->ours)) return *end;

  if (variant.choose_app) {
    if (const Result<> chosen = variant.choose_app(*split); !chosen)
      return PrintError(tools, chosen.error());
  }

  JoinRedacted(typed);
  const AppPlace app = FindApp(*split, tools.cwd);
  const Result<Settings> settings = MergeSettings({.command_line = typed,
                                                   .environment = tools.environment,
                                                   .cwd = tools.cwd,
                                                   .app_folder = app.folder});
  if (!settings) return PrintError(tools, settings.error());
  for (const std::string& warning : settings->warnings())
    PrintMessage(tools, "warning: " + warning);
  if (explain) return Explain(tools, *settings);

  if (const Result<> found = CheckApp(*split, app, tools.cwd); !found)
    return PrintError(tools, found.error());
  if (const Result<> good = CheckSettings(*settings); !good) return PrintError(tools, good.error());
  RunRequest request = RequestFrom(tools, *settings);
  request.script = app.script;
  request.module = split->module;
  request.arguments = split->app;
  // Flet's own default, for images that the app names by their place in it.
  std::error_code error;
  if (const fs::path beside = fs::path(app.folder) / "assets";
      request.assets.empty() && fs::is_directory(beside, error))
    request.assets = beside.string();
  if (!request.report_file.empty()) {
    // Before the app has run for an hour, not after.
    if (const Result<> good = CheckReportPath(request.report_file); !good)
      return PrintError(tools, good.error());
  }
  if (variant.complete) {
    if (const Result<> complete = variant.complete(request); !complete)
      return PrintError(tools, complete.error());
  }
  if (!request.record_file.empty()) {
    if (const Result<> good = recording::CheckRecordingPath(request.record_file); !good)
      return PrintError(tools, good.error());
  }
  tools.out.flush();
  return tools.parts.run(request);
}

}  // namespace fletbridge
