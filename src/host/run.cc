#include "src/host/run.h"

#include <cstdio>
#include <filesystem>
#include <optional>
#include <unistd.h>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/own_file.h"
#include "common/config/version.h"
#include "common/measure/stopwatch.h"
#include "common/process/surroundings.h"
#include "common/python/hosting.h"
#include "common/python/interpreter.h"
#include "common/python/running.h"
#include "src/host/accelerators.h"
#include "src/host/factory.h"
#include "src/host/features.h"
#include "src/host/handover.h"
#include "src/host/mode_choice.h"
#include "src/host/session.h"
#include "src/host/ui_choice.h"
#include "src/host/watched_end.h"
#include "src/ui/headless/steps.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr int kUsageCode = 2;
constexpr int kFailureCode = 70;
constexpr std::chrono::seconds kStartOfUnwatched{120};
constexpr std::chrono::seconds kEndOfUnwatched{60};

int Fail(const Error& error) {
  Log(LogLevel::kError, error.Line());
  return error.code == Errc::kUsage ? kUsageCode : kFailureCode;
}

std::string AppFolder(const RunRequest& request) {
  std::error_code error;
  if (request.script.empty()) return ".";
  if (fs::is_directory(request.script, error)) return request.script;
  const std::string folder = fs::path(request.script).parent_path();
  return folder.empty() ? "." : folder;
}

// What an app in this interpreter speaks; kUnknown if it cannot be told.
Generation GenerationOf(const Interpreter& python) {
  return static_cast<Generation>(WireGeneration(python.flet_version));
}

// Whether the shim can give a socket to Flet's server in this interpreter.
bool TakesSocket(const Interpreter& python) {
  std::error_code error;
  const fs::path flet = python.flet_package;
  return python.shim_obstacle.empty() &&
         (fs::exists(flet / "messaging" / "flet_socket_server.py", error) ||
          fs::exists(flet / "flet_socket_server.py", error));
}

Result<Interpreter> ChooseInterpreter(const RunRequest& request) {
  Result<std::string> path = FindInterpreter(request.python, AppFolder(request));
  if (!path) return path.error();
  Result<Interpreter> python =
      RecallInterpreter(*path, request.script.empty() ? "." : request.script);
  if (!python) return python;
  if (python->major != 3 || python->minor < 10 || python->minor > 14) {
    return MakeError(Errc::kSetup, *path + " is Python " + python->Version() +
                                       "; CPython 3.10 to 3.14 is needed: name one with --python");
  }
  if (python->flet_version.empty()) {
    // Started with -S or -I it may have one that it does not see.
    if (!python->shim_obstacle.empty())
      return MakeError(Errc::kSetup,
                       OwnProcessObstacle(*python) + "; name another one with --python");
    return MakeError(Errc::kSetup,
                     "no flet in " + python->prefix + "; run " + *path +
                         " -m pip install flet, or name another environment with --python");
  }
  if (GenerationOf(*python) == Generation::kUnknown) {
    return MakeError(Errc::kSetup,
                     "Flet " + python->flet_version +
                         " speaks another wire format; this version of "
                         "fletbridge runs Flet 0.4 and later: pip install --upgrade flet");
  }
  return python;
}

// The line that a person at a terminal sees.
std::string Headline(const RunRequest& request, const Interpreter& python,
                     const ChosenStage& chosen) {
  const std::string app = request.script.empty() ? "-m " + request.module : request.script;
  const std::string processes =
      chosen.hostings.empty()
          ? "two processes"
          : "one process, hosting " + std::string(HostingName(chosen.hostings.front()));
  return app + " on stage " + chosen.stage + " (" + chosen.transport + ", " + processes + "), " +
         request.shown_by + ", Flet " + python.flet_version + ", Python " + python.Version();
}

RunReport BeginReport(const RunRequest& request) {
  RunReport report;
  report.version = Version();
  report.app = request.script.empty() ? request.module : request.script;
  report.requested = {request.stage, request.transport, request.ui, request.hosting,
                      request.accelerators};
  report.used.mode = request.direct ? "direct" : "relayed";
  report.rollout = {request.rollout.address, request.rollout.variant, request.rollout.why,
                    request.rollout.chose};
  return report;
}

