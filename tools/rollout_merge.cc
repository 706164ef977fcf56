#include "tools/rollout_merge.h"

#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "common/base/counted.h"
#include "src/rollout/fleet.h"
#include "src/rollout/state_folder.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;

const char* Word(statistics::Verdict verdict) {
  switch (verdict) {
    case statistics::Verdict::kFaster:
      return "better";
    case statistics::Verdict::kSlower:
      return "worse";
    case statistics::Verdict::kSame:
      return "the same";
    case statistics::Verdict::kNoDifferenceShown:
      return "no difference shown";
    case statistics::Verdict::kTooFewRounds:
      break;
  }
  return "too few installations";
}

std::string Shown(const FleetFinding& finding) {
  char text[160];
  if (!finding.interval) {
    std::snprintf(text, sizeof text, "  %-14s %s", finding.what.c_str(), Word(finding.verdict));
  } else if (finding.is_ratio) {
    std::snprintf(text, sizeof text, "  %-14s x %.3f [%.3f, %.3f]: %s", finding.what.c_str(),
                  finding.interval->estimate, finding.interval->low, finding.interval->high,
                  Word(finding.verdict));
  } else {
    std::snprintf(text, sizeof text, "  %-14s %+.2f %% [%+.2f, %+.2f] of the starts: %s",
                  finding.what.c_str(), 100 * finding.interval->estimate,
                  100 * finding.interval->low, 100 * finding.interval->high, Word(finding.verdict));
  }
  return std::string(text) + "\n";
}

Json ToJson(const statistics::Interval& interval) {
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

Json ToJson(const FleetFinding& finding) {
  Json json = {{"what", finding.what}, {"verdict", Word(finding.verdict)}};
  json[finding.is_ratio ? "ratio" : "difference"] =
      finding.interval ? ToJson(*finding.interval) : Json();
  return json;
}

// Without what a terminal would obey.
std::string Plain(std::string name) {
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return name;
}

constexpr std::string_view kFooter =
    "Each FILE is what `fletbridge rollout status --json` has printed on one installation. An\n"
    "installation counts once: its share of failed starts, and the means of its first frame and "
    "its\n"
    "clicks. The intervals hold with 95 %; each wants six installations on either stage.\n"
    "Exit code 0; 1 if a stage is worse than the baseline; 2 for a FILE that is none.\n";

void PrintStage(const Toolbox& tools, const FleetApp& app, const FleetStage& stage) {
  char line[160];
  std::snprintf(line, sizeof line,
                " stage %s: %zu installations, %.0f starts, %.0f failed: %.2f %% [%.2f, %.2f]\n",
                stage.stage.c_str(), stage.installations, stage.starts, stage.failures,
                100 * stage.failed.estimate, 100 * stage.failed.low, 100 * stage.failed.high);
  tools.out << line;
  if (stage.findings.empty()) return;
  for (const FleetFinding& finding : stage.findings) tools.out << Shown(finding);
  const std::string name = "stage " + stage.stage;
  const std::string than = " worse than stage " + app.baseline;
  tools.out << "  "
            << (stage.is_worse() ? name + " is" + than
                : stage.is_shown()
                    ? name + " is not shown to be" + than
                    : "whether " + name + " is worse cannot be told: name more installations")
            << "\n";
}

Json ToJson(const FleetStage& stage) {
  Json json = {{"installations", stage.installations},
               {"starts", stage.starts},
               {"failures", stage.failures},
               {"failed", ToJson(stage.failed)}};
  if (stage.findings.empty()) return json;
  json["against_baseline"] = Json::array();
  for (const FleetFinding& finding : stage.findings)
    json["against_baseline"].push_back(ToJson(finding));
  json["worse"] = stage.is_worse();
  return json;
}

Result<Fleet> ReadFleet(const Toolbox& tools, const std::vector<std::string>& files) {
  Fleet fleet;
  for (const std::string& file : files) {
    const Result<std::string> text =
        ReadSmallFile((std::filesystem::path(tools.cwd) / file).string(), kMaxFileBytes);
    if (!text) return MakeError(Errc::kUsage, text.error().Line());
    if (Result<> added = fleet.Add(*text, file); !added) return added.error();
  }
  return fleet;
}

}  // namespace

int MergeStatus(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Says whether a stage is worse than another, over many installations.",
                   "rollout merge");
  command.formatter(HelpShape("fletbridge rollout merge [options] FILE…"));
  command.footer(std::string(kFooter));
  std::vector<std::string> files;
  std::string only;
  std::string baseline;
  bool json = false;
  command.add_option("FILE", files)->required();
  command.add_option("--app", only, "This app alone, by its name")->option_text("NAME");
  command
      .add_option("--baseline", baseline,
                  "The stage that the others are compared with (default: an app's lowest)")
      ->option_text("STAGE")
      ->check(CLI::IsMember({"1", "2", "3"}));
  command.add_flag("--json", json, "As JSON");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;

  const Result<Fleet> fleet = ReadFleet(tools, files);
  if (!fleet) return PrintError(tools, fleet.error());
  const std::vector<FleetApp> apps = fleet->Judge(only, baseline);
  if (apps.empty()) {
    return PrintError(
        tools, MakeError(Errc::kUsage, "there is no start" + (only.empty() ? "" : " of " + only) +
                                           " in " + Counted(files.size(), "file")));
  }
  bool worse = false;
  Json shown = Json::array();
  for (const FleetApp& app : apps) {
    Json stages = Json::object();
    if (!json) tools.out << Plain(app.app) << "\n";
    for (const FleetStage& stage : app.stages) {
      worse = worse || stage.is_worse();
      stages[stage.stage] = ToJson(stage);
      if (!json) PrintStage(tools, app, stage);
    }
    shown.push_back({{"app", app.app}, {"baseline", app.baseline}, {"stages", stages}});
  }
  if (json) tools.out << shown.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  return worse ? 1 : 0;
}

}  // namespace fletbridge
