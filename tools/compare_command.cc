// Room: tools. `fletbridge compare [options] [SCRIPT [ARGS…] | -m MODULE [ARGS…]]`: from the
// command line to a plan, and from its results to what people read. The measuring is src/compare.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/cause.h"
#include "common/measure/run_report.h"
#include "common/platform/self.h"
#include "src/compare/against.h"
#include "src/compare/csv.h"
#include "src/compare/display_steps.h"
#include "src/compare/interrupt.h"
#include "src/compare/page.h"
#include "src/compare/runner.h"
#include "src/compare/table.h"
#include "src/rollout/state_folder.h"
#include "src/ui/headless/screen.h"
#include "tools/app_place.h"
#include "tools/command_line.h"
#include "tools/compare_baseline.h"
#include "tools/compare_options.h"
#include "tools/rollout_choice.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

// A round of four variants takes most of a minute there, and there must be six for an interval.
constexpr std::chrono::duration<double> kTimeAtDisplay{420};
// Many workloads, of which some take a second an input.
constexpr std::chrono::duration<double> kTimeOfBuiltIn{600};

std::vector<std::string> Names(const std::string& list) {
  std::vector<std::string> names;
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    names.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return names;
}

Result<> ChooseVariants(const CompareOptions& options, compare::Plan& plan) {
  Result<std::vector<compare::Variant>> variants =
      compare::ParseVariants(options.stages.empty() ? kDefaultStages : options.stages);
  if (!variants) return variants.error();
  plan.variants = std::move(*variants);
  if (!options.baseline.empty()) {
    Result<compare::Variant> baseline = compare::ParseVariant(options.baseline);
    if (!baseline) return baseline.error();
    std::erase_if(plan.variants,
                  [&](const compare::Variant& v) { return v.name == baseline->name; });
    plan.variants.insert(plan.variants.begin(), std::move(*baseline));
  }
  if (!options.self_test) return {};
  const compare::Variant first = plan.variants[0];
  plan.variants = {first, first};
  plan.variants[1].name += " again";
  return {};
}

// `idle` and `memory` stand for several workloads each; frames are measured by the steps.
bool IsNamed(const compare::Workload& workload, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return workload.name == name || workload.group == name ||
           (name == "memory" && workload.name.starts_with("memory-")) ||
           (workload.once && (name == "frames" || name == "late-frames")) ||
           (name == "idle" && (workload.name == "idle-cpu" || workload.name == "wake-ups"));
  });
}

// `desktop`: at the display, where nothing but the screen is known of the app.
Result<> ChooseWorkloads(const CompareOptions& options, const std::string& steps, bool built_in,
                         bool desktop, compare::Plan& plan) {
  const std::vector<std::string> names = Names(options.workload);
  std::vector<compare::Workload> known;
  if (!steps.empty()) {
    known.push_back({.name = "steps",
                     .title = desktop ? "the clicks of the steps file, each until the watched part "
                                        "of the screen changes"
                                      : "the inputs of the steps file, each until the patch that "
                                        "answers it",
                     .unit = steps,
                     .once = true});
  } else if (desktop) {
    // The screen does not say what can be clicked.
  } else if (built_in) {
    known = compare::BuiltInWorkloads();
  } else {
    plan.find_clicks =
        names.empty() || std::find(names.begin(), names.end(), "clicks") != names.end();
  }
  if (const auto at_display = compare::ParseDisplaySteps(steps);
      desktop && at_display &&
      std::any_of(at_display->begin(), at_display->end(),
                  [](const compare::DisplayStep& step) { return step.frames; })) {
    for (compare::Workload& workload : compare::FrameWorkloads())
      known.push_back(std::move(workload));
  }
  for (const compare::Workload& workload : compare::AnyAppWorkloads(desktop)) {
    // The same thing twice needs no start-up and no memory, unless that is what is asked about.
    if (options.self_test && names.empty() && !desktop) continue;
    // Without steps there are no inputs at a display.
    if (desktop && steps.empty() && workload.measure == compare::Measure::kMemoryEnd) continue;
    known.push_back(workload);
  }
  for (const std::string& name : names) {
    const bool there = std::any_of(known.begin(), known.end(),
                                   [&](const compare::Workload& w) { return IsNamed(w, {name}); });
    if (there || (plan.find_clicks && name == "clicks")) continue;
    std::string all =
        !desktop && (plan.find_clicks || (!built_in && steps.empty())) ? "clicks" : "";
    for (const compare::Workload& w : known) all += (all.empty() ? "" : ", ") + w.name;
    if (built_in) {
      for (const std::string& group : compare::BuiltInGroups()) all += ", " + group;
    }
    return MakeError(Errc::kUsage,
                     "there is no workload '" + name + "' for this app" +
                         (desktop ? " at a display" : "") + "; there are " + all +
                         (desktop && steps.empty() ? ", and with --steps FILE clicks" : ""));
  }
  const auto by_default = [&](const compare::Workload& workload) {
    return names.empty() &&
           (workload.group.empty() || workload.group == compare::BuiltInGroups().front());
  };
  for (compare::Workload& workload : known) {
    if (by_default(workload) || IsNamed(workload, names))
      plan.workloads.push_back(std::move(workload));
  }
  return {};
}

