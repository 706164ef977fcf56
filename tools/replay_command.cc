// Room: tools. `fletbridge replay [options] FILE [ARGS…]`: a run whose UI is a recorded client.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "src/recording/recording.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFooter =
    "The app, its arguments and its interpreter are those of the recording, unless others are "
    "named.\n"
    "Exit code 0: the app did the same; 1: it did not, and the first difference is shown, or it "
    "raised an\n"
    "exception; 2: wrong usage; 70: a failure of ours; else the app's own.\n"
    "\n"
    "Examples:\n"
    "  fletbridge replay --stage 3 shop.rec\n"
    "  fletbridge replay --app new/main.py --to new.rec shop.rec; fletbridge diff shop.rec "
    "new.rec\n"
    "  fletbridge replay --speed recorded --mask time shop.rec\n";

struct Given {
  std::string app;
  std::string speed = "full";
  std::vector<std::string> masks;
  std::vector<std::string> expect_crash;
  double wait = 5;
  std::string file;
  recording::Info info;
};

// From the recording's file to the app that it is of.
Result<> TakeRecording(const Toolbox& tools, Given& given, SplitArguments& split) {
  given.file = split.script;
  if (given.file.empty())
    return MakeError(Errc::kUsage, "no recording to replay; write fletbridge replay FILE");
  if (!fs::path(given.file).is_absolute()) given.file = (fs::path(tools.cwd) / given.file).string();
  const Result<recording::Recording> recorded = recording::Recording::Load(given.file);
  if (!recorded) return recorded.error();
  given.info = recorded->info();
  split.script = given.app.empty() ? given.info.script : given.app;
  if (given.app.empty()) split.module = given.info.module;
  if (split.app.empty()) split.app = given.info.arguments;
  if (!split.script.empty() || !split.module.empty()) return {};
  return MakeError(Errc::kUsage, "the recording " + given.file +
                                     " does not name its app; name it with --app SCRIPT");
}

Result<> Complete(const Given& given, RunRequest& request) {
  request.ui = "replay";
  request.steps_file.clear();
  request.replay_file = given.file;
  request.replay_full_speed = given.speed == "full";
  request.replay_masks = given.masks;
  request.expect_crash = given.info.expect_crash;
  request.expect_crash.insert(request.expect_crash.end(), given.expect_crash.begin(),
                              given.expect_crash.end());
  request.replay_wait_ms = static_cast<std::uint64_t>(std::lround(given.wait * 1000));
  std::error_code error;
  if (request.python.empty() && fs::exists(given.info.interpreter, error))
    request.python = given.info.interpreter;
  for (const std::string& name : given.info.redact) {
    if (std::find(request.redact.begin(), request.redact.end(), name) == request.redact.end())
      request.redact.push_back(name);
  }
  if (!request.record_file.empty() && fs::equivalent(request.record_file, given.file, error)) {
    return MakeError(Errc::kUsage, "the replay would be recorded over its own source " +
                                       given.file + "; name another file");
  }
  return {};
}

}  // namespace

int ReplayCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  Given given;
  return RunAppCommand(
      tools, args,
      {.name = "replay",
       .about = "Gives a recorded session's input to the app again.",
       .words = "FILE [ARGS…]",
       .footer = kFooter,
       .settings = {"stage", "transport", "hosting", "accelerators", "fallback", "python", "assets",
                    "name", "verbose", "report", "record-limit", "redact", "config", "log-level",
                    "quiet", "start-deadline", "end-deadline", "max-packet", "high-water"},
       .has_module = false,
       .options =
           [&given](CLI::App& command, TextPairs& typed) {
             command.add_option("--app", given.app, "This script, in place of the recorded one")
                 ->option_text("SCRIPT")
                 ->group("The app");
             command
                 .add_option("--speed", given.speed,
                             "full: an input follows as soon as what it answers has come; "
                             "recorded: with the recorded gap")
                 ->option_text("recorded|full")
                 ->check(CLI::IsMember({"recorded", "full"}))
                 ->group("Replay");
             command
                 .add_option("--wait", given.wait,
                             "How long to wait for a frame that was recorded and does not come; 5")
                 ->option_text("SECONDS")
                 ->check(CLI::Range(0.0, 86400.0))
                 ->group("Replay");
             command.add_option("--mask", given.masks)
                 ->allow_extra_args(false)
                 ->option_text("MASK")
                 ->group("Replay")
                 ->description("Differences that do not count, as of fletbridge diff");
             command.add_option("--expect-crash", given.expect_crash)
                 ->allow_extra_args(false)
                 ->option_text("TEXT")
                 ->group("Replay")
                 ->description(
                     "What the app raises with this text in it is no failure; so is what the "
                     "recorded steps expect. May be repeated");
             command.add_option("--to")
                 ->expected(1)
                 ->allow_extra_args(false)
                 ->option_text("FILE")
                 ->group("Files")
                 ->description("Record the replay, for fletbridge diff")
                 ->each([&typed](const std::string& file) { typed.emplace_back("record", file); });
           },
       .choose_app = [&](SplitArguments& split) { return TakeRecording(tools, given, split); },
       .complete = [&](RunRequest& request) { return Complete(given, request); }});
}

}  // namespace fletbridge
