#include "src/host/factory.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/cause.h"
#include "common/python/hosted.h"
#include "common/python/interpreter.h"
#include "src/host/features.h"
#include "src/stage1/attached_transport.h"
#include "src/stage1/process_transport.h"
#include "src/stage2/hosted_socket_transport.h"
#include "src/stage3/ffi_transport.h"
#include "src/ui/attach/attach_ui.h"
#include "src/ui/desktop/desktop_ui.h"
#include "src/ui/headless/headless_ui.h"
#include "src/ui/headless/window_steps.h"

namespace fletbridge {
namespace {

// Steps then come over it, from whoever listens there.
bool IsSocket(const std::string& steps_file) {
  std::error_code error;
  return std::filesystem::is_socket(steps_file, error);
}

using Kind = SocketAddress::Kind;

struct Stage {
  const char* name;
  std::vector<std::string> transports;  // the default first
  bool hosts_python;
  int generation;  // the oldest that it can run
  Result<std::unique_ptr<AppTransport>> (*make)(EventLoop&, AppSpec, const Interpreter&,
                                                const std::string& transport);
};

Kind KindOf(const std::string& transport) { return transport == "tcp" ? Kind::kTcp : Kind::kUnix; }

// Highest first: the order in which `auto` and fallbacks try them.
const Stage kStages[] = {
    {"3",
     {"ffi"},
     true,
     3,
     [](EventLoop& loop, AppSpec spec, const Interpreter& python,
        const std::string&) -> Result<std::unique_ptr<AppTransport>> {
       return stage3::MakeFfiTransport(loop, std::move(spec), python.libpython);
     }},
    {"2",
     {"uds", "tcp"},
     true,
     1,
     [](EventLoop& loop, AppSpec spec, const Interpreter& python, const std::string& transport) {
       return stage2::MakeHostedSocketTransport(loop, std::move(spec), python.libpython,
                                                KindOf(transport));
     }},
    {"1",
     {"uds", "tcp"},
     false,
     1,
     [](EventLoop& loop, AppSpec spec, const Interpreter&, const std::string& transport) {
       return stage1::MakeProcessTransport(loop, std::move(spec), KindOf(transport));
     }},
};

// How the interpreter is hosted, or why it cannot be.
struct HostingChoice {
  std::vector<Hosting> hostings;
  std::string why;       // the first of them, or
  std::string obstacle;  // there is none
};

HostingChoice ChooseHosting(const RunRequest& request, const Interpreter& python) {
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
    std::string obstacle = HostingObstacle(hosting, python);
    // The others cost nothing to ask; this opens the library, so only where it comes to that.
    if (obstacle.empty() && hosting == Hosting::kLibrary && choice.hostings.empty()) {
      if (Result<> loads = CheckLibpython(python.libpython); !loads)
        obstacle = loads.error().Line();
    }
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

bool Has(const Stage& stage, const std::string& transport) {
  for (const std::string& name : stage.transports) {
    if (name == transport) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> StageNames() {
  std::vector<std::string> names;
  for (const Stage& stage : kStages) names.emplace_back(stage.name);
  return names;
}

Result<ChosenStage> ChooseStage(const RunRequest& request, const Interpreter& python) {
  ChosenStage chosen;
  const bool any = request.stage == "auto";
  bool asked_seen = any;
  std::string last_reason = "no stage of this version has the transport " + request.transport;
  std::string failed;
  for (const Stage& stage : kStages) {
    asked_seen = asked_seen || request.stage == stage.name;
    if (!asked_seen) continue;
    std::string transport =
        request.transport.empty() ? stage.transports.front() : request.transport;
    if (!Has(stage, transport)) {
      if (failed.empty()) continue;          // `auto` with a transport: the stages that have it
      transport = stage.transports.front();  // a fallback takes its stage's own
    }
    if (!failed.empty()) chosen.fallbacks.push_back({failed, stage.name, last_reason});
    HostingChoice hosting;
    const int generation = WireGeneration(python.flet_version);
    const bool too_old = generation != 0 && generation < stage.generation;
    if (request.mode == "direct" && stage.transports.front() == "ffi") {
      hosting.obstacle = "it has no socket for mode direct";
    } else if (too_old) {
      hosting.obstacle = "Flet " + python.flet_version +
                         " speaks to sockets only, the bridge into one process came with 0.86";
    } else if (stage.hosts_python) {
      hosting = ChooseHosting(request, python);
    } else {
      hosting.obstacle = OwnProcessObstacle(python);
    }
    if (const std::string& why = hosting.obstacle; !why.empty()) {
      if ((!any || (request.hosting != "auto" && !too_old)) && !request.fallback) {
        const bool is_lowest = &stage == std::end(kStages) - 1;
        return MakeError(Errc::kSetup,
                         "stage " + std::string(stage.name) + " cannot run: " + why +
                             (is_lowest ? "; name another interpreter with --python"
                                        : "; or allow a lower stage with --fallback"));
      }
      failed = stage.name;
      last_reason = why;
      continue;
    }
    chosen.stage = stage.name;
    chosen.transport = transport;
    chosen.hostings = std::move(hosting.hostings);
    chosen.hosting_why = std::move(hosting.why);
    if (!failed.empty()) {
      chosen.why = "stage " + failed + " cannot run: " + last_reason;
    } else if (any) {
      chosen.why = "the highest stage that works here";
    }
    return chosen;
  }
  return MakeError(Errc::kSetup, "no stage can run: " + last_reason);
}

bool MayLower(const RunRequest& request, const std::string& stage) {
  return request.fallback && stage != std::rbegin(kStages)->name;
}

Result<ChosenStage> ChooseInstead(const RunRequest& request, const Interpreter& python,
                                  const ChosenStage& chosen,
                                  std::vector<RunReport::Fallback> changes,
                                  const std::string& why) {
  RunRequest lower = request;
  lower.stage = changes.back().to;
  lower.transport.clear();
  lower.fallback = true;
  Result<ChosenStage> instead = ChooseStage(lower, python);
  if (!instead) return instead;
  instead->why = instead->why.empty() ? why : why + "; " + instead->why;
  std::vector<RunReport::Fallback> all = chosen.fallbacks;
  for (auto* more : {&changes, &instead->fallbacks})
    all.insert(all.end(), more->begin(), more->end());
  instead->fallbacks = std::move(all);
  return instead;
}

Result<ChosenStage> ChooseLowerStage(const RunRequest& request, const Interpreter& python,
                                     const ChosenStage& chosen, const Error& why) {
  if (!MayLower(request, chosen.stage)) return why;
  const std::vector<std::string> names = StageNames();
  const auto at = std::find(names.begin(), names.end(), chosen.stage);
  Result<ChosenStage> lower =
      ChooseInstead(request, python, chosen, {{chosen.stage, *(at + 1), why.Line()}},
                    "stage " + chosen.stage + " cannot run: " + why.Line());
  if (lower) lower->doubtful = chosen.doubtful && MayLower(request, lower->stage);
  return lower;
}

Result<std::unique_ptr<AppTransport>> MakeStage(EventLoop& loop, const ChosenStage& chosen,
                                                const Interpreter& python, AppSpec spec) {
  for (const Stage& stage : kStages) {
    if (stage.name == chosen.stage)
      return stage.make(loop, std::move(spec), python, chosen.transport);
  }
  return MakeError(Errc::kSetup, "there is no stage " + chosen.stage);
}

Result<> ReadSteps(RunRequest& request) {
  if (request.steps_file.empty() || !request.steps.empty()) return {};
  if (IsSocket(request.steps_file)) return {};
  errno = 0;
  std::ifstream in(request.steps_file);
  request.steps.assign(std::istreambuf_iterator<char>(in), {});
  if (in.is_open() && !in.bad()) return {};
  return MakeError(Errc::kUsage,
                   "cannot read the steps in " + request.steps_file + ": " +
                       CauseAndRemedy(errno != 0 ? errno : EIO, "name a readable file"));
}

namespace {

Result<HeadlessOptions> StepsOptions(const RunRequest& request, const std::string& flet_package) {
  HeadlessOptions options;
  if (request.first_frame_deadline == 0) options.first_frame.reset();
  if (request.first_frame_deadline > 0)
    options.first_frame = std::chrono::seconds(request.first_frame_deadline);
  options.flet_package = flet_package;
  options.limits = request.limits;
  options.renews = request.is_client;
  if (IsSocket(request.steps_file)) {
    options.live_steps = request.steps_file;
  } else if (!request.steps_file.empty()) {
    Result<Steps> steps = ParseSteps(request.steps);
    if (!steps) return MakeError(Errc::kUsage, request.steps_file + ": " + steps.error().Line());
    options.steps = std::move(*steps);
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<UiEndpoint>> MakeUi(EventLoop& loop, const RunRequest& request,
                                           const std::string& flet_package, Generation app,
                                           const Features& features, const std::string& page_url) {
  if (request.shown_by == "desktop") {
    // Here, while no other thread runs that could read the environment.
    if (request.hidden) ::setenv("FLET_HIDE_WINDOW_ON_START", "true", 1);
    desktop::DesktopOptions window;
    window.client = request.client_folder;
    window.client_generation = static_cast<Generation>(request.client_generation);
    window.app_generation = app;
    window.page_url = page_url;
    window.assets = request.assets;
    window.limits = request.limits;
    Result<std::unique_ptr<UiEndpoint>> shown = desktop::MakeDesktopUi(loop, std::move(window));
    if (!shown || request.steps_file.empty()) return shown;
    Result<HeadlessOptions> options = StepsOptions(request, flet_package);
    if (!options) return options.error();
    if (!options->steps) {
      return MakeError(Errc::kUsage,
                       "steps over a socket are for the headless UI, not for a "
                       "window; use --ui headless, or a file");
    }
    return MakeWindowSteps(loop, std::move(*shown), std::move(*options));
  }
  if (request.shown_by == "replay") {
    if (!features.replay)
      return MakeError(Errc::kUsage, "this program replays no recordings; use fletbridge replay");
    return features.replay(loop, request);
  }
  if (request.shown_by == "attach") {
    Result<SocketAddress> address = ParseSocketAddress(
        request.attach_address.empty() ? "tcp:127.0.0.1:8550" : request.attach_address);
    if (!address) return address.error();
    return attach::MakeAttachUi(loop, request.limits, *address, app);
  }
  Result<HeadlessOptions> options = StepsOptions(request, flet_package);
  if (!options) return options.error();
  return std::unique_ptr<UiEndpoint>(std::make_unique<HeadlessUi>(loop, std::move(*options)));
}

Result<std::unique_ptr<AppTransport>> MakeClientOf(EventLoop& loop, const RunRequest& request,
                                                   const std::string& page_url, Generation app) {
  if (page_url.starts_with("http://") || page_url.starts_with("https://")) {
    return MakeError(Errc::kUsage, "cannot show " + page_url +
                                       ": this version connects to sockets, not to web servers");
  }
  std::string text = "unix:" + page_url;
  if (page_url.starts_with("tcp://")) text = "tcp:" + page_url.substr(6);
  Result<SocketAddress> address = ParseSocketAddress(text);
  if (!address) return address.error();
  return stage1::MakeAttachedTransport(loop, {*address, app, request.direct, request.limits});
}

}  // namespace fletbridge
