// Room: tools. `fletbridge rollout …`: the rollout's commands outside of a run. Those that need
// only a flag file are in rollout_file_commands.cc.
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "common/base/counted.h"
#include "src/rollout/start_book.h"
#include "tools/app_place.h"
#include "tools/command_line.h"
#include "tools/planned_start.h"
#include "tools/request.h"
#include "tools/rollout_choice.h"
#include "tools/rollout_file_commands.h"
#include "tools/rollout_merge.h"

namespace fletbridge {
namespace {

constexpr std::string_view kUsage =
    "Usage: fletbridge rollout COMMAND [options]\n\n"
    "Which stage an installation gets, by a flag file in flagd's format, and the way back.\n\n"
    "Commands:\n"
    "  explain [SCRIPT | -m MODULE]   Print the decision for this installation, and why\n"
    "  validate FILE                  Find the mistakes of a flag file, with their places\n"
    "  simulate FILE                  Show the share of each stage among made-up installations\n"
    "  eval FILE --flag KEY           Evaluate a flag of any flagd file, as JSON\n"
    "  status                         Show what the starts so far came to, per app and stage\n"
    "  merge FILE…                    Say whether a stage is worse, over many installations'\n"
    "                                 status --json\n"
    "  reset                          Let stages that failed be tried again at once\n\n"
    "Options:\n"
    "  -h, --help     Show this text; fletbridge rollout COMMAND --help shows a command's\n\n"
    "A run takes its stage from a rollout with --rollout FILE|DIR|URL, or with `rollout` in the\n"
    "app's pyproject.toml. See docs/rollout.md.\n";

// The breaker as it would stand before a start of the versions that last failed.
BreakerPhase PhaseNow(const StageBook& stage) {
  return PhaseOf(stage.breaker, stage.breaker.versions, std::time(nullptr));
}

// What a start would do now: not all that the flag file gives can be had here, and a stage may
// rest.
void PrintPlan(const Toolbox& tools, const SplitArguments& split, const AppPlace& app,
               const RolloutChoice& choice, const Settings& settings) {
  if (split.script.empty() && split.module.empty()) return;
  const Result<LaunchPlan> plan = PlannedStart(tools, split, app, choice, settings);
  if (!plan) {
    tools.out << "a start        would be refused: " << plan.error().Line() << "\n";
    return;
  }
  const std::string why = WhyAnotherStage(*plan);
  tools.out << "a start        stage " << plan->stage << " (" << plan->transport
            << (plan->hostings.empty() ? "" : ", hosting " + HostingOf(*plan)) << ")"
            << (why.empty() ? "" : ": " + why) << "\n";
  for (const RunReport::Fallback& change : plan->fallbacks) {
    if (change.why != why)
      tools.out << "               not " << change.from << ": " << change.why << "\n";
  }
}

int Explain(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Prints which stage this installation gets, and why.", "rollout explain");
  command.formatter(HelpShape("fletbridge rollout explain [options] [SCRIPT | -m MODULE]"));
  TextPairs typed;
  AddSettings(command, typed,
              {"rollout", "rollout-token", "stage", "transport", "python", "config"});
  command.add_option("-m,--module")->option_text("MODULE")->description("A module as the app");
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
  const RolloutChoice choice = ChooseByRollout(tools, *settings, app);
  if (!choice.asked) {
    tools.out << "no rollout is set, so stage " << settings->text("stage") << " (from "
              << settings->Get("stage").where << "); set one with --rollout ADDRESS\n";
    return 0;
  }
  TakeRollout(choice, *settings);
  const SettingValue& stage = settings->Get("stage");
  tools.out << "stage          " << stage.text << " (from " << stage.where << ")\n"
            << "transport      "
            << (settings->text("transport").empty() ? "the stage's own"
                                                    : settings->text("transport"))
            << "\n"
            << "rollout        " << choice.address << "\n"
            << "flags from     " << choice.origin << (choice.note.empty() ? "" : ": " + choice.note)
            << "\n"
            << "decision       stage " << choice.decision.given.stage << ": " << choice.decision.why
            << "\n"
            << "installation   " << choice.installation.id
            << (choice.installation.kept ? "" : " (for this run alone)") << "\n"
            << "app            " << choice.context.app << " " << choice.context.app_version << "\n";
  PrintPlan(tools, *split, app, choice, *settings);
  for (const Book& book : ReadBooks(StateFolderOf(tools))) {
    if (book.id != AppId(app.path)) continue;
    for (const auto& [name, noted] : book.stages) {
      if (noted.breaker.opened != 0) {
        tools.out << "way back       stage " << name << " is " << PhaseName(PhaseNow(noted)) << ": "
                  << noted.breaker.why << "\n";
      }
    }
  }
  return 0;
}

std::string Milliseconds(double seconds) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f ms", seconds * 1000);
  return text;
}

std::string Mean(const BucketCounts& histogram) {
  if (histogram.count() == 0) return "-";
  return Milliseconds(histogram.sum() / static_cast<double>(histogram.count()));
}

Json HistogramJson(const BucketCounts& histogram) {
  Json buckets = Json::array();
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    below += histogram.counts()[i];
    buckets.push_back({{"le", histogram.bounds()[i]}, {"count", below}});
  }
  return {{"count", histogram.count()}, {"sum", histogram.sum()}, {"buckets", buckets}};
}

