#include "src/host/factory.h"

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
  StageTraits traits;
  Result<std::unique_ptr<AppTransport>> (*make)(EventLoop&, AppSpec, const Interpreter&,
                                                const std::string& transport);
};

Kind KindOf(const std::string& transport) { return transport == "tcp" ? Kind::kTcp : Kind::kUnix; }

// Highest first: the order in which `auto` and fallbacks try them.
const Stage kStages[] = {
    {{"3", {"ffi"}, true, 3},
     [](EventLoop& loop, AppSpec spec, const Interpreter& python,
        const std::string&) -> Result<std::unique_ptr<AppTransport>> {
       return stage3::MakeFfiTransport(loop, std::move(spec), python.libpython);
     }},
    {{"2", {"uds", "tcp"}, true, 1},
     [](EventLoop& loop, AppSpec spec, const Interpreter& python, const std::string& transport) {
       return stage2::MakeHostedSocketTransport(loop, std::move(spec), python.libpython,
                                                KindOf(transport));
     }},
    {{"1", {"uds", "tcp"}, false, 1},
     [](EventLoop& loop, AppSpec spec, const Interpreter&, const std::string& transport) {
       return stage1::MakeProcessTransport(loop, std::move(spec), KindOf(transport));
     }},
};

}  // namespace

std::vector<StageTraits> StageList() {
  std::vector<StageTraits> all;
  for (const Stage& stage : kStages) all.push_back(stage.traits);
  return all;
}

std::vector<std::string> StageNames() {
  std::vector<std::string> names;
  for (const Stage& stage : kStages) names.push_back(stage.traits.name);
  return names;
}

Result<std::unique_ptr<AppTransport>> MakeStage(EventLoop& loop, const LaunchPlan& plan,
                                                const Interpreter& python, AppSpec spec) {
  for (const Stage& stage : kStages) {
    if (stage.traits.name == plan.stage)
      return stage.make(loop, std::move(spec), python, plan.transport);
  }
  return MakeError(Errc::kSetup, "there is no stage " + plan.stage);
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

Result<HeadlessOptions> StepsOptions(const RunRequest& request, const LaunchPlan& plan,
                                     const std::string& flet_package) {
  HeadlessOptions options;
  if (request.first_frame_deadline == 0) options.first_frame.reset();
  if (request.first_frame_deadline > 0)
    options.first_frame = std::chrono::seconds(request.first_frame_deadline);
  options.flet_package = flet_package;
  options.limits = request.limits;
  options.renews = plan.is_client;
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
                                           const LaunchPlan& plan, const std::string& flet_package,
                                           Generation app, const Features& features,
                                           const std::string& page_url) {
  if (plan.shown_by == "desktop") {
    // Here, while no other thread runs that could read the environment.
    if (request.hidden) ::setenv("FLET_HIDE_WINDOW_ON_START", "true", 1);
    desktop::DesktopOptions window;
    window.client = plan.client.folder;
    window.client_generation = static_cast<Generation>(plan.client.generation);
    window.app_generation = app;
    window.page_url = page_url;
    window.assets = request.assets;
    window.limits = request.limits;
    Result<std::unique_ptr<UiEndpoint>> shown = desktop::MakeDesktopUi(loop, std::move(window));
    if (!shown || request.steps_file.empty()) return shown;
    Result<HeadlessOptions> options = StepsOptions(request, plan, flet_package);
    if (!options) return options.error();
    if (!options->steps) {
      return MakeError(Errc::kUsage,
                       "steps over a socket are for the headless UI, not for a "
                       "window; use --ui headless, or a file");
    }
    return MakeWindowSteps(loop, std::move(*shown), std::move(*options));
  }
  if (plan.shown_by == "replay") {
    if (!features.replay)
      return MakeError(Errc::kUsage, "this program replays no recordings; use fletbridge replay");
    return features.replay(loop, request);
  }
  if (plan.shown_by == "attach") {
    Result<SocketAddress> address = ParseSocketAddress(
        request.attach_address.empty() ? "tcp:127.0.0.1:8550" : request.attach_address);
    if (!address) return address.error();
    return attach::MakeAttachUi(loop, request.limits, *address, app);
  }
  Result<HeadlessOptions> options = StepsOptions(request, plan, flet_package);
  if (!options) return options.error();
  return std::unique_ptr<UiEndpoint>(std::make_unique<HeadlessUi>(loop, std::move(*options)));
}

Result<std::unique_ptr<AppTransport>> MakeClientOf(EventLoop& loop, const RunRequest& request,
                                                   const LaunchPlan& plan,
                                                   const std::string& page_url, Generation app) {
  if (page_url.starts_with("http://") || page_url.starts_with("https://")) {
    return MakeError(Errc::kUsage, "cannot show " + page_url +
                                       ": this version connects to sockets, not to web servers");
  }
  std::string text = "unix:" + page_url;
  if (page_url.starts_with("tcp://")) text = "tcp:" + page_url.substr(6);
  Result<SocketAddress> address = ParseSocketAddress(text);
  if (!address) return address.error();
  return stage1::MakeAttachedTransport(loop, {*address, app, plan.direct, request.limits});
}

}  // namespace fletbridge