// What follows the interpreter's own name on its command line.
std::vector<std::string> AppArguments(const RunRequest& request) {
  std::vector<std::string> arguments;
  if (request.script.empty()) {
    arguments = {"-m", request.module};
  } else {
    arguments = {request.script};
  }
  arguments.insert(arguments.end(), request.arguments.begin(), request.arguments.end());
  return arguments;
}

void Announce(const RunRequest& request, const Interpreter& python, const ChosenStage& chosen,
              const std::string& no_window) {
  const std::string headline = Headline(request, python, chosen);
  if (!chosen.why.empty()) {
    Log(LogLevel::kInfo, headline + ": " + chosen.why);
  } else if (!request.quiet && ::isatty(STDERR_FILENO) != 0) {
    Log(LogLevel::kInfo, headline);
  } else {
    Log(LogLevel::kDebug, headline);
  }
  if (!chosen.hostings.empty()) {
    Log(LogLevel::kDebug,
        "hosting " + std::string(HostingName(chosen.hostings.front())) + ": " + chosen.hosting_why);
  }
  if (!no_window.empty()) {
    Log(LogLevel::kInfo, "no window, the app runs headless until Ctrl-C: " + no_window);
  }
}

// A person waits as long as he likes, and has a Ctrl-C; steps that nobody watches do not.
LifePatience PatienceOf(const RunRequest& request) {
  const bool unwatched = !request.steps_file.empty() || request.shown_by == "replay";
  const auto time = [](std::int64_t given, std::optional<std::chrono::seconds> otherwise) {
    LifePatience::Time result = otherwise;
    if (given == 0) result.reset();
    if (given > 0) result = std::chrono::seconds(given);
    return result;
  };
  using Seconds = std::optional<std::chrono::seconds>;
  LifePatience patience;
  patience.listening =
      time(request.start_deadline, unwatched ? Seconds(kStartOfUnwatched) : Seconds());
  patience.registration = patience.listening;
  patience.end = time(request.end_deadline, unwatched ? Seconds(kEndOfUnwatched) : Seconds());
  return patience;
}

// What may be noted of a start, if somebody does.
StartGuard* GuardOf(const RunRequest& request, const Features& features) {
  return request.guard.empty() ? nullptr : features.guard;
}

Result<ChosenStage> ChooseGuardedStage(const RunRequest& request, const Interpreter& python,
                                       const Features& features, bool peeks = false) {
  Result<ChosenStage> chosen = ChooseStage(request, python);
  StartGuard* guard = GuardOf(request, features);
  if (!chosen || guard == nullptr) return chosen;
  return guard->Advise(std::move(*chosen), request, python, peeks);
}

// Lets a feature see the packets, if the request asks for it. `parts` is complete but for that.
Result<> OpenTap(const RunRequest& request, const Features& features, SessionParts& parts,
                 const std::string& interpreter) {
  if (!features.tap) return {};
  TapFacts facts{parts.report, static_cast<int>(parts.app->generation()), interpreter,
                 request.expect_crash};
  if (const Result<Steps> steps = ParseSteps(request.steps); steps) {
    for (const Step& step : steps->steps) {
      if (step.kind == StepKind::kExpectCrash) facts.expect_crash.push_back(step.text);
    }
  }
  Result<std::unique_ptr<SessionTap>> tap = features.tap(request, facts);
  if (!tap) return tap.error();
  parts.tap = std::move(*tap);
  return {};
}

