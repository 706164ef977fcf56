#include "src/host/run.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <unistd.h>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/own_file.h"
#include "common/measure/stopwatch.h"
#include "common/platform/self.h"
#include "common/process/child.h"
#include "common/process/surroundings.h"
#include "common/python/flet_environment.h"
#include "common/python/running.h"
#include "src/host/factory.h"
#include "src/host/features.h"
#include "src/host/handover.h"
#include "src/host/launch.h"
#include "src/host/reload/reloaded_app.h"
#include "src/host/survey.h"
#include "src/host/watched_end.h"
#include "src/ui/web/access.h"
#include "src/ui/web/keyed_hash.h"
#include "src/ui/web/web_ui.h"
#include "src/ui/web/workers/worker_pool.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr int kFailureCode = 70;
// Seconds; as of a run that nobody watches.
constexpr std::int64_t kStartOfUnwatched = 120;
constexpr std::int64_t kEndOfUnwatched = 60;
// One for each of the clients that the web UI takes, and the one that waits for the next.
constexpr int kMostSessions = kMostWebClients + 1;

// As Decide(), and on a lower stage if the start guard advises it.
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

// The next lower plan, after the plan's stage could not be started.
Result<LaunchPlan> DecideLower(const RunRequest& request, const LaunchFacts& facts,
                               const LaunchPlan& plan, const Error& why) {
  if (!MayLower(request, facts, plan.stage)) return why;
  Result<LaunchPlan> lower = Decide(request, facts, LowerThan(plan, facts, why));
  if (lower) lower->doubtful = plan.doubtful && MayLower(request, facts, lower->stage);
  return lower;
}

// The line that says how the app runs.
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
  if (!plan.no_window.empty() && !plan.may_be_web) {
    Log(LogLevel::kInfo, "no window, the app runs headless until Ctrl-C: " + plan.no_window);
  }
}

// Runs in this program, which hosts the run.
int RunHere(Handover& run, const Features& features) {
  // Static, since it is read at the end of the run, which may come inside exit().
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
    const bool has_many = run.plan.shown_by == "web" || run.plan.may_be_web;
    spec.single_session = run.plan.shown_by == "headless" && !has_many;
    if (has_many) spec.sessions = kMostSessions;
    spec.host_holds_sigterm =
        run.plan.shown_by == "web" && run.request.web.drain > 0 && !run.plan.hostings.empty();
    spec.direct = run.plan.direct;
    spec.takes_socket = TakesSocket(run.python);
    // A folder of ours comes next. The session reads the signals; a hosted interpreter has its own
    // way.
    if (run.plan.hostings.empty()) (void)HoldSignals();
    return MakeStage(loop, run.plan, run.python, std::move(spec));
  };
  return Run(std::move(launch));
}

// Ends the process after a window was shown: exit() would finalise libraries that the threads of
// the engine, or of WebKit, still use.
int End(const LaunchPlan& plan, int code) {
  if (plan.shown_by != "desktop" && plan.shown_by != "webview") return code;
  std::fflush(nullptr);
  FlushLog();
  ::_exit(code);
}

// The same run in another process, on the stage that has been decided.
RunRequest SameRun(const Handover& run) {
  RunRequest start = run.request;
  start.stage = run.plan.stage;
  start.transport = run.plan.transport;
  if (!run.plan.hostings.empty()) start.hosting = HostingOf(run.plan);
  start.guard.clear();
  start.quiet = true;
  return start;
}

// What each start of an app that is reloaded is asked for, in its own process.
RunRequest OneStart(const Handover& run, const reload::StartOrder& order) {
  RunRequest start = SameRun(run);
  start.mode = "relayed";
  start.ui = "attach";
  start.attach_address = "unix:" + order.socket;
  start.life_line = order.life_line;
  // Where nobody watches, nobody watches the starts either.
  if (!start.steps_file.empty()) {
    if (start.start_deadline == RunRequest::kByUi) start.start_deadline = kStartOfUnwatched;
    if (start.end_deadline == RunRequest::kByUi) start.end_deadline = kEndOfUnwatched;
  }
  for (std::string* text : {&start.steps_file, &start.steps, &start.report_file, &start.record_file,
                            &start.watched_folder})
    text->clear();
  return start;
}