// Finders, and a plan in which there is something to click.
Result<> ReadClicks(const CompareOptions& options, compare::Plan& plan) {
  if (!plan.find_clicks &&
      (options.dry_run || !options.clicks.empty() || !options.not_clicks.empty())) {
    return MakeError(
        Errc::kUsage,
        "--click, --not and --dry-run are of the workload clicks, which is measured of "
        "an app of yours under --ui headless without --steps; name the app, or leave "
        "them out");
  }
  for (const auto& [written, named] : {std::pair(&options.clicks, &plan.clicks),
                                       std::pair(&options.not_clicks, &plan.not_clicks)}) {
    for (const std::string& finder : *written) {
      const Result<Steps> read = ParseSteps("click " + finder);
      if (!read || read->steps.size() != 1) {
        return MakeError(Errc::kUsage,
                         "'" + finder +
                             "' is no finder; one is text=\"Next\", icon=ADD, key=save or "
                             "type=Button, with index=N where there are several");
      }
      Finder rest = read->steps[0].finder;
      compare::NamedControl control{finder, {}, rest.icon.value_or("")};
      control.index = rest.index.value_or(0);
      control.all = !rest.index.has_value();
      for (char& c : control.icon) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      rest.icon.reset();
      rest.index.reset();
      if (rest.text || rest.key || rest.type) control.finder = headless::Shown(rest);
      named->push_back(std::move(control));
    }
  }
  return {};
}

// The steps without `close`: the session is closed when it has been measured.
Result<std::string> ReadStepsFile(const std::string& path) {
  errno = 0;
  std::ifstream in(path);
  std::string steps, line;
  while (std::getline(in, line)) {
    if (line.find_first_not_of(" \t\r") != std::string::npos &&
        line.substr(0, line.find('#')).find("close") == line.find_first_not_of(" \t"))
      continue;
    steps += line + "\n";
  }
  if (in.bad() || !in.eof()) {
    return MakeError(Errc::kUsage,
                     "cannot read the steps in " + path + ": " +
                         CauseAndRemedy(errno != 0 ? errno : EIO, "name a readable file"));
  }
  return steps;
}

// flet-dev's library: FLETBRIDGE_ORIGINAL, or where a source tree has it beside itself; empty if
// nowhere.
std::string Original(const Toolbox& tools, const fs::path& programs) {
  for (const auto& [name, value] : tools.environment) {
    if (name == "FLETBRIDGE_ORIGINAL" && !value.empty()) return value;
  }
  std::error_code error;
  const fs::path beside =
      (programs / "../../../../shared/baseline/libdart_bridge.so").lexically_normal();
  return fs::exists(beside, error) ? beside.string() : "";
}

// The client in whose window all variants show the app.
Result<> ChooseWindow(const Toolbox& tools, const Settings& settings, const Interpreter& python,
                      compare::Plan& plan) {
  ClientSearch search = SearchOf(tools);
  search.asked = settings.text("flet-client");
  search.flet_package = python.flet_package;
  search.generation = tools.parts.wire_generation(python.flet_version);
  const Result<FletClient> client = ChooseClient(search);
  if (!client) return client.error();
  plan.client = client->folder;
  plan.client_is_of_the_app = client->generation == search.generation;
  return {};
}

