// Room: tools. `fletbridge doctor`: asks, prints, and tells by its exit code whether any stage
// works.
#include "tools/command_line.h"
#include "tools/diagnosis.h"

namespace fletbridge {
namespace {

constexpr std::string_view kFooter =
    "Exit code 0 if at least one stage works, else 1.\n"
    "\n"
    "Examples:\n"
    "  fletbridge doctor                       every interpreter that `run` might take\n"
    "  fletbridge doctor --python .venv        this one alone\n"
    "  fletbridge doctor --json                for programs\n";

}  // namespace

int DoctorCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Says what works on this machine, and how to get what does not.", "doctor");
  command.formatter(HelpShape("fletbridge doctor [options]"));
  command.footer(std::string(kFooter));
  bool json = false;
  TextPairs typed;
  AddSettings(command, typed, {"python", "hosting", "flet-client", "config"});
  command.add_flag("--json", json, "Print one JSON object")->group("Options");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;

  const Result<Settings> settings = MergeSettings({.command_line = typed,
                                                   .environment = tools.environment,
                                                   .cwd = tools.cwd,
                                                   .app_folder = tools.cwd});
  if (!settings) return PrintError(tools, settings.error());
  for (const std::string& warning : settings->warnings())
    PrintMessage(tools, "warning: " + warning);
  const SettingValue& python = settings->Get("python");
  const Diagnosis diagnosis = Diagnose(tools, python.text, python.where, settings->text("hosting"),
                                       settings->text("flet-client"));
  tools.out << (json ? DiagnosisJson(diagnosis) : DiagnosisText(diagnosis, tools.utf8_terminal));
  return diagnosis.ok() ? 0 : 1;
}

}  // namespace fletbridge