Result<std::unique_ptr<Child>> StartOne(EventLoop& loop, const std::string& program,
                                        const Handover& run, const reload::StartOrder& order,
                                        std::function<void(int)> on_exit) {
  Handover start;
  start.request = OneStart(run, order);
  start.log_level = run.log_level;
  start.errors = order.errors;
  const Result<UniqueFd> handed = WriteHandover(start);
  if (!handed) return handed.error();
  return Child::Start(loop, {program, {kReloadedWord, std::to_string(handed->get())}, {}},
                      std::move(on_exit));
}

// Holds the UI, while the app is started in a child, and again at each save.
int RunReloading(const Handover& run, const Features& features) {
  static Timeline timeline{SteadyTime(std::chrono::nanoseconds(run.start_ns))};
  Launch launch(run.request, run.plan, run.python, features, timeline);
  launch.request.guard.clear();  // a save is no start of an installation
  const auto generation = static_cast<Generation>(WireGeneration(run.python.flet_version));
  const auto reloads = std::make_shared<std::atomic<std::uint64_t>>(0);
  launch.generation = generation;
  launch.reloads = reloads;
  const std::string program = platform::OwnProgram();  // it may be updated meanwhile
  launch.make_app = [&](EventLoop& loop, Accelerators*) {
    const RunRequest& request = run.request;
    reload::ReloadOptions options;
    options.sources.folder = request.watched_folder;
    options.sources.recursive = request.watches_below;
    options.sources.ignored = request.ignored_folders;
    std::error_code error;
    if (!request.script.empty() && !fs::is_directory(request.script, error))
      options.sources.script = fs::absolute(request.script, error).lexically_normal().string();
    for (const std::string& file : {request.report_file, request.record_file}) {
      if (!file.empty())
        options.sources.own_files.push_back(fs::absolute(file, error).lexically_normal().string());
    }
    options.capabilities = {run.plan.stage, run.plan.transport, false};
    options.generation = generation;
    options.limits = request.limits;
    options.quiet = request.quiet;
    options.reloads = reloads;
    options.start = [&](const reload::StartOrder& order, std::function<void(int)> on_exit) {
      return StartOne(loop, program, run, order, std::move(on_exit));
    };
    (void)HoldSignals();
    return reload::MakeReloadedApp(loop, std::move(options));
  };
  return Run(std::move(launch));
}

// The secrets of the web UI that are the same for all of its processes.
Result<> MakeSecrets(WebRequest& web) {
  if (!web.key_file.empty()) {
    const Result<std::string> key = web::ReadKey(web.key_file);
    if (!key) return key.error();
    web.key = web::KeyedHash(*key, "workers");
    web.token = web::KeyedHash(*key, "token").substr(0, 32);
    web.cookie = "fletbridge_" + web::KeyedHash(*key, "cookie").substr(0, 8);
  } else if (web.workers > 1) {
    web.key = web::MakeToken() + web::MakeToken();
    web.token = web::MakeToken();
  }
  return {};
}

// Listens for several processes of the app.
int RunWithWorkers(const Handover& run) {
  const WebRequest& asked = run.request.web;
  web::PoolOptions options;
  options.address = {asked.host, asked.port};
  const Result<std::string> mount = web::MountOf(asked.name);
  if (!mount) return Fail(mount.error());
  options.path = web::PathOfApp(*mount, asked.is_public ? std::string() : asked.token);
  options.key = asked.key;
  options.cookie = asked.cookie;
  Result<web::TrustedProxies> proxies = web::TrustedProxies::Of(asked.trusted_proxies);
  if (!proxies) return Fail(proxies.error());
  options.proxies = std::move(*proxies);
  options.workers = static_cast<int>(asked.workers);
  options.drains = asked.drain > 0;
  if (!asked.metrics.empty()) {
    const Result<web::ListenAddress> address = web::ParseListenAddress(asked.metrics);
    if (!address) return Fail(address.error());
    options.metrics = *address;
  }
  options.start = [&run, program = platform::OwnProgram()](
                      EventLoop& loop, const web::WorkerOrder& order,
                      std::function<void(int)> on_exit) -> Result<std::unique_ptr<Child>> {
    Handover start;
    start.request = SameRun(run);
    start.log_level = run.log_level;
    WebRequest& its = start.request.web;
    its.workers = 1;
    its.port = order.port;
    its.line = order.line;
    its.worker = order.number;
    its.metrics.clear();
    its.key_file.clear();
    const Result<UniqueFd> handed = WriteHandover(start);
    if (!handed) return handed.error();
    return Child::Start(loop,
                        {.executable = program,
                         .arguments = {kReloadedWord, std::to_string(handed->get())},
                         .environment = {},
                         .own_session = true},
                        std::move(on_exit));
  };
  return web::RunWorkers(std::move(options));
}

