// Room: tools. `fletbridge rollout explain|eval …`: the rollout, seen from outside of a run.
#include <ctime>

#include "common/flags/json_places.h"
#include "common/rollout/state_folder.h"
#include "tools/command_line.h"
#include "tools/rollout_choice.h"

namespace fletbridge {
namespace {

constexpr std::string_view kUsage =
    "Usage: fletbridge rollout explain [--rollout ADDRESS] [SCRIPT | -m MODULE]\n"
    "       fletbridge rollout eval FILE --flag KEY [--context JSON] [--type TYPE]\n\n"
    "Which stage an installation gets: a flag file in flagd's format, and the way back.\n\n"
    "Commands:\n"
    "  explain   Print the decision for this installation, and why\n"
    "  eval      Evaluate a flag of any flagd file: value, variant, reason, error code as JSON\n\n"
    "Options:\n"
    "  -h, --help     Show this text; fletbridge rollout COMMAND --help shows a command's\n";

Result<FlagFile> ReadFlagFile(const Toolbox& tools, const std::string& path) {
  const std::string absolute = path.starts_with('/') ? path : tools.cwd + "/" + path;
  const Result<std::string> text = ReadSmallFile(absolute, kMaxFlagFileBytes);
  if (!text) return MakeError(Errc::kUsage, text.error().Line());
  Result<FlagFile> file = FlagFile::Parse(*text);
  if (!file) return MakeError(Errc::kUsage, path + ": " + file.error().context);
  return file;
}

std::string Shown(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

const std::map<std::string, FlagType> kTypes = {
    {"any", FlagType::kAny},         {"boolean", FlagType::kBoolean}, {"string", FlagType::kString},
    {"integer", FlagType::kInteger}, {"float", FlagType::kFloat},     {"object", FlagType::kObject},
};

int Eval(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Evaluates a flag of any flagd file.", "rollout eval");
  command.formatter(HelpShape("fletbridge rollout eval FILE --flag KEY [options]"));
  std::string path;
  std::string context = "{}";
  std::string type = "any";
  bool legacy = false;
  FlagQuestion question;
  command.add_option("file", path, "The flag file")->option_text("FILE")->required();
  command.add_option("--flag", question.flag, "Which flag")->option_text("KEY")->required();
  command.add_option("--context", context, "What targeting looks at, one JSON object")
      ->option_text("JSON");
  command
      .add_option("--type", type,
                  "What the caller takes: boolean, string, integer, float, object or any")
      ->option_text("TYPE")
      ->check(CLI::IsMember(kTypes));
  command.add_flag("--legacy-bucketing", legacy,
                   "fractional as before flagd's integer bucketing, by percentage");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;

  const Result<Json> parsed = ParseJson(context);
  if (!parsed || !parsed->is_object()) {
    return PrintError(tools, MakeError(Errc::kUsage, "--context is no JSON object" +
                                                         (parsed ? std::string()
                                                                 : ": " + parsed.error().context)));
  }
  const Result<FlagFile> file = ReadFlagFile(tools, path);
  if (!file) return PrintError(tools, file.error());
  question.context = *parsed;
  question.type = kTypes.at(type);
  question.bucketing = legacy ? Bucketing::kLegacy : Bucketing::kInteger;
  question.unix_time = std::time(nullptr);
  const FlagAnswer answer = file->Evaluate(question);
  Json shown = {{"flagKey", answer.flag},
                {"value", answer.value},
                {"variant", answer.variant.empty() ? Json() : Json(answer.variant)},
                {"reason", answer.reason},
                {"errorCode", answer.error_code.empty() ? Json() : Json(answer.error_code)},
                {"metadata", answer.metadata}};
  if (!answer.detail.empty()) shown["errorDetails"] = answer.detail;
  tools.out << Shown(shown);
  return answer.reason == "ERROR" ? 1 : 0;
}

int Explain(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Prints which stage this installation gets, and why.", "rollout explain");
  command.formatter(HelpShape("fletbridge rollout explain [options] [SCRIPT | -m MODULE]"));
  TextPairs typed;
  AddSettings(command, typed, {"rollout", "stage", "transport", "config"});
  command.add_option("-m,--module")->option_text("MODULE")->description("A module as the app");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  const Result<SplitArguments> split = SplitAtApp(command, args);
  if (!split) return PrintError(tools, split.error());
  if (const std::optional<int> end = Parse(command, tools, split->ours)) return *end;
  const AppPlace app = FindApp(*split, tools.cwd);
  Result<Settings> settings = MergeSettings({.command_line = typed,
                                             .environment = tools.environment,
                                             .cwd = tools.cwd,
                                             .app_folder = app.folder});
  if (!settings) return PrintError(tools, settings.error());
  const RolloutChoice choice = ChooseByRollout(tools, *settings, app);
  if (!choice.asked) {
    tools.out << "no rollout is set, so stage " << settings->text("stage") << " (from "
              << settings->Get("stage").where << "); set one with --rollout ADDRESS\n";
    return 0;
  }
  TakeRollout(choice, *settings);
  const SettingValue& stage = settings->Get("stage");
  tools.out << "stage          " << stage.text << " (from " << stage.where << ")\n"
            << "transport      "
            << (settings->text("transport").empty() ? "the stage's own"
                                                    : settings->text("transport"))
            << "\n"
            << "rollout        " << choice.address << "\n"
            << "flags from     " << choice.origin << (choice.note.empty() ? "" : ": " + choice.note)
            << "\n"
            << "decision       stage " << choice.decision.given.stage << ": " << choice.decision.why
            << "\n"
            << "installation   " << choice.installation.id
            << (choice.installation.kept ? "" : " (for this run alone)") << "\n"
            << "app            " << choice.context.app << " " << choice.context.app_version << "\n";
  return 0;
}

}  // namespace

int RolloutCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  if (args.empty()) {
    tools.err << kUsage;
    return kExitUsage;
  }
  const std::vector<std::string> rest(args.begin() + 1, args.end());
  const std::string& name = args.front();
  if (name == "--help" || name == "-h") {
    tools.out << kUsage;
    return 0;
  }
  if (name == "explain") return Explain(tools, rest);
  if (name == "eval") return Eval(tools, rest);
  return PrintError(tools, MakeError(Errc::kUsage, "unknown command rollout " + name +
                                                       "; see fletbridge rollout --help"));
}

}  // namespace fletbridge
