#include "src/host/launch_plan.h"

#include <algorithm>

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
  plan.shown_by = request.ui == "auto" ? "headless" : request.ui;
  if (request.ui != "auto" || !request.steps_file.empty()) return {};
  if (!facts.window_obstacle) {
    take_desktop();
    return {};
  }
  if (!facts.passed_over) return *facts.window_obstacle;
  plan.no_window = facts.window_obstacle->Line();
  return {};
}

// ---- The stage

// How the interpreter is hosted, or why it cannot be.
struct HostingChoice {
  std::vector<Hosting> hostings;
  std::string why;       // the first of them, or
  std::string obstacle;  // there is none
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

Result<> DecideStage(const RunRequest& request, const LaunchFacts& facts, LaunchPlan& plan) {
  const bool any = request.stage == "auto";
  bool asked_seen = any;
  std::string last_reason = "no stage of this version has the transport " + request.transport;
  std::string failed;
  for (const StageTraits& stage : facts.stages) {
    asked_seen = asked_seen || request.stage == stage.name;
    if (!asked_seen) continue;
    std::string transport =
        request.transport.empty() ? stage.transports.front() : request.transport;
    if (!Has(stage, transport)) {
      if (failed.empty()) continue;          // `auto` with a transport: the stages that have it
      transport = stage.transports.front();  // a fallback takes its stage's own
    }
    if (!failed.empty()) plan.fallbacks.push_back({failed, stage.name, last_reason});
    HostingChoice hosting;
    const bool too_old = facts.generation != 0 && facts.generation < stage.generation;
    if (request.mode == "direct" && stage.transports.front() == "ffi") {
      hosting.obstacle = "it has no socket for mode direct";
    } else if (too_old) {
      hosting.obstacle = "Flet " + facts.python.flet_version +
                         " speaks to sockets only, the bridge into one process came with 0.86";
    } else if (stage.hosts_python) {
      hosting = ChooseHosting(request, facts);
    } else {
      hosting.obstacle = facts.own_process_obstacle;
    }
    if (const std::string& why = hosting.obstacle; !why.empty()) {
      if ((!any || (request.hosting != "auto" && !too_old)) && !request.fallback) {
        const bool is_lowest = &stage == &facts.stages.back();
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

// ---- Whether Flet's client speaks to the app's own socket, so that no byte passes through us

// Why the client and the app cannot be left to themselves; empty if they can.
std::string DirectObstacle(const RunRequest& request, const LaunchFacts& facts,
                           const LaunchPlan& plan) {
  if (plan.shown_by != "desktop") {
    std::string why = "the " + plan.shown_by + " UI takes and sends the packets itself";
    if (!plan.no_window.empty()) why += " (no window: " + plan.no_window + ")";
    return why;
  }
  if (!request.record_file.empty()) return "a recording needs every packet";
  if (!request.steps_file.empty()) return "steps need every packet";
  if (plan.transport == "ffi") return "stage " + plan.stage + " has no socket";
  if (facts.generation == 0) return "it is not known what the app's Flet speaks";
  if (plan.client.generation == 0) return "it is not known what the client speaks";
  if (plan.client.generation != facts.generation) {
    return "the client speaks wire generation " + std::to_string(plan.client.generation) +
           ", the app " + std::to_string(facts.generation);
  }
  // Else nobody can have taken the port when the client connects: it is ours, or listens already.
  if (plan.transport == "tcp" && !facts.takes_socket && !plan.is_client)
    return "over tcp this app's Flet must choose its port itself, which others could take first";
  return {};
}

Result<> DecideMode(const RunRequest& request, const LaunchFacts& facts, LaunchPlan& plan) {
  const std::string obstacle = DirectObstacle(request, facts, plan);
  if (facts.generation == 1 && (!obstacle.empty() || request.mode == "relayed")) {
    return MakeError(
        Errc::kSetup,
        "Flet " + facts.python.flet_version +
            " speaks JSON, which Flet's own client can read and fletbridge cannot: " +
            (obstacle.empty() ? "--mode relayed is not for it" : obstacle) +
            "; run it in a window (--ui desktop --mode direct, stage 1 or 2), or pip install "
            "--upgrade flet");
  }
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

Result<LaunchPlan> Decide(const RunRequest& request, const LaunchFacts& facts,
                          const Lowering& lowering) {
  LaunchPlan plan;
  plan.flet_version = facts.python.flet_version;
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
  return request.fallback && stage != facts.stages.back().name;
}

Lowering LowerThan(const LaunchPlan& plan, const LaunchFacts& facts, const Error& why) {
  const auto at = std::find_if(facts.stages.begin(), facts.stages.end(),
                               [&](const StageTraits& stage) { return stage.name == plan.stage; });
  Lowering lowering{plan.fallbacks, "stage " + plan.stage + " cannot run: " + why.Line()};
  lowering.changes.push_back({plan.stage, (at + 1)->name, why.Line()});
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
      plan.hostings.empty()
          ? "two processes"
          : "one process, hosting " + std::string(HostingName(plan.hostings.front()));
  return "stage " + plan.stage + " (" + plan.transport + ", " + processes + "), " + plan.shown_by;
}

}  // namespace fletbridge
