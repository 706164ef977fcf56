#include "src/host/verdict.h"

#include <csignal>

#include "src/host/words.h"

namespace fletbridge {
namespace {

constexpr int kFailure = 70;

Verdict Said(int code, const std::string& line, LogLevel level = LogLevel::kError) {
  return {code, line, level, line};
}

// Something is wrong, not just at its end.
bool IsCause(const Error& why) {
  return why.code && why.code != Errc::kPeerGone && why.code != Errc::kClosed;
}

bool AppWentFirst(const Life& life) {
  return life.app_closed() && life.app_closed()->code == Errc::kPeerGone;
}

std::string KilledBy(int code) { return "the app was killed by " + SignalName(code - 128); }

// What ended the run from our side is told when that happens, or now.
Verdict JudgeLost(const Life& life) {
  const std::string line = life.lost()->Line();
  return life.lost_is_told() ? Verdict{kFailure, line} : Said(kFailure, line);
}

}  // namespace

Verdict JudgeSession(const Life& life) {
  const std::optional<UiEnd>& ui = life.ui_end();
  const int signal = life.signal();
  if (signal != 0 && (!life.signal_is_apps() || life.force() == Life::Force::kSecondSignal)) {
    return {128 + signal, "ended by " + SignalName(signal)};
  }
  if (life.lost() && !life.ui_came_up()) return JudgeLost(life);
  if (ui && !life.ui_came_up()) return Said(kFailure, ui->why.Line());
  if (life.lost()) return JudgeLost(life);
  if (life.app_closed() && IsCause(*life.app_closed()))
    return Said(kFailure, life.app_closed()->Line());
  if (ui && IsCause(ui->why))
    return Said(ui->exit_code != 0 ? ui->exit_code : kFailure, ui->why.Line());
  if (ui && ui->exit_code != 0) return {ui->exit_code, "a step failed"};
  return {0, "the UI closed"};
}

Verdict Judge(const Life& life, int app_code) {
  const Verdict session = JudgeSession(life);
  const std::optional<UiEnd>& ui = life.ui_end();
  const bool went_first = AppWentFirst(life);
  // A step that failed because the app had ended is not the cause.
  if (session.code != 0 && !(went_first && session.reason == "a step failed")) return session;
  if (life.signal_is_apps()) {
    return {app_code, "the app ended with exit code " + std::to_string(app_code) + " after " +
                          SignalName(life.signal())};
  }
  if (life.force() == Life::Force::kLimit) {
    return {app_code != 0 ? app_code : kFailure,
            "the app did not end within " + Words(*life.patience().end) +
                " after its UI had closed, and was ended by force"};
  }
  if (went_first) {
    if (app_code > 128) {
      if (life.session_ended()) return Said(app_code, KilledBy(app_code) + " after its session");
      return Said(app_code, KilledBy(app_code));
    }
    if (app_code == 0 && ui && ui->exit_code != 0) {
      return {ui->exit_code, "the UI ended with exit code " + std::to_string(ui->exit_code)};
    }
    return {app_code, "the app ended with exit code " + std::to_string(app_code)};
  }
  if (life.force() == Life::Force::kNotHeeded) {
    return Said(app_code, "the app did not heed that its UI had closed, and was ended by force",
                LogLevel::kWarning);
  }
  if (app_code > 128)
    return Said(app_code, KilledBy(app_code) + " after its session", LogLevel::kWarning);
  return {app_code, "the UI closed"};
}

}  // namespace fletbridge
