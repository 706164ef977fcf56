// Room: tools. `fletbridge check SCRIPT|DIR`: reads the command line; the analyser itself is the
// Python package fletbridge.check, which the app's own interpreter runs, since it alone knows the
// app's syntax.
#include <filesystem>

#include <nlohmann/json.hpp>

#include "common/config/version.h"
#include "common/platform/self.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFooter =
    "The app is read, not imported. A SCRIPT stands for itself and the app's own modules that it "
    "imports,\n"
    "a DIR for every Python file in it but those of virtual environments, builds and hidden "
    "folders.\n"
    "Rules are described in MIGRATION.md; a comment silences one: # fletbridge: ignore[FB104]\n"
    "\n"
    "Exit code: 0 nothing found at or above --fail-on, 1 something found, 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  fletbridge check app.py                        what changes on each stage\n"
    "  fletbridge check . --stage 3 --fail-on differs\n"
    "                                                 for a CI that moves to stage 3\n"
    "  fletbridge check . --sarif check.sarif         for a code host\n"
    "  fletbridge check app.py --run --from 1 --to 3 --steps steps.txt\n"
    "                                                 run it on both, and compare what happened\n";

struct CheckOptions {
  std::string target, stage = "all", fail_on = "breaks", select, ignore, sarif, flet;
  bool json = false;
  bool run = false;
  std::string from = "1", to = "3", steps;
  double seconds = 3;
};

void AddOptions(CLI::App& command, CheckOptions& options) {
  const auto stages = CLI::IsMember({"1", "2", "3"});
  command.add_option("SCRIPT|DIR", options.target);
  command.add_option("--stage", options.stage, "Judge for this stage alone: 1, 2, 3 or all")
      ->check(CLI::IsMember({"1", "2", "3", "all"}))
      ->option_text("STAGE")
      ->group("Options");
  command.add_option("--fail-on", options.fail_on, "What makes the exit code 1: differs or breaks")
      ->check(CLI::IsMember({"differs", "breaks"}))
      ->option_text("VERDICT")
      ->group("Options");
  command.add_option("--select", options.select, "Only these rules, such as FB1,FB203")
      ->option_text("IDS")
      ->group("Options");
  command.add_option("--ignore", options.ignore, "All rules but these")
      ->option_text("IDS")
      ->group("Options");
  command.add_flag("--json", options.json, "Print one JSON object")->group("Options");
  command.add_option("--sarif", options.sarif, "Also write the findings as SARIF 2.1.0")
      ->option_text("FILE")
      ->group("Options");
  command
      .add_option("--flet", options.flet,
                  "The app's version of Flet, if it is not the interpreter's")
      ->option_text("VERSION")
      ->group("Options");
  command.add_flag("--run", options.run, "Also run the app, headless, on two stages")
      ->group("Running it");
  command.add_option("--from", options.from, "The stage of today")
      ->check(stages)
      ->option_text("STAGE")
      ->group("Running it");
  command.add_option("--to", options.to, "The stage of tomorrow")
      ->check(stages)
      ->option_text("STAGE")
      ->group("Running it");
  command.add_option("--steps", options.steps, "What to do in the app, as for fletbridge run")
      ->option_text("FILE")
      ->group("Running it");
  command
      .add_option("--seconds", options.seconds,
                  "How long the app is left alone where there are no steps")
      ->check(CLI::Range(0.1, 3600.0))
      ->option_text("N")
      ->group("Running it");
}

// The checker's request; the keys are those of python/fletbridge/check/__main__.py.
std::string RequestText(const CheckOptions& options, const std::string& python) {
  const nlohmann::json request = {
      {"target", options.target},
      {"stage", options.stage == "all" ? "" : options.stage},
      {"fail_on", options.fail_on},
      {"select", options.select},
      {"ignore", options.ignore},
      {"json", options.json},
      {"sarif", options.sarif},
      {"flet", options.flet},
      {"python", python},
      {"version", Version()},
      {"program", platform::OwnProgram()},
      {"run", options.run},
      {"from", options.from},
      {"to", options.to},
      {"steps", options.steps},
      {"seconds", options.seconds},
  };
  return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

int CheckCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Says what would change for an app on another stage.", "check");
  command.formatter(HelpShape("fletbridge check [options] SCRIPT|DIR"));
  command.footer(std::string(kFooter));
  CheckOptions options;
  TextPairs typed;
  AddOptions(command, options);
  AddSettings(command, typed, {"python", "config"});
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  if (options.target.empty()) {
    return PrintError(tools,
                      MakeError(Errc::kUsage,
                                "no app to check; write fletbridge check SCRIPT, or DIR, or see "
                                "fletbridge check --help"));
  }
  std::error_code error;
  fs::path place = (fs::path(tools.cwd) / options.target).lexically_normal();
  if (!place.has_filename() && place.has_parent_path()) place = place.parent_path();  // of "shop/"
  const std::string folder =
      (fs::is_directory(place, error) ? place : place.parent_path()).string();
  const Result<Settings> settings = MergeSettings({.command_line = typed,
                                                   .environment = tools.environment,
                                                   .cwd = tools.cwd,
                                                   .app_folder = folder});
  if (!settings) return PrintError(tools, settings.error());
  const Result<std::string> python = tools.parts.find_interpreter(settings->text("python"), folder);
  if (!python) return PrintError(tools, python.error());
  tools.out.flush();
  return PrintError(tools, tools.parts.become_checker(*python, RequestText(options, *python)));
}

}  // namespace fletbridge
