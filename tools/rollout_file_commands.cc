#include "tools/rollout_file_commands.h"

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>

#include "common/config/version.h"
#include "src/rollout/decision.h"
#include "src/rollout/flags/json_places.h"
#include "src/rollout/state_folder.h"
#include "src/rollout/validate_rollout.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

Result<std::string> ReadText(const Toolbox& tools, const std::string& path) {
  Result<std::string> text =
      ReadSmallFile((std::filesystem::path(tools.cwd) / path).string(), kMaxFlagFileBytes);
  if (!text) return MakeError(Errc::kUsage, text.error().Line() + "; name a flag file");
  return text;
}

Result<FlagFile> ReadFlagFile(const Toolbox& tools, const std::string& path) {
  const Result<std::string> text = ReadText(tools, path);
  if (!text) return text.error();
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

// The id of a made-up installation: as random as a real one, and the same in every simulation.
std::string MadeUpId(std::uint64_t number) {
  const auto mixed = [](std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  };
  char id[40];
  std::snprintf(id, sizeof id, "%016llx%016llx",
                static_cast<unsigned long long>(mixed(2 * number * 0x9e3779b97f4a7c15U + 1)),
                static_cast<unsigned long long>(mixed((2 * number + 1) * 0x9e3779b97f4a7c15U)));
  return id;
}

int Rank(const StageVariant& given) { return given.stage == "auto" ? 4 : given.stage[0] - '0'; }

}  // namespace

int EvaluateFlag(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Evaluates a flag of any flagd file.", "rollout eval");
  command.formatter(HelpShape("fletbridge rollout eval FILE --flag KEY [options]"));
  std::string path;
  std::string context = "{}";
  std::string type = "any";
  bool legacy = false;
  FlagQuestion question;
  AddWord(command, "FILE", path);
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

int ValidateFlagFile(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Finds the mistakes of a flag file, with their places.", "rollout validate");
  command.formatter(HelpShape("fletbridge rollout validate FILE [options]"));
  std::string path;
  bool json = false;
  AddWord(command, "FILE", path);
  command.add_flag("--json", json, "As JSON");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  const Result<std::string> text = ReadText(tools, path);
  if (!text) return PrintError(tools, text.error());
  const std::vector<FlagProblem> problems = ValidateRollout(*text);
  std::size_t errors = 0;
  Json list = Json::array();
  for (const FlagProblem& problem : problems) {
    const char* kind = problem.is_error ? "error" : "warning";
    errors += problem.is_error ? 1 : 0;
    if (json) {
      list.push_back({{"severity", kind},
                      {"line", problem.place.line},
                      {"column", problem.place.column},
                      {"pointer", problem.pointer},
                      {"text", problem.text}});
    } else {
      tools.out << path << ":" << problem.place.line << ":" << problem.place.column << ": " << kind
                << ": " << problem.text
                << (problem.pointer.empty() ? "" : " [" + Printable(problem.pointer) + "]") << "\n";
    }
  }
  if (json) {
    tools.out << Shown(list);
  } else if (problems.empty()) {
    tools.out << path << ": no mistakes\n";
  }
  return errors == 0 ? 0 : 1;
}

int SimulateFlagFile(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Shows the share of each stage among made-up installations.",
                   "rollout simulate");
  command.formatter(HelpShape("fletbridge rollout simulate FILE [options]"));
  std::string path;
  std::string before;
  RolloutContext context{.installation = {}, .app = "app", .app_version = {}, .version = {}};
  context.version = Version();
  std::uint64_t count = 100'000;
  bool json = false;
  AddWord(command, "FILE", path);
  command.add_option("--installations", count, "How many; 100000 if not given")
      ->option_text("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000'000}));
  command
      .add_option("--before", before,
                  "An earlier flag file: also count who would get a lower stage than with that")
      ->option_text("FILE");
  command.add_option("--app", context.app, "The app's name, for targeting")->option_text("NAME");
  command.add_option("--app-version", context.app_version, "The app's version, for targeting")
      ->option_text("VERSION");
  command.add_flag("--json", json, "As JSON");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  const Result<FlagFile> file = ReadFlagFile(tools, path);
  if (!file) return PrintError(tools, file.error());
  std::optional<FlagFile> earlier;
  if (!before.empty()) {
    Result<FlagFile> read = ReadFlagFile(tools, before);
    if (!read) return PrintError(tools, read.error());
    earlier = std::move(*read);
  }
  const std::int64_t now = std::time(nullptr);
  std::map<std::string, std::uint64_t> shares;
  std::uint64_t lowered = 0;
  std::uint64_t raised = 0;
  std::string undecided;
  for (std::uint64_t i = 0; i < count; ++i) {
    context.installation = MadeUpId(i);
    const Decision decision = Decide(*file, context, now);
    std::string name = decision.given.stage;
    if (!decision.given.transport.empty()) name += ":" + decision.given.transport;
    ++shares[name];
    if (!decision.decided) undecided = decision.why;
    if (!earlier) continue;
    const int was = Rank(Decide(*earlier, context, now).given);
    lowered += Rank(decision.given) < was ? 1 : 0;
    raised += Rank(decision.given) > was ? 1 : 0;
  }
  Json result = {{"installations", count}, {"shares", Json::object()}};
  for (const auto& [name, many] : shares) {
    const double share = 100.0 * static_cast<double>(many) / static_cast<double>(count);
    result["shares"][name] = {{"count", many}, {"percent", share}};
    char line[80];
    std::snprintf(line, sizeof line, "stage %-8s %10llu  %6.2f %%\n", name.c_str(),
                  static_cast<unsigned long long>(many), share);
    if (!json) tools.out << line;
  }
  if (earlier) {
    result["lower_than_before"] = lowered;
    result["higher_than_before"] = raised;
    if (!json) tools.out << "lower than before " << lowered << ", higher " << raised << "\n";
  }
  if (!undecided.empty()) {
    result["undecided"] = undecided;
    if (!json) PrintMessage(tools, "some have no decision: " + undecided);
  }
  if (json) tools.out << Shown(result);
  return 0;
}

}  // namespace fletbridge