Json StatusJson(const std::vector<Book>& books, const Installation& installation) {
  Json apps = Json::array();
  const auto starts = [](const std::vector<PastStart>& list) {
    Json json = Json::array();
    for (const PastStart& start : list) {
      json.push_back({{"stage", start.stage},
                      {"started", start.started},
                      {"outcome", start.outcome.empty() ? "running" : start.outcome},
                      {"why", start.why}});
    }
    return json;
  };
  for (const Book& book : books) {
    Json stages = Json::object();
    for (const auto& [name, stage] : book.stages) {
      const BreakerPhase phase = PhaseNow(stage);
      stages[name] = {
          {"breaker",
           {{"state", PhaseName(phase)},
            {"failures_in_a_row", stage.breaker.failures},
            {"retry_at", stage.breaker.opened == 0 ? Json() : Json(stage.breaker.retry_at)},
            {"versions", stage.breaker.versions},
            {"why", stage.breaker.why}}},
          {"starts", stage.figures.starts},
          {"failures", stage.figures.failures},
          {"fallbacks", stage.figures.fallbacks},
          {"first_frame_seconds", HistogramJson(stage.figures.first_frame)},
          {"click_seconds", HistogramJson(stage.figures.click)}};
    }
    apps.push_back({{"app", book.app},
                    {"id", book.id},
                    {"versions",
                     {{"app", book.app_version},
                      {"flet", book.flet_version},
                      {"fletbridge", book.fletbridge_version}}},
                    {"stages", stages},
                    {"last", starts(book.last)},
                    {"running", starts(book.running)}});
  }
  return {{"installation", installation.kept ? Json(installation.id) : Json()}, {"apps", apps}};
}

void PrintStatus(const Toolbox& tools, const std::vector<Book>& books) {
  if (books.empty()) tools.out << "no start has been noted; those with a rollout are\n";
  for (const Book& book : books) {
    tools.out << book.app << " (" << book.id << ")"
              << (book.running.empty() ? ""
                                       : ", running now: " + std::to_string(book.running.size()))
              << "\n";
    for (const auto& [name, stage] : book.stages) {
      const StageFigures& figures = stage.figures;
      tools.out << "  stage " << name << ": " << Counted(figures.starts, "start") << ", "
                << Counted(figures.failures, "failure") << ", "
                << Counted(figures.fallbacks, "fallback") << ", first frame "
                << Mean(figures.first_frame) << ", click " << Mean(figures.click) << "; "
                << PhaseName(PhaseNow(stage));
      if (!stage.breaker.why.empty()) tools.out << " (" << stage.breaker.why << ")";
      tools.out << "\n";
    }
  }
}

int Status(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Shows what the starts so far came to, per app and stage.", "rollout status");
  command.formatter(HelpShape("fletbridge rollout status [options]"));
  bool json = false;
  std::string metrics;
  command.add_flag("--json", json, "As JSON");
  command.add_option("--metrics", metrics, "Write the same for node_exporter's textfile collector")
      ->option_text("FILE.prom");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  const std::string folder = StateFolderOf(tools);
  const std::vector<Book> books = ReadBooks(folder);
  if (!metrics.empty()) {
    const std::string path = (std::filesystem::path(tools.cwd) / metrics).string();
    if (Result<> written = WriteMetrics(folder, path, std::time(nullptr)); !written)
      return PrintError(tools, written.error());
  }
  if (json) {
    tools.out << StatusJson(books, PeekInstallation(folder))
                     .dump(2, ' ', false, Json::error_handler_t::replace)
              << "\n";
  } else if (metrics.empty()) {
    PrintStatus(tools, books);
  }
  return 0;
}

int Reset(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Lets stages that failed be tried again at once.", "rollout reset");
  command.formatter(HelpShape("fletbridge rollout reset [options]"));
  bool forget = false;
  command.add_flag("--figures", forget, "Forget all starts and their figures as well");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  if (Result<> done = ResetBooks(StateFolderOf(tools), forget); !done)
    return PrintError(tools, done.error());
  return 0;
}

constexpr std::array kCommands = {
    Subcommand{"explain", "Print the decision for this installation, and why", Explain},
    Subcommand{"validate", "Find the mistakes of a flag file, with their places", ValidateFlagFile},
    Subcommand{"simulate", "Show the share of each stage among made-up installations",
               SimulateFlagFile},
    Subcommand{"eval", "Evaluate a flag of any flagd file, as JSON", EvaluateFlag},
    Subcommand{"status", "Show what the starts so far came to, per app and stage", Status},
    Subcommand{"merge", "Say whether a stage is worse, over the status of many installations",
               MergeStatus},
    Subcommand{"reset", "Let stages that failed be tried again at once", Reset},
};

}  // namespace

int RolloutCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  return RunSubcommand(tools, args, "rollout", kUsage, kCommands);
}

}  // namespace fletbridge
