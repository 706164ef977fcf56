// Room: tools. `fletbridge run [options] SCRIPT [ARGS…] | -m MODULE [ARGS…]`: reads the command
// line, merges the settings, hands the request to src/host.
#include <filesystem>

#include "common/base/log.h"
#include "common/measure/run_report.h"
#include "src/recording/recorder.h"
#include "tools/app_place.h"
#include "tools/command_line.h"
#include "tools/planned_start.h"
#include "tools/request.h"
#include "tools/rollout_choice.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFooter =
    "Each setting may also stand in the environment (FLETBRIDGE_LOG_LEVEL), in the app's "
    "pyproject.toml\n"
    "below [tool.fletbridge], in fletbridge.json beside the app, in "
    "~/.config/fletbridge/config.toml, or\n"
    "for all users in /etc/xdg/fletbridge/config.toml, which must be root's; the first of these, "
    "after the\n"
    "command line, wins. What follows SCRIPT or -m MODULE is the app's; without either it is "
    "main.py "
    "of\n"
    "this folder.\n"
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

// These may be repeated: leaving one out because another was named would be a trap.
void JoinRepeated(TextPairs& typed) {
  for (const char* const repeated : {"redact", "trusted-proxy"}) {
    std::string all;
    for (const auto& [name, text] : typed) {
      if (name == repeated) all += (all.empty() ? "" : ",") + text;
    }
    std::erase_if(typed, [&](const auto& pair) { return pair.first == repeated; });
    if (!all.empty()) typed.emplace_back(repeated, all);
  }
}

int Explain(const Toolbox& tools, const SplitArguments& split, const AppPlace& app,
            const RolloutChoice& rollout, const Settings& settings) {
  tools.out << ExplainSettings(settings);
  if (split.script.empty() && split.module.empty()) {
    if (const Result<> good = CheckSettings(settings); !good)
      PrintMessage(tools, "a run would be refused: " + good.error().Line());
    return 0;
  }
  const Result<LaunchPlan> plan = PlannedStart(tools, split, app, rollout, settings);
  if (!plan) {
    PrintMessage(tools, "a run would be refused: " + plan.error().Line());
    return 0;
  }
  tools.out << "\na run: " << Describe(*plan) << (plan->why.empty() ? "" : ": " + plan->why)
            << "\n";
  if (!plan->hostings.empty())
    tools.out << "hosting " << HostingOf(*plan) << ": " << plan->hosting_why << "\n";
  if (!plan->no_window.empty()) tools.out << "no window: " << plan->no_window << "\n";
  if (plan->reloads) {
    tools.out << "hot reload: of what is saved in " << app.folder
              << (settings.flag("recursive") ? " and below" : "")
              << "; one process holds the UI, and each start of the app is a child of it\n";
  }
  tools.out << "mode " << (plan->direct ? "direct" : "relayed")
            << (plan->mode_why.empty() ? "" : ": " + plan->mode_why) << "\n";
  return 0;
}

}  // namespace

int RunCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  return RunAppCommand(tools, args,
                       {.name = "run",
                        .about = "Runs an unmodified Flet app.",
                        .words = "[SCRIPT [ARGS…] | -m MODULE [ARGS…]]",
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
  command
      .add_flag("--explain", explain,
                "Show each setting, where it came from, and what the run would be; runs no app")
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

  if (!variant.choose_app) TakeMainOfFolder(*split, tools.cwd);
  if (!split->near_miss.empty()) PrintMessage(tools, "warning: " + split->near_miss);

  JoinRepeated(typed);
  const AppPlace app = FindApp(*split, tools.cwd);
  Result<Settings> settings = MergeSettings({.command_line = typed,
                                             .environment = tools.environment,
                                             .cwd = tools.cwd,
                                             .app_folder = app.folder});
  if (!settings) return PrintError(tools, settings.error());
  for (const std::string& warning : settings->warnings())
    PrintMessage(tools, "warning: " + warning);
  const RolloutChoice rollout = ChooseByRollout(tools, *settings, app);
  if (rollout.asked) {
    TakeRollout(rollout, *settings);
    if (!explain && !rollout.problem.empty()) PrintMessage(tools, rollout.problem);
  }
  if (explain) return Explain(tools, *split, app, rollout, *settings);

  if (const Result<> found = CheckApp(*split, app, tools.cwd); !found)
    return PrintError(tools, found.error());
  if (const Result<> good = CheckSettings(*settings); !good) return PrintError(tools, good.error());
  RunRequest request = RequestFrom(tools, *settings);
  request.script = app.script;
  request.module = split->module;
  request.arguments = split->app;
  if (variant.settings.empty()) WatchFor(*settings, app, request);
  if (rollout.asked) {
    Log(LogLevel::kDebug, "rollout: flags from " + rollout.origin + " after " +
                              std::to_string(rollout.waited.count()) + " ms" +
                              (rollout.note.empty() ? "" : ": " + rollout.note));
  }
  if (rollout.asked) NoteRollout(tools, *settings, app, rollout, request);
  if (!rollout.asked && !settings->text("metrics").empty()) {
    PrintMessage(tools, "no metrics are written to " + settings->text("metrics") + " (from " +
                            settings->Get("metrics").where + "): there is no rollout");
  }
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
