#include "src/recording/recording_filter.h"

#include <filesystem>
#include <sys/utsname.h>
#include <utility>

#include "common/wire/own_words.h"
#include "src/recording/recorder.h"
#include "src/recording/replay/replay_ui.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

std::string Platform() {
  utsname name{};
  if (::uname(&name) != 0) return {};
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

class RecordingFilter final : public Filter {
 public:
  explicit RecordingFilter(std::unique_ptr<recording::Recorder> recorder)
      : recorder_(std::move(recorder)) {}

  void FromApp(Packet&& packet, Onward& onward) override {
    Take(recording::Direction::kToUi, packet);
    onward.ToUi(std::move(packet));
  }
  void FromUi(Packet&& packet, Onward& onward) override {
    Take(recording::Direction::kToApp, packet);
    onward.ToApp(std::move(packet));
  }
  void OnRegistered(const Spoken& spoken) override {
    recording::Info info;
    info.generation = static_cast<int>(spoken.app);
    info.client_generation = static_cast<int>(spoken.client);
    recorder_->Tell(info);
  }
  void OnSessionEnd() override { recorder_->NewSession(); }
  void OnRunEnd(int code, const std::string& reason, std::chrono::milliseconds patience) override {
    recorder_->Close({code, reason}, patience);
  }

 private:
  void Take(recording::Direction direction, const Packet& packet) {
    if (wire::OwnWord(packet) == 0) recorder_->Take(direction, packet);
  }

  std::unique_ptr<recording::Recorder> recorder_;
};

}  // namespace

Result<std::unique_ptr<Filter>> MakeRecordingFilter(const RunRequest& request,
                                                    const FilterFacts& facts) {
  if (request.record_file.empty()) return std::unique_ptr<Filter>();
  std::error_code error;
  recording::Info info;
  info.fletbridge = facts.report.version;
  info.flet = facts.report.flet;
  info.python = facts.report.python;
  info.interpreter = facts.interpreter;
  info.generation = facts.generation;
  info.stage = facts.report.used.stage;
  info.transport = facts.report.used.transport;
  info.hosting = facts.report.used.hosting;
  info.ui = facts.report.used.ui;
  info.platform = Platform();
  if (!request.script.empty()) info.script = fs::absolute(request.script, error).string();
  info.module = request.module;
  info.folder = fs::current_path(error).string();
  info.arguments = request.arguments;
  info.redact = request.redact;
  info.replay_of = request.replay_file;
  info.expect_crash = facts.expect_crash;
  recording::RecorderOptions options;
  options.file = request.record_file;
  options.limit_bytes = request.record_limit;
  options.redact = request.redact;
  Result<std::unique_ptr<recording::Recorder>> recorder =
      recording::Recorder::Open(std::move(options), std::move(info));
  if (!recorder) return recorder.error();
  return std::unique_ptr<Filter>(std::make_unique<RecordingFilter>(std::move(*recorder)));
}

Result<std::unique_ptr<UiSurface>> ReplayFor(EventLoop& loop, const RunRequest& request) {
  ReplayOptions options;
  options.file = request.replay_file;
  options.full_speed = request.replay_full_speed;
  options.patience = std::chrono::milliseconds(request.replay_wait_ms);
  options.masks = request.replay_masks;
  options.expect_crash = request.expect_crash;
  options.limits = request.limits;
  return MakeReplayUi(loop, std::move(options));
}

}  // namespace fletbridge
