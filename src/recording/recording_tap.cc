#include "src/host/recording.h"

#include <filesystem>
#include <sys/utsname.h>

#include "src/ui/headless/steps.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

std::string Platform() {
  utsname name{};
  if (::uname(&name) != 0) return {};
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

}  // namespace

Result<> BeginRecording(const RunRequest& request, SessionParts& parts,
                        const std::string& interpreter) {
  if (request.record_file.empty()) return {};
  std::error_code error;
  recording::Info info;
  info.fletbridge = parts.report.version;
  info.flet = parts.report.flet;
  info.python = parts.report.python;
  info.interpreter = interpreter;
  info.generation = static_cast<int>(parts.app->generation());
  info.stage = parts.report.used.stage;
  info.transport = parts.report.used.transport;
  info.hosting = parts.report.used.hosting;
  info.ui = parts.report.used.ui;
  info.platform = Platform();
  if (!request.script.empty()) info.script = fs::absolute(request.script, error).string();
  info.module = request.module;
  info.folder = fs::current_path(error).string();
  info.arguments = request.arguments;
  info.redact = request.redact;
  info.replay_of = request.replay_file;
  info.expect_crash = request.expect_crash;
  if (const Result<Steps> steps = ParseSteps(request.steps); steps) {
    for (const Step& step : steps->steps) {
      if (step.kind == StepKind::kExpectCrash) info.expect_crash.push_back(step.text);
    }
  }
  recording::RecorderOptions options;
  options.file = request.record_file;
  options.limit_bytes = request.record_limit;
  options.redact = request.redact;
  Result<std::unique_ptr<recording::Recorder>> recorder =
      recording::Recorder::Open(std::move(options), std::move(info));
  if (!recorder) return recorder.error();
  parts.recorder = std::move(*recorder);
  return {};
}

}  // namespace fletbridge
