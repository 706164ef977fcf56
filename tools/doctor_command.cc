// Room: tools. `fletbridge doctor [SCRIPT]`: examines the machine and prints the findings; the
// exit code says whether any stage works, and whether the app would run.
#include "tools/app_place.h"
#include "tools/command_line.h"
#include "tools/diagnosis.h"
#include "tools/planned_start.h"
#include "tools/rollout_choice.h"

namespace fletbridge {
namespace {

constexpr std::string_view kFooter =
    "With an app: also what a run of it would be, with the settings of its folder and its own\n"
    "interpreter. Exit code 0 if at least one stage works and the app would run, else 1.\n"
    "\n"
    "Examples:\n"
    "  fletbridge doctor                       every interpreter that `run` might take\n"
    "  fletbridge doctor shop/main.py          what a run of this app would be\n"
    "  fletbridge doctor --python .venv        this one alone\n"
    "  fletbridge doctor --json                for programs\n";

AppFinding LookAtApp(const Toolbox& tools, const SplitArguments& split, const AppPlace& app,
                     Settings& settings) {
  AppFinding finding;
  finding.path = split.module.empty() ? app.path : "-m " + split.module;
  RolloutChoice rollout;
  // The rollout is asked for what is there alone.
  if (CheckApp(split, app, tools.cwd)) rollout = ChooseByRollout(tools, settings, app);
  if (rollout.asked) TakeRollout(rollout, settings);
  Result<LaunchPlan> plan = PlannedStart(tools, split, app, rollout, settings);
  if (plan) {
    finding.plan = std::move(*plan);
  } else {
    finding.obstacle = plan.error().Line();
  }
  return finding;
}

}  // namespace

int DoctorCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Says what works on this machine, and how to get what does not.", "doctor");
  command.formatter(HelpShape("fletbridge doctor [options] [SCRIPT | -m MODULE]"));
  command.footer(std::string(kFooter));
  bool json = false;
  TextPairs typed;
  AddSettings(command, typed, {"python", "hosting", "flet-client", "config"});
  command.add_flag("--json", json, "Print one JSON object")->group("Options");
  command.add_option("-m,--module")
      ->option_text("MODULE")
      ->group("Options")
      ->description("A module as the app");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  const Result<SplitArguments> split = SplitAtApp(command, args);
  if (!split) return PrintError(tools, split.error());
  if (const std::optional<int> end = Parse(command, tools, split->ours)) return *end;

  const AppPlace app = FindApp(*split, tools.cwd);
  Result<Settings> settings = MergeSettings({.command_line = typed,
                                             .environment = tools.environment,
                                             .cwd = tools.cwd,
                                             .app_folder = app.folder});
  if (!settings) return PrintError(tools, settings.error());
  for (const std::string& warning : settings->warnings())
    PrintMessage(tools, "warning: " + warning);
  const SettingValue& python = settings->Get("python");
  Diagnosis diagnosis = Diagnose(tools, python.text, python.where, settings->text("hosting"),
                                 settings->text("flet-client"), app.folder);
  if (!split->script.empty() || !split->module.empty())
    diagnosis.app = LookAtApp(tools, *split, app, *settings);
  tools.out << (json ? DiagnosisJson(diagnosis) : DiagnosisText(diagnosis, tools.utf8_terminal));
  return diagnosis.ok() ? 0 : 1;
}

}  // namespace fletbridge