// The run itself, in the program in which it stays.
int RunHere(Handover& run, const Features& features) {
  // Read at the end, which may come inside exit().
  static Timeline timeline{SteadyTime(std::chrono::nanoseconds(run.start_ns))};
  RunRequest& request = run.request;
  auto loop = std::make_unique<EventLoop>();

  AppSpec spec;
  const bool is_named =
      run.chosen.hostings.empty() || run.chosen.hostings.front() == Hosting::kInterpreter;
  spec.python = is_named ? run.python.path : run.python.executable;
  spec.arguments = AppArguments(request);
  spec.environment = request.environment;
  auto accelerators = std::make_unique<Accelerators>(request, run.python);
  accelerators->GiveTo(spec);
  spec.generation = GenerationOf(run.python);
  spec.limits = request.limits;
  spec.single_session = request.shown_by == "headless";
  spec.direct = request.direct;
  spec.takes_socket = TakesSocket(run.python);
  // A folder of ours comes next. The session reads the signals; a hosted interpreter has its own
  // way.
  if (run.chosen.hostings.empty()) (void)HoldSignals();
  StartGuard* guard = GuardOf(request, features);
  const auto refuse = [&](const Error& why, bool by_stage) {
    if (guard != nullptr) guard->NoStart(request, why, by_stage);
    return Fail(why);
  };
  Result<std::unique_ptr<AppTransport>> app =
      MakeStage(*loop, run.chosen, run.python, std::move(spec));
  if (!app) return refuse(app.error(), true);
  Result<std::unique_ptr<UiEndpoint>> ui =
      MakeUi(*loop, request, run.python.flet_package, GenerationOf(run.python), features,
             (*app)->direct_address());
  if (!ui) return refuse(ui.error(), false);

  SessionParts parts;
  parts.report = BeginReport(request);
  parts.report.flet = run.python.flet_version;
  parts.report.python = run.python.Version();
  parts.report.used.stage = run.chosen.stage;
  parts.report.used.transport = run.chosen.transport;
  parts.report.used.ui = (*ui)->name();
  parts.report.used.ui_leg = (*ui)->leg();
  parts.report.used.client = request.client_folder;
  if (!run.chosen.hostings.empty()) {
    parts.report.used.hosting = HostingName(run.chosen.hostings.front());
    parts.report.used.hosting_why = run.chosen.hosting_why;
  }
  parts.report.used.fallbacks = run.chosen.fallbacks;
  parts.report_file = request.report_file;
  parts.max_packet = request.limits.max_packet;
  parts.accelerators = std::move(accelerators);
  parts.patience = PatienceOf(request);
  parts.timeline = &timeline;
  parts.app = std::move(*app);
  parts.ui = std::move(*ui);
  parts.loop = std::move(loop);
  if (Result<> open = OpenTap(request, features, parts, run.python.path); !open)
    return refuse(open.error(), false);
  // The steps and the replay say what is expected.
  parts.crash_fails =
      !request.record_file.empty() && request.steps_file.empty() && request.shown_by != "replay";
  if (guard != nullptr) guard->Follow(parts, request, timeline);
  return RunSession(std::move(parts));
}

// Ends the process where a window was shown: its engine's threads do not survive the libraries'
// end, which is what exit() begins with.
int End(const RunRequest& request, int code) {
  if (request.shown_by != "desktop") return code;
  std::fflush(nullptr);
  FlushLog();
  ::_exit(code);
}

// Whether the request can be served, before another program is started for it.
Result<> CheckUi(const RunRequest& request, const Interpreter& python, const Features& features) {
  EventLoop loop;
  Result<std::unique_ptr<UiEndpoint>> ui =
      MakeUi(loop, request, python.flet_package, GenerationOf(python), features);
  if (!ui) return ui.error();
  return {};
}

