#include "common/measure/run_report.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "common/base/own_file.h"

namespace fletbridge {
namespace {

using Json = nlohmann::ordered_json;  // people read it in the order of the contract

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

// Nanoseconds in a larger unit, with three decimals.
Json Scaled(std::optional<std::uint64_t> nanoseconds, double unit) {
  if (!nanoseconds) return Json();
  return std::round(static_cast<double>(*nanoseconds) / unit * 1000.0) / 1000.0;
}

Json Milliseconds(const std::optional<std::chrono::nanoseconds>& time) {
  if (!time) return Json();
  return Scaled(static_cast<std::uint64_t>(time->count()), 1e6);
}

Json Microseconds(const std::optional<std::uint64_t>& nanoseconds) {
  return Scaled(nanoseconds, 1e3);
}

Json PacketsJson(const RunReport::Packets& packets) {
  return {{"count", OrNull(packets.count)}, {"bytes", OrNull(packets.bytes)}};
}

Json AcceleratorsJson(const RunReport& report) {
  Json state = Json::object();
  for (const auto& [name, obstacle] : report.accelerators.state)
    state[name] = {{"on", obstacle.empty()}, {"why", OrNull(obstacle)}};
  Json counters;
  if (report.accelerators.counters) {
    counters = Json::object();
    for (const auto& [name, value] : *report.accelerators.counters) counters[name] = value;
  }
  return {{"verify", report.accelerators.verify},
          {"state", state},
          {"counters", counters},
          {"differences", report.accelerators.differences}};
}

Json RolloutJson(const RunReport& report) {
  if (report.rollout.address.empty()) return Json();
  return {{"address", report.rollout.address},
          {"variant", OrNull(report.rollout.variant)},
          {"why", OrNull(report.rollout.why)},
          {"chose", report.rollout.chose}};
}

Error CannotWrite(const std::string& path, const Error& why) {
  const Errc code = why.code == make_error_code(Errc::kUsage) ? Errc::kUsage : Errc::kSetup;
  return MakeError(code,
                   "cannot write the report " + path + ": " + why.Line() + "; choose another file");
}

}  // namespace

void RunReport::SetTimeline(const Timeline& from) {
  timeline.python_ready = from.At(Milestone::kPythonReady);
  timeline.app_imported = from.At(Milestone::kAppImported);
  timeline.app_listening = from.At(Milestone::kAppListening);
  // The two come by different descriptors, and the loop may read the later one first.
  if (timeline.app_imported && timeline.app_listening)
    timeline.app_imported = std::min(*timeline.app_imported, *timeline.app_listening);
  timeline.registered = from.At(Milestone::kRegistered);
  timeline.first_frame = from.At(Milestone::kFirstFrame);
  timeline.window_shown = from.At(Milestone::kWindowShown);
  timeline.frame_drawn = from.At(Milestone::kFrameDrawn);
}

std::string ToJson(const RunReport& report) {
  Json fallbacks = Json::array();
  for (const auto& [from, to, why] : report.used.fallbacks) {
    fallbacks.push_back({{"from", from}, {"to", to}, {"why", why}});
  }
  Json processes = Json::array();
  for (const auto& [role, pid] : report.processes) {
    processes.push_back({{"role", role}, {"pid", pid}});
  }
  const Json json = {
      {"version", OrNull(report.version)},
      {"app", OrNull(report.app)},
      {"flet", OrNull(report.flet)},
      {"generation", report.generation < 0 ? Json() : Json(report.generation)},
      {"client_generation", report.client_generation < 0 ? Json() : Json(report.client_generation)},
      {"python", OrNull(report.python)},
      {"requested",
       {{"stage", OrNull(report.requested.stage)},
        {"transport", OrNull(report.requested.transport)},
        {"ui", OrNull(report.requested.ui)},
        {"hosting", OrNull(report.requested.hosting)},
        {"accelerators", OrNull(report.requested.accelerators)}}},
      {"used",
       {{"stage", OrNull(report.used.stage)},
        {"transport", OrNull(report.used.transport)},
        {"ui", OrNull(report.used.ui)},
        {"ui_leg", OrNull(report.used.ui_leg)},
        {"client", OrNull(report.used.client)},
        {"why", OrNull(report.used.why)},
        {"mode", OrNull(report.used.mode)},
        {"mode_why", OrNull(report.used.mode_why)},
        {"hosting", OrNull(report.used.hosting)},
        {"hosting_why", OrNull(report.used.hosting_why)},
        {"accelerators", report.used.accelerators},
        {"fallbacks", fallbacks}}},
      {"rollout", RolloutJson(report)},
      {"accelerators", AcceleratorsJson(report)},
      {"reloads", OrNull(report.reloads)},
      {"processes", processes},
      {"timeline_ms",
       {{"python_ready", Milliseconds(report.timeline.python_ready)},
        {"app_imported", Milliseconds(report.timeline.app_imported)},
        {"app_listening", Milliseconds(report.timeline.app_listening)},
        {"registered", Milliseconds(report.timeline.registered)},
        {"first_frame", Milliseconds(report.timeline.first_frame)},
        {"window_shown", Milliseconds(report.timeline.window_shown)},
        {"frame_drawn", Milliseconds(report.timeline.frame_drawn)}}},
      {"packets",
       {{"to_app", PacketsJson(report.packets.to_app)},
        {"to_ui", PacketsJson(report.packets.to_ui)}}},
      {"latency_us",
       {{"count", report.latency.count},
        {"p50", Microseconds(report.latency.p50)},
        {"p90", Microseconds(report.latency.p90)},
        {"p99", Microseconds(report.latency.p99)},
        {"max", Microseconds(report.latency.max)},
        {"unclear", report.latency_unclear}}},
      {"exit", {{"code", OrNull(report.exit.code)}, {"reason", OrNull(report.exit.reason)}}},
  };
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<> CheckReportPath(const std::string& path) {
  if (const Result<OwnFile> place = LookAtOwnFile(path); !place)
    return CannotWrite(path, place.error());
  return {};
}

Result<> WriteReport(const std::string& path, const RunReport& report) {
  return WriteReportText(path, ToJson(report));
}

Result<> WriteReportText(const std::string& path, std::string_view text) {
  if (const Result<> written = WriteOwnFile(path, text); !written)
    return CannotWrite(path, written.error());
  return {};
}

}  // namespace fletbridge