// Checks the request before another program is started for it.
Result<> CheckUi(const RunRequest& request, const LaunchPlan& plan, const LaunchFacts& facts,
                 const Features& features) {
  EventLoop loop;
  Result<std::unique_ptr<UiSurface>> ui =
      MakeUi(loop, request, plan, facts.python.flet_package, features);
  if (!ui) return ui.error();
  return {};
}

// Replaces this program by the one that hosts the interpreter. Returns nothing if that is this
// program, else why no other can be started.
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
  const bool reloads = !request.watched_folder.empty();
  Result<LaunchPlan> plan = DecideGuarded(run.request, *facts, guard, reloads);
  if (plan) {
    if (Result<> good = CheckUi(run.request, *plan, *facts, features); !good)
      return Fail(good.error());
  }
  if (plan && plan->shown_by == "web") {
    if (Result<> made = MakeSecrets(run.request.web); !made) return Fail(made.error());
    if (run.request.web.workers > 1) {
      run.plan = std::move(*plan);
      Announce(run.request, run.python, run.plan);
      return RunWithWorkers(run);
    }
  }
  if (plan && reloads) {
    run.plan = std::move(*plan);
    Announce(run.request, run.python, run.plan);
    return End(run.plan, RunReloading(run, features));
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
  run->python.libpython.clear();  // the interpreter is part of this process
  return RunHere(*run, features);
} catch (const std::exception& error) {
  Log(LogLevel::kError, CauseOf(error));
  return kFailureCode;
}

int RunReloaded(int fd, const Features& features) {
  Result<Handover> start = ReadHandover(fd);
  if (!start) return Fail(start.error());
  if (start->errors >= 0) {
    ::dup2(start->errors, STDERR_FILENO);
    ::close(start->errors);
  }
  SetLogLevel(static_cast<LogLevel>(start->log_level));
  return Run(start->request, features);
}

int RunAsClient(const RunRequest& asked, const std::string& page_url, const std::string& pid_file,
                const Features& features) {
  static Timeline timeline;
  IgnoreBrokenPipes();
  RunRequest request = asked;
  if (Result<> read = ReadSteps(request); !read) return Fail(read.error());
  // Flet does not say which one it is; but somebody else who starts us in its place may.
  Interpreter python;
  if (const char* said = std::getenv(kFletVersionVariable); said != nullptr) {
    python.flet_version = said;
  } else if (Result<Interpreter> parent = ProbeRunning(::getppid()); parent) {
    python = std::move(*parent);
  } else {
    Log(LogLevel::kDebug, parent.error().Line());
  }
  const LaunchFacts facts = SurveyAsClient(request, features, std::move(python));
  Result<LaunchPlan> plan =
      DecideAsClient(request, facts, page_url.starts_with("tcp:") ? "tcp" : "uds");
  if (!plan) return Fail(plan.error());
  Launch launch(request, *plan, facts.python, features, timeline);
  // If unknown, it is detected, beginning with the newest.
  const Generation spoken = GenerationOf(facts);
  launch.generation = spoken == Generation::kUnknown ? Generation::kG3 : spoken;
  launch.app = page_url;
  launch.make_app = [&](EventLoop& loop, Accelerators*) {
    return MakeClientOf(loop, request, *plan, page_url, spoken);
  };
  if (!pid_file.empty()) {
    // Python kills the process with this pid, and removes the file.
    if (Result<> written = WriteOwnFile(pid_file, std::to_string(::getpid())); !written)
      Log(LogLevel::kWarning,
          "cannot write the pid file " + pid_file + ": " + written.error().Line());
  }
  const int code = Run(std::move(launch));
  // Python removes it after our end, unless it was killed.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return End(*plan, code);
}

}  // namespace fletbridge
