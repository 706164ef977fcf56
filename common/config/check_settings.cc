#include <algorithm>

#include "common/config/setting_table.h"
#include "common/config/settings.h"

namespace fletbridge {
namespace {

// "transport uds (from --transport)": a value with its source, so that the wrong one can be found.
std::string Named(const Settings& settings, std::string_view name) {
  const SettingValue& value = settings.Get(name);
  return std::string(name) + " " + value.text + " (from " + value.where + ")";
}

Error Usage(std::string text) { return MakeError(Errc::kUsage, std::move(text)); }

Result<> CheckServed(const Settings& settings) {
  for (const SettingSpec& spec : AllSettings()) {
    const SettingValue& value = settings.Get(spec.name);
    if (value.source == SettingSource::kDefault) continue;
    if (!spec.refusal.empty() && value.text != "false") {
      return Usage(value.where + (IsFile(value.source) ? ": " + std::string(spec.name) : "") +
                   ": " + std::string(spec.refusal));
    }
  }
  return {};
}

}  // namespace

Result<> CheckSettings(const Settings& settings) {
  if (auto served = CheckServed(settings); !served) return served.error();
  const std::string& stage = settings.text("stage");
  const std::string& transport = settings.text("transport");
  const std::string& named_ui = settings.text("ui");
  const std::string ui = settings.flag("web") ? "web" : named_ui;
  if (settings.flag("web") && named_ui != "auto" && named_ui != "web") {
    return Usage("web (from " + settings.Get("web").where + ") is --ui web, so no " +
                 Named(settings, "ui") + "; leave one of them out");
  }
  if (stage == "3" && !transport.empty() && transport != "ffi") {
    return Usage(Named(settings, "stage") + " has no sockets, so no " +
                 Named(settings, "transport") + "; use --transport ffi, or stage 1 or 2");
  }
  if (transport == "ffi" && (stage == "1" || stage == "2")) {
    return Usage(Named(settings, "stage") + " speaks over sockets, so no " +
                 Named(settings, "transport") + "; use --transport uds or tcp, or stage 3");
  }
  if (!transport.empty() && stage != "auto" && (transport == "ws") != (stage == "legacy")) {
    return Usage(Named(settings, "stage") + " has no " + Named(settings, "transport") + "; use " +
                 (stage == "legacy" ? "--transport ws, or stage 1, 2 or 3" : "--stage legacy"));
  }
  if (transport == "ws" && stage == "auto")
    return Usage(Named(settings, "transport") + " is of stage legacy alone; use --stage legacy");
  if (settings.text("mode") == "direct") {
    // With a fallback, as in a rollout, the run takes the next stage that has a socket.
    if (stage == "3" && !settings.flag("fallback")) {
      return Usage(Named(settings, "stage") + " has no socket that a client could use, so no " +
                   Named(settings, "mode") + "; use stage 1 or 2, or --mode auto");
    }
    if (ui != "desktop" && ui != "auto") {
      return Usage(Named(settings, "mode") + " is for Flet's own client in a window, not for " +
                   Named(settings, "ui") + "; use --ui desktop, or --mode auto");
    }
  }
  // In a file or in the environment it may be meant for other apps as well: then it is only said.
  if (settings.Get("metrics").source == SettingSource::kCommandLine &&
      settings.text("rollout").empty()) {
    return Usage(Named(settings, "metrics") +
                 " counts the starts of a rollout, and there is none; set one with --rollout "
                 "ADDRESS, or leave it out");
  }
  if (!settings.text("steps").empty() && ui != "headless" && ui != "desktop" && ui != "auto") {
    return Usage("steps (from " + settings.Get("steps").where +
                 ") are for the headless UI and a window, not for " + Named(settings, "ui") +
                 "; use --ui headless or desktop, or leave them out");
  }
  return {};
}

std::string ExplainSettings(const Settings& settings) {
  struct Row {
    std::string name, value, where;
  };
  std::vector<Row> rows = {{"SETTING", "VALUE", "FROM"}};
  for (const SettingSpec& spec : AllSettings()) {
    const SettingValue& value = settings.Get(spec.name);
    std::string shown = value.text;
    if (spec.kind == SettingKind::kBytes) shown = FormatBytes(settings.number(spec.name));
    if (shown.empty()) shown = "-";
    const bool unprintable = std::any_of(
        shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (unprintable) shown = Quoted(shown);
    std::string where = value.where;
    if (value.source == SettingSource::kCommandLine) where = "command line " + where;
    if (value.source == SettingSource::kEnvironment) where = "environment " + where;
    rows.push_back({std::string(spec.name), shown, where});
  }
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, row.name.size());
    value_width = std::max(value_width, row.value.size());
  }
  std::string table;
  for (const Row& row : rows) {
    table += row.name + std::string(name_width + 2 - row.name.size(), ' ');
    table += row.value + std::string(value_width + 2 - row.value.size(), ' ');
    table += row.where + "\n";
  }
  return table;
}

}  // namespace fletbridge