// What the variants of other Flets run on.
Result<> ChooseOthers(const Toolbox& tools, const CompareOptions& options, bool desktop,
                      compare::Plan& plan) {
  for (const compare::Variant& variant : plan.variants) {
    if (variant.other.empty()) continue;
    if (desktop) {
      return MakeError(Errc::kUsage, variant.name + " is for --ui headless; leave it out");
    }
    const std::string begin = variant.other + "=";
    const auto named = std::ranges::find_if(
        options.others, [&](const std::string& text) { return text.starts_with(begin); });
    if (named == options.others.end()) {
      return MakeError(Errc::kUsage,
                       variant.name + " needs an interpreter with that Flet: --flet " + begin +
                           "PYTHON, or with the app written for it " + begin + "PYTHON,SCRIPT");
    }
    std::string python = named->substr(begin.size());
    compare::OtherFlet other;
    other.version = variant.other;
    std::error_code error;
    if (const std::size_t comma = python.find(','); comma != std::string::npos) {
      other.app = fs::absolute(python.substr(comma + 1), error).string();
      python.resize(comma);
      if (!fs::is_regular_file(other.app, error)) {
        return MakeError(Errc::kUsage,
                         "cannot open " + other.app + ": there is no such file; check the path");
      }
    }
    Result<std::string> found = tools.parts.find_interpreter(python, tools.cwd);
    if (!found) return found.error();
    Result<Interpreter> probed = tools.parts.probe_interpreter(*found);
    if (!probed) return probed.error();
    if (probed->flet_version != variant.other) {
      return MakeError(
          Errc::kUsage,
          *found + " has " +
              (probed->flet_version.empty() ? "no Flet" : "Flet " + probed->flet_version) +
              ", not " + variant.other + "; name another one");
    }
    other.python = fs::absolute(*found, error).string();
    other.python_home = probed->base_prefix;
    other.python_version = probed->Version();
    other.flet_package = probed->flet_package;
    plan.others.push_back(std::move(other));
  }
  return {};
}

Result<> ChooseApp(const Toolbox& tools, const SplitArguments& split, const AppPlace& app,
                   const Settings& settings, const std::string& app_folder, bool desktop,
                   compare::Plan& plan) {
  std::error_code error;
  const fs::path self = platform::OwnProgram();
  plan.programs = self.parent_path();
  const fs::path parts = self.parent_path().parent_path() / "lib/fletbridge";
  plan.parts = parts / "compare";
  plan.module = split.module;
  plan.arguments = split.app;
  if (!split.script.empty()) {
    plan.app = app.path;
  } else if (split.module.empty()) {
    plan.app = plan.parts + "/app.py";
  }
  if (plan.module.empty() && !fs::exists(plan.app, error)) {
    return MakeError(Errc::kUsage,
                     "cannot open " + plan.app + ": there is no such file; check the path");
  }
  Result<std::string> python = tools.parts.find_interpreter(settings.text("python"), app_folder);
  if (!python) return python.error();
  Result<Interpreter> probed = tools.parts.probe_interpreter(*python);
  if (!probed) return probed.error();
  if (probed->flet_version.empty()) {
    return MakeError(Errc::kSetup, "no flet in " + probed->prefix + "; run " +
                                       HowToInstall(*probed, "flet", app_folder) +
                                       ", or name another environment with --python");
  }
  plan.flet = probed->flet_version;
  plan.flet_package = probed->flet_package;
  plan.python_version = std::to_string(probed->major) + "." + std::to_string(probed->minor) + "." +
                        std::to_string(probed->micro);
  if (const fs::path host = parts / "fletbridge-packaged-host"; fs::exists(host, error))
    plan.packaged_host = host;
  plan.original = Original(tools, self.parent_path());
  if (const fs::path bridge = parts.parent_path() / "libdart_bridge.so"; fs::exists(bridge, error))
    plan.bridge = bridge;
  plan.python = fs::absolute(*python, error).string();  // starts may be in another folder
  plan.python_home = probed->base_prefix;
  return desktop ? ChooseWindow(tools, settings, *probed, plan) : Result<>();
}

// A line on the terminal that is written over and over; nothing where there is no terminal.
class ProgressLine {
 public:
  ProgressLine() : shown_(::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (shown_) std::fprintf(stderr, "\r\x1b[K");
  }
  void Tell(const compare::Progress& progress, std::ostream& out) const {
    if (!progress.said.empty()) {
      if (shown_) std::fprintf(stderr, "\r\x1b[K");
      out << progress.said << std::flush;
      return;
    }
    if (!shown_) return;
    const int full = static_cast<int>(progress.share * 20);
    std::fprintf(stderr, "\r\x1b[K[%.*s%.*s] %3.0f %%  at most %.0f s  %s", full,
                 "####################", 20 - full, "....................", progress.share * 100,
                 progress.seconds_left, progress.what.c_str());
    std::fflush(stderr);
  }

 private:
  const bool shown_;
};

// Where a report cannot be written its text is kept elsewhere, since an hour of measuring is in it.
int WriteOrKeep(const Toolbox& tools, const std::string& path, const std::string& text) {
  Result<> written = WriteReportText(path, text);
  if (written) return 0;
  std::error_code error;
  const std::string kept =
      fs::temp_directory_path(error) /
      ("fletbridge-compare-" + std::to_string(::getpid()) + fs::path(path).extension().string());
  const bool saved = !error && WriteReportText(kept, text).has_value();
  PrintMessage(tools, written.error().Line() + (saved ? "; it was kept in " + kept : ""));
  return kExitFailure;
}

