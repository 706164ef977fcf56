#include "src/host/launch_plan.h"

#include <algorithm>
#include <cctype>

namespace fletbridge {
namespace {

bool Has(const StageTraits& stage, const std::string& transport) {
  return std::find(stage.transports.begin(), stage.transports.end(), transport) !=
         stage.transports.end();
}

// ---- The UI

Result<> DecideUi(const RunRequest& request, const LaunchFacts& facts, LaunchPlan& plan) {
  const auto take_desktop = [&] {
    plan.shown_by = "desktop";
    plan.client = facts.client;
  };
  if (!request.replay_file.empty()) {
    plan.shown_by = "replay";
    return {};
  }
  if (request.ui == "desktop") {
    if (facts.window_obstacle) return *facts.window_obstacle;
    take_desktop();
    return {};
  }
  // Chosen by the app's environment, or by the app.
  const bool may_choose = request.ui == "auto" && request.steps_file.empty() &&
                          request.record_file.empty() && !plan.reloads && !plan.is_client &&
                          facts.generation >= 3 && request.stage != "legacy";
  if (may_choose && facts.forces_web) {
    plan.shown_by = "web";
    return {};
  }
  plan.may_be_web = may_choose && facts.names_browser;
  plan.shown_by = request.ui == "auto" ? "headless" : request.ui;
  if (plan.shown_by == "web" || plan.shown_by == "webview") {
    if (facts.generation >= 0 && facts.generation < 3) {
      return MakeError(Errc::kSetup, "the UI " + plan.shown_by +
                                         " is for Flet 0.86 and later, and the app has Flet " +
                                         facts.python.flet_version +
                                         "; pip install --upgrade flet flet-web");
    }
  }
  if (plan.shown_by == "web") {
    if (plan.reloads) {
      return MakeError(Errc::kUsage,
                       "hot reload is not for the web UI; leave out --directory, or choose another "
                       "UI");
    }
    if (request.web.workers > 1 && !request.report_file.empty()) {
      return MakeError(Errc::kUsage,
                       "a report is of one process of the app; leave out --report or --workers, "
                       "and read --metrics-address");
    }
    if (request.web.workers > 1 && !request.record_file.empty()) {
      return MakeError(Errc::kUsage,
                       "a recording is of one process of the app; leave out --record or --workers");
    }
  }
  if (request.ui != "auto" || !request.steps_file.empty()) return {};
  if (!facts.window_obstacle) {
    take_desktop();
    return {};
  }
  if (!facts.passed_over && !plan.may_be_web) return *facts.window_obstacle;
  plan.no_window = facts.window_obstacle->Line();
  if (!facts.passed_over) plan.refusal = plan.no_window;
  return {};
}

// ---- The stage

// The possible hostings of the interpreter, or why there is none.
struct HostingChoice {
  std::vector<Hosting> hostings;
  std::string why;       // why the first one, or
  std::string obstacle;  // why there is none
};

HostingChoice ChooseHosting(const RunRequest& request, const LaunchFacts& facts) {
  HostingChoice choice;
  std::vector<Hosting> order;
  const bool any = request.hosting == "auto";
  for (const Hosting hosting : kHostings) {
    const bool asked = HostingName(hosting) == request.hosting;
    if (asked) order.insert(order.begin(), hosting);
    if (!asked && (any || request.fallback)) order.push_back(hosting);
  }
  std::string reasons;
  for (const Hosting hosting : order) {
    const auto found = facts.hosting_obstacles.find(hosting);
    const std::string obstacle = found != facts.hosting_obstacles.end() ? found->second : "";
    if (obstacle.empty()) {
      choice.hostings.push_back(hosting);
    } else if (choice.hostings.empty()) {
      if (!reasons.empty()) reasons += "; ";
      reasons += "not " + std::string(HostingName(hosting)) + ": " + obstacle;
    }
  }
  if (choice.hostings.empty()) {
    choice.obstacle = reasons;
  } else if (!reasons.empty()) {
    choice.why = reasons;
  } else {
    choice.why = any ? "the fastest, and it works here" : "asked for";
  }
  return choice;
}

// The stages that a request for `asked` may take, in this order. Below one that is taken by name
// alone stands the lowest of the others, where every Flet app has run so far.
std::vector<const StageTraits*> Order(const std::string& asked, const LaunchFacts& facts) {
  std::vector<const StageTraits*> order;
  const StageTraits* by_name = nullptr;
  bool seen = asked == "auto";
  for (const StageTraits& stage : facts.stages) {
    if (stage.by_name) {
      if (stage.name == asked) by_name = &stage;
      continue;
    }
    seen = seen || stage.name == asked;
    if (seen) order.push_back(&stage);
  }
  if (by_name == nullptr) return order;
  for (const StageTraits& stage : facts.stages) {
    if (!stage.by_name) order = {by_name, &stage};
  }
  return order.empty() ? std::vector{by_name} : order;
}

// Why this stage cannot run, but for hosting.
std::string StageObstacle(const StageTraits& stage, const RunRequest& request,
                          const LaunchFacts& facts) {
  if (request.mode == "direct" && stage.transports.front() == "ffi")
    return "it has no socket for mode direct";
  if (!stage.wants_web && !facts.brokerless_obstacle.empty()) return facts.brokerless_obstacle;
  if (stage.hosts_python) return {};
  return !facts.own_process_obstacle.empty() || !stage.wants_web ? facts.own_process_obstacle
                                                                 : facts.web_obstacle;
}

Result<> DecideStage(const RunRequest& request, const LaunchFacts& facts, LaunchPlan& plan) {
  const bool any = request.stage == "auto";
  std::string last_reason = "no stage of this version has the transport " + request.transport;
  std::string failed;
  const std::vector<const StageTraits*> order = Order(request.stage, facts);
  // Then no lower stage helps.
  if (!facts.brokerless_obstacle.empty() && std::ranges::none_of(order, &StageTraits::wants_web)) {
    return MakeError(Errc::kSetup, (any ? "no stage with fewer processes can run: "
                                        : "stage " + request.stage + " cannot run: ") +
                                       facts.brokerless_obstacle);
  }
  for (const StageTraits* const at : order) {
    const StageTraits& stage = *at;
    std::string transport =
        request.transport.empty() ? stage.transports.front() : request.transport;
    if (!Has(stage, transport)) {
      if (failed.empty()) continue;          // `auto` with a transport: only stages that have it
      transport = stage.transports.front();  // a fallback uses its stage's default
    }
    if (!failed.empty()) plan.fallbacks.push_back({failed, stage.name, last_reason});
    HostingChoice hosting;
    if (const std::string why = StageObstacle(stage, request, facts); !why.empty()) {
      hosting.obstacle = why;
    } else if (stage.hosts_python) {
      hosting = ChooseHosting(request, facts);
    }
    if (const std::string& why = hosting.obstacle; !why.empty()) {
      if ((!any || request.hosting != "auto") && !request.fallback) {
        const bool is_lowest = at == order.back();
        return MakeError(Errc::kSetup,
                         "stage " + stage.name + " cannot run: " + why +
                             (is_lowest ? "; name another interpreter with --python"
                                        : "; or allow a lower stage with --fallback"));
      }
      failed = stage.name;
      last_reason = why;
      continue;
    }
    plan.stage = stage.name;
    plan.transport = transport;
    plan.hostings = std::move(hosting.hostings);
    plan.hosting_why = std::move(hosting.why);
    if (!failed.empty()) {
      plan.why = "stage " + failed + " cannot run: " + last_reason;
    } else if (any) {
      plan.why = "the highest stage that works here";
    }
    return {};
  }
  return MakeError(Errc::kSetup, "no stage can run: " + last_reason);
}

Result<> DecideStage(const RunRequest& request, const LaunchFacts& facts, const Lowering& lowering,
                     LaunchPlan& plan) {
  if (lowering.changes.empty()) return DecideStage(request, facts, plan);
  RunRequest lower = request;
  lower.stage = lowering.changes.back().to;
  lower.transport.clear();
  lower.fallback = true;
  if (Result<> decided = DecideStage(lower, facts, plan); !decided) return decided;
  plan.why = plan.why.empty() ? lowering.why : lowering.why + "; " + plan.why;
  plan.fallbacks.insert(plan.fallbacks.begin(), lowering.changes.begin(), lowering.changes.end());
  return {};
}

// ---- The mode: whether Flet's client connects to the app itself (direct)

// Why direct mode is impossible; empty if it is possible.
std::string DirectObstacle(const RunRequest& request, const LaunchFacts& facts,
                           const LaunchPlan& plan) {
  if (plan.shown_by != "desktop") {
    std::string why = "the " + plan.shown_by + " UI takes and sends the packets itself";
    if (!plan.no_window.empty()) why += " (no window: " + plan.no_window + ")";
    return why;
  }
  if (plan.may_be_web) return "the app may ask for a browser instead";
  if (plan.reloads) return "with hot reload the client goes from one start of the app to the next";
  if (!request.record_file.empty()) return "a recording needs every packet";
  if (!request.steps_file.empty()) return "steps need every packet";
  if (plan.transport == "ffi") return "stage " + plan.stage + " has no socket";
  if (facts.generation < 0) return "it is not known what the app's Flet speaks";
  if (plan.client.generation == 0) return "it is not known what the client speaks";
  if (plan.client.generation != facts.generation) {
    return "the client speaks wire generation " + std::to_string(plan.client.generation) +
           ", the app " + std::to_string(facts.generation);
  }
  if (plan.transport == "ws") return "the broker of stage legacy is reached by this process alone";
  // Otherwise no other process can take the port: it is ours, or already listens.
  if (plan.transport == "tcp" && !facts.takes_socket && !plan.is_client)
    return "over tcp this app's Flet must choose its port itself, which others could take first";
  return {};
}

Result<> DecideMode(const RunRequest& request, const LaunchFacts& facts, LaunchPlan& plan) {
  const std::string obstacle = DirectObstacle(request, facts, plan);
  if (request.mode == "direct" && !obstacle.empty()) {
    return MakeError(Errc::kSetup, "mode direct cannot be: " + obstacle +
                                       "; use --mode auto, or what the client and the app need "
                                       "to speak to each other");
  }
  plan.direct = obstacle.empty() && request.mode != "relayed";
  if (plan.shown_by == "desktop" && !plan.direct)
    plan.mode_why = obstacle.empty() ? "asked for" : obstacle;
  return {};
}

}  // namespace

bool ForcesWeb(std::string word) {
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word == "true" || word == "1" || word == "yes";
}

Result<LaunchPlan> Decide(const RunRequest& request, const LaunchFacts& facts,
                          const Lowering& lowering) {
  LaunchPlan plan;
  plan.flet_version = facts.python.flet_version;
  plan.reloads = !request.watched_folder.empty();
  if (Result<> decided = DecideUi(request, facts, plan); !decided) return decided.error();
  if (Result<> decided = DecideStage(request, facts, lowering, plan); !decided)
    return decided.error();
  if (Result<> decided = DecideMode(request, facts, plan); !decided) return decided.error();
  return plan;
}

Result<LaunchPlan> DecideAsClient(const RunRequest& request, const LaunchFacts& facts,
                                  const std::string& transport) {
  LaunchPlan plan;
  plan.flet_version = facts.python.flet_version;
  plan.is_client = true;
  plan.stage = "1";
  plan.transport = transport;
  if (Result<> decided = DecideUi(request, facts, plan); !decided) return decided.error();
  if (Result<> decided = DecideMode(request, facts, plan); !decided) return decided.error();
  return plan;
}

bool MayLower(const RunRequest& request, const LaunchFacts& facts, const std::string& stage) {
  return request.fallback && Order(stage, facts).size() > 1;
}

Lowering LowerThan(const LaunchPlan& plan, const LaunchFacts& facts, const Error& why) {
  Lowering lowering{plan.fallbacks, "stage " + plan.stage + " cannot run: " + why.Line()};
  lowering.changes.push_back({plan.stage, Order(plan.stage, facts)[1]->name, why.Line()});
  return lowering;
}

std::string WhyAnotherStage(const LaunchPlan& plan) {
  return plan.fallbacks.empty() ? std::string() : plan.why;
}

std::string HostingOf(const LaunchPlan& plan) {
  return plan.hostings.empty() ? std::string() : std::string(HostingName(plan.hostings.front()));
}

std::string Describe(const LaunchPlan& plan) {
  const std::string processes =
      plan.transport == "ws" ? "three processes"
      : plan.hostings.empty()
          ? "two processes"
          : "one process, hosting " + std::string(HostingName(plan.hostings.front()));
  return "stage " + plan.stage + " (" + plan.transport + ", " + processes + "), " + plan.shown_by +
         (plan.may_be_web ? ", or web if the app asks for a browser" : "") +
         (plan.reloads ? ", with hot reload" : "");
}

}  // namespace fletbridge
