#include "tools/request.h"

#include <charconv>
#include <filesystem>
#include <sstream>

#include "common/base/log.h"
#include "src/host/launch_plan.h"

namespace fletbridge {
namespace {

LogLevel LevelNamed(const std::string& name) {
  if (name == "error") return LogLevel::kError;
  if (name == "warning") return LogLevel::kWarning;
  return name == "debug" ? LogLevel::kDebug : LogLevel::kInfo;
}

std::vector<std::string> NamesIn(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream in(text);
  for (std::string name; std::getline(in, name, ',');) {
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

// Where browsers are served: our settings, else what Flet reads of the environment.
void TakeAddress(const Toolbox& tools, const Settings& settings, WebRequest& web) {
  const auto of_flet = [&](const char* name) {
    for (const auto& [key, value] : tools.environment) {
      if (key == name) return value;
    }
    return std::string();
  };
  const auto is_given = [&](const char* name) {
    return settings.Get(name).source != SettingSource::kDefault;
  };
  web.host = settings.text("host");
  web.port = static_cast<std::uint16_t>(settings.number("port"));
  web.has_host = is_given("host");
  web.has_port = is_given("port");
  if (const std::string host = of_flet("FLET_SERVER_IP"); !web.has_host && !host.empty()) {
    web.host = host;
    web.has_host = true;
  }
  // Flet's own, of a server that the environment asks for.
  if (!web.has_port && ForcesWeb(of_flet("FLET_FORCE_WEB_SERVER"))) web.port = 8000;
  if (const std::string port = of_flet("FLET_SERVER_PORT"); !web.has_port && !port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), web.port);
    web.has_port = error == std::errc{} && end == port.data() + port.size();
    if (!web.has_port) {
      web.port = static_cast<std::uint16_t>(settings.number("port"));
      PrintMessage(tools, "warning: FLET_SERVER_PORT is no port: " + port + "; it does not count");
    }
  }
}

// An app that asks for a browser at ft.run() is served by one process, too late for these.
void WarnOfWebOptions(const Toolbox& tools, const Settings& settings) {
  for (const std::string name : {"workers", "drain", "web-key"}) {
    if (settings.Get(name).source == SettingSource::kCommandLine)
      PrintMessage(tools, "warning: --" + name + " does nothing without --ui web");
  }
}

}  // namespace

RunRequest RequestFrom(const Toolbox& tools, const Settings& settings) {
  const bool quiet =
      settings.flag("quiet") && settings.Get("log-level").source == SettingSource::kDefault;
  SetLogLevel(quiet ? LogLevel::kWarning : LevelNamed(settings.text("log-level")));
  RunRequest request;
  request.stage = settings.text("stage");
  request.transport = settings.text("transport");
  const std::string& ui = settings.text("ui");
  const std::size_t equals = ui.find('=');
  request.ui = ui.substr(0, equals);
  if (equals != std::string::npos) request.attach_address = ui.substr(equals + 1);
  if (settings.flag("web")) request.ui = "web";
  TakeAddress(tools, settings, request.web);
  request.web.name = settings.text("name");
  request.web.client = settings.text("web-client");
  request.web.is_public = settings.flag("public");
  request.web.workers = static_cast<std::int64_t>(settings.number("workers"));
  request.web.drain = static_cast<std::int64_t>(settings.number("drain"));
  request.web.metrics = settings.text("metrics-address");
  request.web.key_file = settings.text("web-key");
  request.web.trusted_proxies = NamesIn(settings.text("trusted-proxy"));
  if (request.ui != "web") WarnOfWebOptions(tools, settings);
  request.web.opens_browser = settings.flag("browser");
  request.mode = settings.text("mode");
  request.hosting = settings.text("hosting");
  request.accelerators = settings.text("accelerators");
  request.flet_client = settings.text("flet-client");
  request.hidden = settings.flag("hidden");
  request.python = settings.text("python");
  request.steps_file = settings.text("steps");
  request.report_file = settings.text("report");
  request.record_file = settings.text("record");
  request.record_limit = settings.number("record-limit");
  request.redact = NamesIn(settings.text("redact"));
  request.fallback = settings.flag("fallback");
  request.quiet = settings.flag("quiet");
  const auto seconds = [&settings](const char* name) {
    return settings.text(name).empty() ? RunRequest::kByUi
                                       : static_cast<std::int64_t>(settings.number(name));
  };
  request.start_deadline = seconds("start-deadline");
  request.first_frame_deadline = seconds("first-frame-deadline");
  request.end_deadline = seconds("end-deadline");
  request.ignored_folders = NamesIn(settings.text("ignore-dirs"));
  request.watches_below = settings.flag("recursive");
  request.limits.max_packet = settings.number("max-packet");
  request.limits.high_water = settings.number("high-water");
  request.limits.low_water = request.limits.high_water / 4;

  // The names that `flet run` gives the app (flet_cli 1.0.5, commands/run.py).
  const std::string& assets = settings.text("assets");
  std::error_code error;
  if (!assets.empty() && std::filesystem::is_directory(assets, error)) {
    request.environment.emplace_back("FLET_ASSETS_DIR", assets);
    request.assets = assets;
  } else if (!assets.empty()) {
    PrintMessage(tools, "warning: there is no assets folder " + assets + " (from " +
                            settings.Get("assets").where + "); the app runs without it");
  }
  if (!settings.text("upload-dir").empty())
    request.environment.emplace_back("FLET_UPLOAD_DIR", settings.text("upload-dir"));
  if (!settings.text("name").empty()) {
    request.environment.emplace_back("FLET_WEB_APP_PATH", settings.text("name"));
  }
  if (const auto verbose = settings.number("verbose"); verbose > 0) {
    request.environment.emplace_back("FLET_LOG_LEVEL", verbose > 1 ? "debug" : "info");
  }
  return request;
}

}  // namespace fletbridge
