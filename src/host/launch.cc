#include "src/host/launch.h"

#include <utility>

#include "common/base/log.h"
#include "common/config/version.h"
#include "src/host/factory.h"
#include "src/ui/headless/steps.h"

namespace fletbridge {
namespace {

constexpr int kUsageCode = 2;
constexpr int kFailureCode = 70;
constexpr std::chrono::seconds kStartOfUnwatched{120};
constexpr std::chrono::seconds kEndOfUnwatched{60};

RunReport BeginReport(const Launch& launch) {
  const RunRequest& request = launch.request;
  const LaunchPlan& plan = launch.plan;
  RunReport report;
  report.version = Version();
  report.app = !launch.app.empty()      ? launch.app
               : request.script.empty() ? request.module
                                        : request.script;
  report.flet = launch.python.flet_version;
  if (!launch.python.flet_version.empty()) report.python = launch.python.Version();
  report.requested = {request.stage, request.transport, request.ui, request.hosting,
                      request.accelerators};
  report.used.stage = plan.stage;
  report.used.transport = plan.transport;
  report.used.why = plan.why;
  report.used.mode_why = plan.mode_why;
  report.used.mode = plan.direct ? "direct" : "relayed";
  report.used.client = plan.client.folder;
  report.used.hosting = HostingOf(plan);
  report.used.hosting_why = plan.hosting_why;
  report.used.fallbacks = plan.fallbacks;
  report.rollout = {request.rollout.address, request.rollout.variant, request.rollout.why,
                    request.rollout.chose};
  return report;
}

// A user waits as long as he likes, and has Ctrl-C; headless steps need a deadline.
LifePatience PatienceOf(const RunRequest& request, const LaunchPlan& plan) {
  const bool unwatched = !request.steps_file.empty() || plan.shown_by == "replay";
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
  // The child that the app runs in keeps these, and says what is waited for.
  if (plan.reloads) {
    patience.listening.reset();
    patience.start_notice = patience.before_notice = std::chrono::hours(24 * 365);
  }
  patience.registration = patience.listening;
  if (plan.shown_by == "web" && request.web.drain > 0)
    patience.drain = std::chrono::seconds(request.web.drain);
  patience.end = time(request.end_deadline, unwatched ? Seconds(kEndOfUnwatched) : Seconds());
  return patience;
}

// Creates the features' filters. All of `parts` is set, except these.
Result<> AddFilters(const Launch& launch, SessionParts& parts) {
  const RunRequest& request = launch.request;
  // If Python has started us, a replay could not start the app in the same way.
  const std::string interpreter = launch.plan.is_client ? "" : launch.python.path;
  FilterFacts facts{parts.report, static_cast<int>(parts.app->generation()), interpreter,
                    request.expect_crash};
  if (const Result<Steps> steps = ParseSteps(request.steps); steps) {
    for (const Step& step : steps->steps) {
      if (step.kind == StepKind::kExpectCrash) facts.expect_crash.push_back(step.text);
    }
  }
  for (const Features::MakeFilter& make : launch.features.filters) {
    Result<std::unique_ptr<Filter>> filter = make(request, facts);
    if (!filter) return filter.error();
    if (*filter) parts.filters.push_back(std::move(*filter));
  }
  return {};
}

}  // namespace

int Fail(const Error& error) {
  Log(LogLevel::kError, error.Line());
  return error.code == Errc::kUsage ? kUsageCode : kFailureCode;
}

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

int Run(Launch launch) {
  const RunRequest& request = launch.request;
  LaunchPlan& plan = launch.plan;
  StartGuard* guard = launch.features.GuardOf(request);
  const auto refuse = [&](const Error& why, bool by_stage) {
    if (guard != nullptr) guard->NoStart(request, plan, why, by_stage);
    return Fail(why);
  };
  SessionParts parts;
  parts.loop = std::make_unique<EventLoop>();
  if (launch.speeds_up)
    parts.accelerators =
        std::make_unique<Accelerators>(request, plan.accelerators_package, launch.python);
  Result<std::unique_ptr<AppHost>> app = launch.make_app(*parts.loop, parts.accelerators.get());
  if (!app) return refuse(app.error(), true);
  Result<std::unique_ptr<UiSurface>> ui =
      MakeUi(*parts.loop, request, plan, launch.python.flet_package, launch.features,
             (*app)->direct_address());
  if (!ui) return refuse(ui.error(), false);
  parts.report = BeginReport(launch);
  parts.report.used.ui = (*ui)->name();
  parts.report.used.ui_leg = (*ui)->client_transport();
  parts.report_file = request.report_file;
  parts.max_packet = request.limits.max_packet;
  parts.patience = PatienceOf(request, plan);
  parts.timeline = &launch.timeline;
  parts.reloads = launch.reloads;
  parts.app = std::move(*app);
  parts.ui = std::move(*ui);
  parts.app_generation = launch.generation;
  if (plan.direct) parts.client_generation = static_cast<Generation>(plan.client.generation);
  if (Result<> added = AddFilters(launch, parts); !added) return refuse(added.error(), false);
  // The steps and the replay say what is expected.
  parts.crash_fails = !plan.is_client && !request.record_file.empty() &&
                      request.steps_file.empty() && plan.shown_by != "replay";
  if (guard != nullptr) guard->Follow(parts, request, plan, launch.timeline);
  return RunSession(std::move(parts));
}

}  // namespace fletbridge
