#include "src/host/mode_choice.h"

#include "common/base/log.h"

namespace fletbridge {
namespace {

// Why the client and the app cannot be left to themselves; empty if they can.
std::string Obstacle(const RunRequest& request, const ModeFacts& app) {
  if (request.shown_by != "desktop") {
    std::string why = "the " + request.shown_by + " UI takes and sends the packets itself";
    if (!app.no_window.empty()) why += " (no window: " + app.no_window + ")";
    return why;
  }
  if (!request.record_file.empty()) return "a recording needs every packet";
  if (!request.steps_file.empty()) return "steps need every packet";
  if (app.stage == "3") return "stage 3 has no socket";
  if (app.generation == 0) return "it is not known what the app's Flet speaks";
  if (request.client_generation == 0) return "it is not known what the client speaks";
  if (request.client_generation != app.generation) {
    return "the client speaks wire generation " + std::to_string(request.client_generation) +
           ", the app " + std::to_string(app.generation);
  }
  if (app.transport == "tcp" && !app.port_is_ours)
    return "over tcp this app's Flet must choose its port itself, which others could take first";
  return {};
}

}  // namespace

Result<> ChooseMode(RunRequest& request, const ModeFacts& app) {
  const std::string obstacle = Obstacle(request, app);
  const bool forced = request.mode == "direct";
  if (app.generation == 1 && (!obstacle.empty() || request.mode == "relayed")) {
    return MakeError(
        Errc::kSetup,
        "Flet " + app.flet_version +
            " speaks JSON, which Flet's own client can read and fletbridge cannot: " +
            (obstacle.empty() ? "--mode relayed is not for it" : obstacle) +
            "; run it in a window (--ui desktop --mode direct, stage 1 or 2), or pip install "
            "--upgrade flet");
  }
  if (forced && !obstacle.empty()) {
    return MakeError(Errc::kSetup, "mode direct cannot be: " + obstacle +
                                       "; use --mode auto, or what the client and the app need "
                                       "to speak to each other");
  }
  request.direct = obstacle.empty() && request.mode != "relayed";
  if (request.shown_by == "desktop")
    Log(LogLevel::kDebug, request.direct     ? "direct: the client speaks to the app itself"
                          : obstacle.empty() ? "relayed, as asked for"
                                             : "relayed: " + obstacle);
  return {};
}

}  // namespace fletbridge
