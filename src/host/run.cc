#include "src/host/run.h"

#include <cstdio>
#include <optional>
#include <unistd.h>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/own_file.h"
#include "common/measure/stopwatch.h"
#include "common/process/surroundings.h"
#include "common/python/running.h"
#include "src/host/factory.h"
#include "src/host/features.h"
#include "src/host/handover.h"
#include "src/host/launch.h"
#include "src/host/survey.h"
#include "src/host/watched_end.h"

namespace fletbridge {
namespace {

constexpr int kFailureCode = 70;

// As Decide(), and lower where earlier starts say so.
Result<LaunchPlan> DecideGuarded(const RunRequest& request, const LaunchFacts& facts,
                                 StartGuard* guard, bool peeks) {
  Result<LaunchPlan> plan = Decide(request, facts);
  if (!plan || guard == nullptr) return plan;
  const StartAdvice advice = guard->Advise(request, *plan, StageNames(), peeks);
  if (!advice.changes.empty()) {
    Lowering lowering{plan->fallbacks, advice.changes.front().why};
    lowering.changes.insert(lowering.changes.end(), advice.changes.begin(), advice.changes.end());
    plan = Decide(request, facts, lowering);
    if (!plan) return plan;
  }
  plan->doubtful = advice.doubtful && MayLower(request, facts, plan->stage);
  return plan;
}

// After the plan's stage could not be started in this run.
Result<LaunchPlan> DecideLower(const RunRequest& request, const LaunchFacts& facts,
                               const LaunchPlan& plan, const Error& why) {
  if (!MayLower(request, facts, plan.stage)) return why;
  Result<LaunchPlan> lower = Decide(request, facts, LowerThan(plan, facts, why));
  if (lower) lower->doubtful = plan.doubtful && MayLower(request, facts, lower->stage);
  return lower;
}

// The line that a person at a terminal sees.
void Announce(const RunRequest& request, const Interpreter& python, const LaunchPlan& plan) {
  const std::string app = request.script.empty() ? "-m " + request.module : request.script;
  const std::string headline = app + " on " + Describe(plan) + ", Flet " + python.flet_version +
                               ", Python " + python.Version();
  if (!plan.why.empty()) {
    Log(LogLevel::kInfo, headline + ": " + plan.why);
  } else if (!request.quiet && ::isatty(STDERR_FILENO) != 0) {
    Log(LogLevel::kInfo, headline);
  } else {
    Log(LogLevel::kDebug, headline);
  }
  if (!plan.hostings.empty()) {
    Log(LogLevel::kDebug, "hosting " + HostingOf(plan) + ": " + plan.hosting_why);
  }
  if (plan.shown_by == "desktop") {
    Log(LogLevel::kDebug,
        plan.direct ? "direct: the client speaks to the app itself" : "relayed: " + plan.mode_why);
  }
  if (!plan.no_window.empty()) {
    Log(LogLevel::kInfo, "no window, the app runs headless until Ctrl-C: " + plan.no_window);
  }
}

// The run itself, in the program in which it stays.
int RunHere(Handover& run, const Features& features) {
  // Read at the end, which may come inside exit().
  static Timeline timeline{SteadyTime(std::chrono::nanoseconds(run.start_ns))};
  Launch launch(run.request, run.plan, run.python, features, timeline);
  launch.generation = static_cast<Generation>(WireGeneration(run.python.flet_version));
  launch.speeds_up = true;
  launch.make_app = [&run](EventLoop& loop, Accelerators* accelerators) {
    AppSpec spec;
    const bool is_named =
        run.plan.hostings.empty() || run.plan.hostings.front() == Hosting::kInterpreter;
    spec.python = is_named ? run.python.path : run.python.executable;
    spec.arguments = AppArguments(run.request);
    spec.environment = run.request.environment;
    accelerators->GiveTo(spec);
    spec.generation = static_cast<Generation>(WireGeneration(run.python.flet_version));
    spec.limits = run.request.limits;
    spec.single_session = run.plan.shown_by == "headless";
    spec.direct = run.plan.direct;
    spec.takes_socket = TakesSocket(run.python);
    // A folder of ours comes next. The session reads the signals; a hosted interpreter has its own
    // way.
    if (run.plan.hostings.empty()) (void)HoldSignals();
    return MakeStage(loop, run.plan, run.python, std::move(spec));
  };
  return Run(std::move(launch));
}

// Ends the process where a window was shown: its engine's threads do not survive the libraries'
// end, which is what exit() begins with.
int End(const LaunchPlan& plan, int code) {
  if (plan.shown_by != "desktop") return code;
  std::fflush(nullptr);
  FlushLog();
  ::_exit(code);
}

// Whether the request can be served, before another program is started for it.
Result<> CheckUi(const RunRequest& request, const LaunchPlan& plan, const LaunchFacts& facts,
                 const Features& features) {
  EventLoop loop;
  Result<std::unique_ptr<UiEndpoint>> ui =
      MakeUi(loop, request, plan, facts.python.flet_package, GenerationOf(facts), features);
  if (!ui) return ui.error();
  return {};
}

// Goes on in the program that hosts the interpreter, and does not return; or returns nothing, where
// that is this program, or why no program can.
std::optional<Error> BecomeHost(Handover& run) {
  std::vector<Hosting>& hostings = run.plan.hostings;
  while (!hostings.empty() && hostings.front() != Hosting::kLibrary) {
    const Error why = Become(hostings.front(), run, AppArguments(run.request));
    run.plan.hosting_why = "not " + std::string(HostingName(hostings.front())) + ": " + why.Line();
    hostings.erase(hostings.begin());
    if (hostings.empty()) return why;
    Log(LogLevel::kWarning, why.Line());
  }
  return {};
}

}  // namespace

int Run(const RunRequest& request, const Features& features) {
  IgnoreBrokenPipes();
  Handover run;
  run.start_ns = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  run.log_level = static_cast<int>(log_level());
  run.request = request;
  const Result<LaunchFacts> facts = Survey(request, features, true);
  if (!facts) return Fail(facts.error());
  run.python = facts->python;
  if (Result<> read = ReadSteps(run.request); !read) return Fail(read.error());
  StartGuard* guard = features.GuardOf(request);
  Result<LaunchPlan> plan = DecideGuarded(run.request, *facts, guard, false);
  if (plan) {
    if (Result<> good = CheckUi(run.request, *plan, *facts, features); !good)
      return Fail(good.error());
  }
  while (plan) {
    run.plan = std::move(*plan);
    run.plan.accelerators_package = AcceleratePackage();
    Announce(run.request, run.python, run.plan);
    std::optional<WatchedEnd> end;
    if (guard != nullptr) end = guard->Begin(run.request, run.plan);
    if (end) {
      if (!end->start_failed) return EndLike(*end);
      guard->BookEnded(run.request, run.plan);
      plan = DecideLower(run.request, *facts, run.plan, MakeError(Errc::kSetup, Describe(*end)));
      if (!plan) return EndLike(*end);
      continue;
    }
    const std::optional<Error> why = BecomeHost(run);
    if (!why) return End(run.plan, RunHere(run, features));
    if (guard != nullptr) guard->NoStart(run.request, run.plan, *why, true);
    plan = DecideLower(run.request, *facts, run.plan, *why);
  }
  return Fail(plan.error());
}

Result<LaunchPlan> PlanStart(const RunRequest& request, const Features& features) {
  const Result<LaunchFacts> facts = Survey(request, features, false);
  if (!facts) return facts.error();
  return DecideGuarded(request, *facts, features.GuardOf(request), true);
}

int RunHandedOver(int fd, const Features& features) noexcept try {
  Result<Handover> run = ReadHandover(fd);
  if (!run) return Fail(run.error());
  SetLogLevel(static_cast<LogLevel>(run->log_level));
  SetLogStart(SteadyTime(std::chrono::nanoseconds(run->start_ns)));
  run->python.libpython.clear();  // it is in this process
  return RunHere(*run, features);
} catch (const std::exception& error) {
  Log(LogLevel::kError, CauseOf(error));
  return kFailureCode;
}

int RunAsClient(const RunRequest& asked, const std::string& page_url, const std::string& pid_file,
                const Features& features) {
  static Timeline timeline;
  IgnoreBrokenPipes();
  RunRequest request = asked;
  if (Result<> read = ReadSteps(request); !read) return Fail(read.error());
  // Flet does not say which one it is.
  Interpreter python;
  if (Result<Interpreter> parent = ProbeRunning(::getppid()); parent) {
    python = std::move(*parent);
  } else {
    Log(LogLevel::kDebug, parent.error().Line());
  }
  const LaunchFacts facts = SurveyAsClient(request, features, std::move(python));
  Result<LaunchPlan> plan =
      DecideAsClient(request, facts, page_url.starts_with("tcp:") ? "tcp" : "uds");
  if (!plan) return Fail(plan.error());
  Launch launch(request, *plan, facts.python, features, timeline);
  // An unknown one is spoken to as the newest first, which the others are translated to.
  const Generation spoken = GenerationOf(facts);
  launch.generation = spoken == Generation::kUnknown ? Generation::kG3 : spoken;
  launch.app = page_url;
  launch.make_app = [&](EventLoop& loop, Accelerators*) {
    return MakeClientOf(loop, request, *plan, page_url, spoken);
  };
  if (!pid_file.empty()) {
    // Python kills the process whose number it finds here; it removes the file itself.
    if (Result<> written = WriteOwnFile(pid_file, std::to_string(::getpid())); !written)
      Log(LogLevel::kWarning,
          "cannot write the pid file " + pid_file + ": " + written.error().Line());
  }
  const int code = Run(std::move(launch));
  // Python removes it when it sees our end; a Python that was killed does not.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return End(*plan, code);
}

}  // namespace fletbridge