std::string JsonText(const compare::Results& results) {
  return compare::ToJson(results).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

// Only whole results are a measure for later ones.
bool SaveBaseline(const Toolbox& tools, const NamedBaselines& baselines, const std::string& name,
                  const compare::Results& results) {
  if (!results.complete()) {
    PrintMessage(tools,
                 "the results were not saved as " + name + ": they are partial; measure again");
    return false;
  }
  if (const Result<> saved = baselines.Save(name, JsonText(results)); !saved) {
    PrintMessage(tools, saved.error().Line());
    return false;
  }
  tools.out << "\nsaved as " << name << "; compare with it: --against " << name << "\n"
            << std::flush;
  return true;
}

// The command line for a shell.
std::string AsTyped(const std::vector<std::string>& args) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  std::string line = "fletbridge compare";
  for (const std::string& arg : args) {
    if (!arg.empty() && arg.find_first_not_of(kPlain) == std::string::npos) {
      line += " " + arg;
      continue;
    }
    line += " '";
    for (const char c : arg) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += "'";
  }
  return line;
}

int WriteReports(const Toolbox& tools, const CompareOptions& options,
                 const compare::Results& results, const std::string& parts) {
  int failed = 0;
  if (!options.json.empty()) {
    failed = std::max(failed, WriteOrKeep(tools, options.json, JsonText(results)));
  }
  if (!options.markdown.empty())
    failed = std::max(failed, WriteOrKeep(tools, options.markdown, compare::MarkdownText(results)));
  if (!options.csv.empty())
    failed = std::max(failed, WriteOrKeep(tools, options.csv, compare::CsvText(results)));
  if (options.html.empty()) return failed;
  const Result<std::string> page = compare::PageHtml(results, parts);
  if (!page) return PrintError(tools, page.error());
  return std::max(failed, WriteOrKeep(tools, options.html, *page));
}

int ExitCode(const compare::Results& results, const CompareOptions& options, int signal) {
  if (signal != 0) return 128 + signal;
  // Our failure, or the app's.
  if (std::any_of(results.variants.begin(), results.variants.end(),
                  [](const compare::VariantState& state) { return state.raised; }))
    return 1;
  if (results.stopped_by == "failure") return kExitFailure;
  // Of the default list, what does not work on this machine is left out with a note.
  const bool asked = !options.stages.empty() || !options.baseline.empty() || options.self_test;
  for (const compare::VariantState& state : results.variants) {
    if (!state.problem.empty() && (asked || state.started)) return kExitFailure;
  }
  if (!options.self_test) return 0;
  for (const compare::WorkloadResult& workload : results.workloads) {
    const compare::Verdict verdict = workload.Compare(1, results.seed).verdict;
    if (verdict == compare::Verdict::kFaster || verdict == compare::Verdict::kSlower) return 1;
  }
  return 0;
}

}  // namespace

int CompareCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Measures an app on several stages against one another.", "compare");
  command.formatter(HelpShape("fletbridge compare [options] [SCRIPT [ARGS…] | -m MODULE [ARGS…]]"));
  command.footer(CompareFooter());
  CompareOptions options;
  TextPairs typed;
  AddSettings(command, typed, {"python", "steps", "ui", "flet-client", "config", "log-level"});
  AddOptions(command, options);
  command.set_help_flag("-h,--help", "Show this text")->group("Other");

  const Result<SplitArguments> split = SplitAtApp(command, args);
  if (!split) return PrintError(tools, split.error());
  if (const std::optional<int> end = Parse(command, tools, split->ours)) return *end;
  const AppPlace app = FindApp(*split, tools.cwd);
  const std::string app_folder = split->script.empty() ? tools.cwd : app.folder;
  const Result<Settings> settings = MergeSettings({.command_line = typed,
                                                   .environment = tools.environment,
                                                   .cwd = tools.cwd,
                                                   .app_folder = app_folder});
  if (!settings) return PrintError(tools, settings.error());
  const std::string ui =
      settings->Get("ui").source == SettingSource::kCommandLine ? settings->text("ui") : "headless";
  const bool desktop = ui == "desktop";
  if (!desktop && ui != "headless" && ui != "auto") {
    return PrintError(tools, MakeError(Errc::kUsage,
                                       "compare measures with --ui headless or "
                                       "--ui desktop, not with --ui " +
                                           ui));
  }
  for (const std::string& path : {options.json, options.html, options.markdown, options.csv}) {
    if (path.empty()) continue;
    if (const Result<> good = CheckReportPath(path); !good) return PrintError(tools, good.error());
  }

  std::error_code no_path;
  const NamedBaselines baselines(
      StateFolder(EnvironmentOf(tools, "XDG_STATE_HOME"), EnvironmentOf(tools, "HOME")),
      !split->module.empty()  ? "-m " + split->module
      : split->script.empty() ? std::string("built-in")
                              : fs::weakly_canonical(app.path, no_path).string());
  if (!options.save.empty()) {
    if (const Result<std::string> file = baselines.FileOf(options.save); !file)
      return PrintError(tools, file.error());
  }
  Result<nlohmann::json> old = nlohmann::json();
  if (!options.against.empty()) {
    const Result<std::string> file = baselines.Find(options.against);
    if (!file) return PrintError(tools, file.error());
    old = compare::ReadResults(*file);
    if (!old) return PrintError(tools, old.error());
    if (const std::string before = old->value("ui", "headless");
        before != (desktop ? "desktop" : "headless")) {
      return PrintError(tools, MakeError(Errc::kUsage, "cannot compare with " + options.against +
                                                           ": it was measured with --ui " + before +
                                                           "; measure so again"));
    }
  }

  compare::Plan plan;
  std::string steps;
  const bool built_in = split->script.empty() && split->module.empty();
  if (settings->Get("steps").source == SettingSource::kCommandLine) {
    Result<std::string> read = ReadStepsFile(settings->text("steps"));
    if (!read) return PrintError(tools, read.error());
    steps = std::move(*read);
    if (desktop) {
      if (const auto parsed = compare::ParseDisplaySteps(steps); !parsed)
        return PrintError(tools, parsed.error());
    }
  }
  if (built_in && !steps.empty()) {
    return PrintError(
        tools,
        MakeError(Errc::kUsage,
                  "--steps needs the app they are for: fletbridge compare SCRIPT --steps FILE"));
  }
  if (const Result<> good = ChooseVariants(options, plan); !good)
    return PrintError(tools, good.error());
  if (const Result<> good = ChooseWorkloads(options, steps, built_in, desktop, plan); !good)
    return PrintError(tools, good.error());
  if (const Result<> good = ChooseApp(tools, *split, app, *settings, app_folder, desktop, plan);
      !good)
    return PrintError(tools, good.error());
  if (const Result<> good = ChooseOthers(tools, options, desktop, plan); !good)
    return PrintError(tools, good.error());
  if (built_in) plan.time = kTimeOfBuiltIn;
  if (desktop) plan.time = kTimeAtDisplay;
  if (options.seconds > 0) plan.time = std::chrono::duration<double>(options.seconds);
  if (options.rounds > 0) plan.max_rounds = options.rounds;
  plan.precision = options.precision / 100;
  plan.dry_run = options.dry_run;
  if (options.fresh) plan.fresh = compare::Plan::Fresh::kAlways;
  if (options.in_place) plan.fresh = compare::Plan::Fresh::kNever;
  plan.prepare = options.prepare;
  if (!built_in) plan.app_folder = app_folder;
  if (const Result<> good = ReadClicks(options, plan); !good)
    return PrintError(tools, good.error());
  plan.seed = options.seed != 0 ? options.seed : std::random_device()();
  plan.cpus = options.cpus;

  const compare::Interrupt interrupt;
  Result<compare::Results> results = MakeError(Errc::kSetup, "");
  {
    const ProgressLine line;
    results = compare::RunPlan(plan, interrupt.fd(),
                               [&](const compare::Progress& p) { line.Tell(p, tools.out); });
  }
  if (!results) {
    const int signal = interrupt.signal();
    if (signal != 0) return 128 + signal;
    const int code = PrintError(tools, results.error());
    return results.error().code == Errc::kPeerMisbehaved ? 1 : code;
  }
  if (options.dry_run) {
    tools.out << compare::ClicksText(results->clicks) << std::flush;
    return 0;
  }
  results->command = AsTyped(args);
  tools.out << compare::TableText(*results) << std::flush;
  int failed = WriteReports(tools, options, *results, plan.parts);
  int code = ExitCode(*results, options, interrupt.signal());
  if (!options.against.empty()) {
    const compare::Against against =
        compare::CompareWithOld(compare::ToJson(*results), *old, options.threshold / 100);
    tools.out << compare::AgainstText(against, options.against) << std::flush;
    if (code == 0 && against.past_threshold()) code = 1;
  }
  if (!options.save.empty() && !SaveBaseline(tools, baselines, options.save, *results))
    failed = kExitFailure;
  return failed != 0 && code <= 1 ? failed : code;
}

}  // namespace fletbridge
