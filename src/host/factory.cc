#include "src/host/factory.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/python/hosted.h"
#include "common/python/hosting.h"
#include "common/python/interpreter.h"
#include "src/host/asked_ui.h"
#include "src/host/features.h"
#include "src/legacy/legacy_app.h"
#include "src/stage1/attached_transport.h"
#include "src/stage1/process_transport.h"
#include "src/stage2/hosted_socket_transport.h"
#include "src/stage3/ffi_transport.h"
#include "src/ui/attach/attach_ui.h"
#include "src/ui/desktop/desktop_ui.h"
#include "src/ui/headless/headless_ui.h"
#include "src/ui/headless/window_steps.h"
#include "src/ui/web/web_ui.h"
#include "src/ui/webview/webview_ui.h"

namespace fletbridge {
namespace {

// The steps then come over this socket (src/ui/headless/live_steps.h).
bool IsSocket(const std::string& steps_file) {
  std::error_code error;
  return std::filesystem::is_socket(steps_file, error);
}

using Kind = SocketAddress::Kind;

struct Stage {
  StageTraits traits;
  Result<std::unique_ptr<AppHost>> (*make)(EventLoop&, AppSpec, const Interpreter&,
                                           const std::string& transport);
};

// What `fletbridge broker` is, also for a program of another name.
std::string BrokerProgram() {
  return std::filesystem::path(PartsFolder()).parent_path().parent_path() / "bin" / "fletbridge";
}

Kind KindOf(const std::string& transport) { return transport == "tcp" ? Kind::kTcp : Kind::kUnix; }

// Highest first: the order in which `auto` and fallbacks try them.
const Stage kStages[] = {
    {{"3", {"ffi"}, true},
     [](EventLoop& loop, AppSpec spec, const Interpreter& python,
        const std::string&) -> Result<std::unique_ptr<AppHost>> {
       // Flet has a server for the bridge since generation 3.
       const bool has_none =
           spec.generation == Generation::kG1 || spec.generation == Generation::kG2;
       const stage3::FfiForm form = has_none ? stage3::FfiForm::kStream : stage3::FfiForm::kBridge;
       return stage3::MakeFfiTransport(loop, std::move(spec), python.libpython, form);
     }},
    {{"2", {"uds", "tcp"}, true},
     [](EventLoop& loop, AppSpec spec, const Interpreter& python, const std::string& transport) {
       return stage2::MakeHostedSocketTransport(loop, std::move(spec), python.libpython,
                                                KindOf(transport));
     }},
    {{"1", {"uds", "tcp"}, false},
     [](EventLoop& loop, AppSpec spec, const Interpreter&, const std::string& transport) {
       return stage1::MakeProcessTransport(loop, std::move(spec), KindOf(transport));
     }},
    {{.name = "legacy", .transports = {"ws"}, .by_name = true, .wants_web = true},
     [](EventLoop& loop, AppSpec spec, const Interpreter&, const std::string&) {
       return legacy::MakeLegacyApp(loop, std::move(spec), BrokerProgram());
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

Result<std::unique_ptr<AppHost>> MakeStage(EventLoop& loop, const LaunchPlan& plan,
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
  options.renews = plan.is_client || plan.reloads;
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

namespace {

// Bytes that wait for one browser before the app's side is held.
constexpr std::size_t kMostForBrowser = std::size_t{4} << 20;

// The folder of Flet's web client: named, or of the package flet-web beside the app's flet.
Result<std::string> WebClientFor(const RunRequest& request, const std::string& flet_package) {
  const auto holds_client = [](const std::filesystem::path& folder) {
    std::error_code error;
    return std::filesystem::is_regular_file(folder / "index.html", error);
  };
  if (const std::string& named = request.web.client; !named.empty()) {
    if (holds_client(named)) return named;
    return MakeError(Errc::kUsage, "there is no web client in " + named +
                                       ": it has no index.html; name the folder web of the "
                                       "package flet-web with --web-client");
  }
  const std::filesystem::path packages = std::filesystem::path(flet_package).parent_path();
  const std::filesystem::path folder = packages / "flet_web" / "web";
  if (!flet_package.empty() && holds_client(folder)) return folder.string();
  return MakeError(Errc::kSetup,
                   "there is no web client for this app: " + packages.string() +
                       " lacks the package flet-web; pip install flet-web of the same version as "
                       "flet, or name the client's folder with --web-client");
}

static_assert(kMostWebClients == web::kMostClients);

Result<std::unique_ptr<UiSurface>> MakeWeb(EventLoop& loop, const RunRequest& request,
                                           const std::string& flet_package, bool opens_browser) {
  web::WebOptions options;
  options.host = request.web.host;
  options.port = request.web.port;
  options.name = request.web.name;
  options.is_public = request.web.is_public;
  options.token = request.web.token;
  options.cookie = request.web.cookie;
  options.worker = {request.web.line, request.web.worker, request.web.key};
  if (!request.web.metrics.empty()) {
    const Result<web::ListenAddress> address = web::ParseListenAddress(request.web.metrics);
    if (!address) return address.error();
    options.metrics = *address;
  }
  options.trusted_proxies = request.web.trusted_proxies;
  options.opens_browser = opens_browser;
  options.assets = request.assets;
  options.limits = request.limits;
  // Of each browser.
  options.limits.high_water = std::min(options.limits.high_water, kMostForBrowser);
  options.limits.low_water = std::min(options.limits.low_water, kMostForBrowser / 4);
  Result<std::string> client = WebClientFor(request, flet_package);
  if (!client) return client.error();
  options.client = std::move(*client);
  return web::MakeWebUi(loop, std::move(options));
}

// As the app asks for it at ft.run(), where no option says otherwise.
Result<std::unique_ptr<UiSurface>> MakeAskedWeb(EventLoop& loop, RunRequest request,
                                                const std::string& flet_package,
                                                const BrowserWish& wish) {
  WebRequest& web = request.web;
  std::string kept;
  const auto differs = [&kept](const std::string& name, const std::string& asked,
                               const std::string& ours) {
    if (asked != ours) kept += (kept.empty() ? "" : ", ") + name + " " + ours + " and not " + asked;
  };
  if (!wish.host.empty()) {
    if (web.has_host) differs("host", wish.host, web.host);
    if (!web.has_host) web.host = wish.host;
  }
  if (wish.port != 0) {
    if (web.has_port) differs("port", std::to_string(wish.port), std::to_string(web.port));
    if (!web.has_port) web.port = wish.port;
  } else if (!web.has_port) {
    web.port = 0;  // as with Flet: one that is free
  }
  if (!wish.name.empty()) {
    if (!web.name.empty()) differs("name", wish.name, web.name);
    if (web.name.empty()) web.name = wish.name;
  }
  if (!kept.empty()) Log(LogLevel::kInfo, "the app is served with the settings' " + kept);
  return MakeWeb(loop, request, flet_package, wish.opens && web.opens_browser);
}

}  // namespace

Result<std::unique_ptr<UiSurface>> MakeUi(EventLoop& loop, const RunRequest& request,
                                          const LaunchPlan& plan, const std::string& flet_package,
                                          const Features& features, const std::string& page_url) {
  if (plan.may_be_web) {
    LaunchPlan planned = plan;
    planned.may_be_web = false;
    Result<std::unique_ptr<UiSurface>> ui =
        MakeUi(loop, request, planned, flet_package, features, page_url);
    if (!ui) return ui;
    PlannedUi by_plan{std::move(*ui), {}, plan.refusal};
    if (!plan.no_window.empty())
      by_plan.note = "no window, the app runs headless until Ctrl-C: " + plan.no_window;
    return MakeAskedUi(loop, std::move(by_plan), kMostWebClients,
                       [&loop, request, flet_package](const BrowserWish& wish) {
                         return MakeAskedWeb(loop, request, flet_package, wish);
                       });
  }
  if (plan.shown_by == "desktop") {
    // Here, while no other thread runs that may read the environment.
    if (request.hidden) ::setenv("FLET_HIDE_WINDOW_ON_START", "true", 1);
    desktop::DesktopOptions window;
    window.client = plan.client.folder;
    if (plan.client.generation > 0)
      window.client_generation = static_cast<Generation>(plan.client.generation);
    window.page_url = page_url;
    window.assets = request.assets;
    window.limits = request.limits;
    Result<std::unique_ptr<UiSurface>> shown = desktop::MakeDesktopUi(loop, std::move(window));
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
    return attach::MakeAttachUi(loop, request.limits, *address, request.life_line);
  }
  if (plan.shown_by == "web") return MakeWeb(loop, request, flet_package, false);
  if (plan.shown_by == "webview") {
    webview::WebviewOptions options;
    Result<std::string> client = WebClientFor(request, flet_package);
    if (!client) return client.error();
    options.client = std::move(*client);
    options.assets = request.assets;
    options.limits = request.limits;
    return webview::MakeWebviewUi(loop, std::move(options));
  }
  Result<HeadlessOptions> options = StepsOptions(request, plan, flet_package);
  if (!options) return options.error();
  return std::unique_ptr<UiSurface>(std::make_unique<HeadlessUi>(loop, std::move(*options)));
}

Result<std::unique_ptr<AppHost>> MakeClientOf(EventLoop& loop, const RunRequest& request,
                                              const LaunchPlan& plan, const std::string& page_url,
                                              Generation app) {
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