// Goes on in the program that hosts the interpreter, and does not return; or returns nothing, where
// that is this program, or why no program can.
std::optional<Error> BecomeHost(Handover& run) {
  std::vector<Hosting>& hostings = run.chosen.hostings;
  while (!hostings.empty() && hostings.front() != Hosting::kLibrary) {
    const Error why = Become(hostings.front(), run, AppArguments(run.request));
    run.chosen.hosting_why =
        "not " + std::string(HostingName(hostings.front())) + ": " + why.Line();
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
  run.request.accelerators_package = AcceleratePackage();
  Result<Interpreter> python = ChooseInterpreter(request);
  if (!python) return Fail(python.error());
  run.python = std::move(*python);
  if (Result<> read = ReadSteps(run.request); !read) return Fail(read.error());
  Result<std::string> no_window = ChooseUi(run.request, features.clients, run.python.flet_package,
                                           WireGeneration(run.python.flet_version));
  if (!no_window) return Fail(no_window.error());
  if (Result<> good = CheckUi(run.request, run.python, features); !good) return Fail(good.error());
  run.request.flet_version = run.python.flet_version;
  StartGuard* guard = GuardOf(run.request, features);
  Result<ChosenStage> chosen = ChooseGuardedStage(run.request, run.python, features);
  while (chosen) {
    run.chosen = std::move(*chosen);
    const ModeFacts facts{run.python.flet_version, WireGeneration(run.python.flet_version),
                          run.chosen.stage,        run.chosen.transport,
                          TakesSocket(run.python), *no_window};
    if (Result<> mode = ChooseMode(run.request, facts); !mode) return Fail(mode.error());
    Announce(run.request, run.python, run.chosen, *no_window);
    std::optional<WatchedEnd> end;
    if (guard != nullptr) end = guard->Begin(run.request, run.chosen);
    if (end) {
      if (!end->start_failed) return EndLike(*end);
      guard->BookEnded(run.request);
      chosen = ChooseLowerStage(run.request, run.python, run.chosen,
                                MakeError(Errc::kSetup, Describe(*end)));
      if (!chosen) return EndLike(*end);
      continue;
    }
    const std::optional<Error> why = BecomeHost(run);
    if (!why) return End(run.request, RunHere(run, features));
    if (guard != nullptr) guard->NoStart(run.request, *why, true);
    chosen = ChooseLowerStage(run.request, run.python, run.chosen, *why);
  }
  return Fail(chosen.error());
}

Result<StartPlan> PlanStart(const RunRequest& asked, const Features& features) {
  const Result<Interpreter> python = ChooseInterpreter(asked);
  if (!python) return python.error();
  RunRequest request = asked;
  request.flet_version = python->flet_version;
  const Result<ChosenStage> chosen = ChooseGuardedStage(request, *python, features, true);
  if (!chosen) return chosen.error();
  StartPlan plan{chosen->stage, chosen->transport, {}, {}, chosen->fallbacks};
  if (!chosen->hostings.empty()) plan.hosting = HostingName(chosen->hostings.front());
  if (!chosen->fallbacks.empty()) plan.why = chosen->why;
  return plan;
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
  request.is_client = true;
  if (Result<> read = ReadSteps(request); !read) return Fail(read.error());
  // Flet does not say which one it is.
  Interpreter python;
  if (Result<Interpreter> parent = ProbeRunning(::getppid()); parent) {
    python = std::move(*parent);
  } else {
    Log(LogLevel::kDebug, parent.error().Line());
  }
  const int generation = WireGeneration(python.flet_version);
  Result<std::string> no_window =
      ChooseUi(request, features.clients, python.flet_package, generation);
  if (!no_window) return Fail(no_window.error());
  // The app listens already.
  const ModeFacts facts{
      python.flet_version, generation, "1", page_url.starts_with("tcp:") ? "tcp" : "uds", true,
      *no_window};
  if (Result<> chosen = ChooseMode(request, facts); !chosen) return Fail(chosen.error());
  auto loop = std::make_unique<EventLoop>();
  Result<std::unique_ptr<AppTransport>> app =
      MakeClientOf(*loop, request, page_url, GenerationOf(python));
  if (!app) return Fail(app.error());
  // An unknown one is spoken to as the newest first, which the others are translated to.
  Result<std::unique_ptr<UiEndpoint>> ui = MakeUi(
      *loop, request, python.flet_package, generation == 0 ? Generation::kG3 : GenerationOf(python),
      features, (*app)->direct_address());
  if (!ui) return Fail(ui.error());
  if (!pid_file.empty()) {
    // Python kills the process whose number it finds here; it removes the file itself.
    if (Result<> written = WriteOwnFile(pid_file, std::to_string(::getpid())); !written)
      Log(LogLevel::kWarning,
          "cannot write the pid file " + pid_file + ": " + written.error().Line());
  }
  SessionParts parts;
  parts.report = BeginReport(request);
  parts.report.app = page_url;
  parts.report.flet = python.flet_version;
  if (!python.flet_version.empty()) parts.report.python = python.Version();
  parts.report.used.stage = (*app)->capabilities().stage;
  parts.report.used.transport = (*app)->capabilities().transport;
  parts.report.used.ui = (*ui)->name();
  parts.report.used.ui_leg = (*ui)->leg();
  parts.report.used.client = request.client_folder;
  parts.report_file = request.report_file;
  parts.max_packet = request.limits.max_packet;
  parts.patience = PatienceOf(request);
  parts.timeline = &timeline;
  parts.app = std::move(*app);
  parts.ui = std::move(*ui);
  parts.loop = std::move(loop);
  if (Result<> open = OpenTap(request, features, parts, {}); !open) return Fail(open.error());
  const int code = RunSession(std::move(parts));
  // Python removes it when it sees our end; a Python that was killed does not.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return End(request, code);
}

}  // namespace fletbridge
