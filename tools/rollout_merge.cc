#include "tools/rollout_merge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "common/base/counted.h"
#include "common/config/setting_table.h"
#include "src/compare/statistics.h"
#include "src/rollout/state_folder.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

using compare::Interval;
using compare::Verdict;
using Json = nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxApps = 200;  // of one installation, as `status` has them
constexpr std::size_t kMaxName = 200;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;
constexpr int kDraws = 2000;
constexpr double kTail = 0.025;
constexpr std::uint64_t kSeed = 1;
// A share of starts that nobody should act on.
constexpr double kFailureMargin = 0.001;

// What one installation has of one app and stage.
struct Figures {
  std::uint64_t starts = 0;
  std::uint64_t failures = 0;
  std::optional<double> first_frame, click;  // mean, in seconds
};
// By app, by stage: a value for each installation that has any.
using Stages = std::map<std::string, std::vector<Figures>>;
using Apps = std::map<std::string, Stages>;

class Mistake : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

const Json& Member(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end())
    throw Mistake(std::string("it has no \"") + name + "\"");
  return *found;
}

std::uint64_t Count(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  if (value.is_number_unsigned() && value.get<std::uint64_t>() <= kMaxCount)
    return value.get<std::uint64_t>();
  throw Mistake(std::string("its \"") + name + "\" is no count");
}

std::optional<double> Mean(const Json& stage, const char* name) {
  const Json& histogram = Member(stage, name);
  const std::uint64_t count = Count(histogram, "count");
  const Json& sum = Member(histogram, "sum");
  if (!sum.is_number() || !std::isfinite(sum.get<double>()) || sum.get<double>() < 0)
    throw Mistake(std::string("the \"sum\" of its \"") + name + "\" is no time");
  if (count == 0) return std::nullopt;
  return sum.get<double>() / static_cast<double>(count);
}

// Adds what a file says to `apps`; the installation's id, or empty if it has none. Throws Mistake.
std::string Read(const std::string& text, Apps& apps) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) throw Mistake("it is no JSON");
  const Json& installation = Member(json, "installation");
  if (!installation.is_null() && !installation.is_string())
    throw Mistake("its \"installation\" is no id");
  const Json& list = Member(json, "apps");
  if (!list.is_array() || list.size() > kMaxApps)
    throw Mistake("its \"apps\" is no list of at most 200");
  Apps added;
  for (const Json& app : list) {
    const Json& name = Member(app, "app");
    const Json& stages = Member(app, "stages");
    if (!name.is_string() || name.get_ref<const std::string&>().size() > kMaxName)
      throw Mistake("an app has no name");
    if (!stages.is_object()) throw Mistake("its \"stages\" is no object");
    for (const auto& [stage, from] : stages.items()) {
      if (stage != "legacy" && stage != "1" && stage != "2" && stage != "3")
        throw Mistake("it has a stage " + Quoted(stage));
      Figures figures{Count(from, "starts"), Count(from, "failures"),
                      Mean(from, "first_frame_seconds"), Mean(from, "click_seconds")};
      if (figures.failures > figures.starts) throw Mistake("it has more failures than starts");
      if (figures.starts != 0) added[name.get<std::string>()][stage].push_back(figures);
    }
  }
  for (auto& [app, stages] : added) {
    for (auto& [stage, figures] : stages) {
      auto& all = apps[app][stage];
      all.insert(all.end(), figures.begin(), figures.end());
    }
  }
  return installation.is_null() ? std::string() : installation.get<std::string>();
}

struct Share {
  double failures = 0, starts = 0;
  [[nodiscard]] double rate() const { return starts == 0 ? 0 : failures / starts; }
};

Share ShareOf(const std::vector<Figures>& list) {
  Share share;
  for (const Figures& one : list) {
    share.failures += static_cast<double>(one.failures);
    share.starts += static_cast<double>(one.starts);
  }
  return share;
}

// Wilson's interval of a share.
Interval Wilson(const Share& share) {
  constexpr double z = 1.959964;
  const double n = share.starts;
  const double p = share.rate();
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double reach = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return {p, std::max(0.0, middle - reach), std::min(1.0, middle + reach)};
}

// Not std::hypot(), which would ask for glibc 2.35.
double Hypotenuse(double a, double b) { return std::sqrt(a * a + b * b); }

Share DrawShare(const std::vector<Figures>& list, std::mt19937_64& random) {
  std::uniform_int_distribution<std::size_t> any(0, list.size() - 1);
  Share share;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Figures& one = list[any(random)];
    share.failures += static_cast<double>(one.failures);
    share.starts += static_cast<double>(one.starts);
  }
  return share;
}

// How much larger the share of failed starts is. The starts of one installation fail together, so
// whole installations are drawn; and never narrower than Newcombe's interval, which takes each
// start for itself, since a handful of draws without any failure would say that there can be none.
std::optional<Interval> FailureDifference(const std::vector<Figures>& above,
                                          const std::vector<Figures>& below) {
  if (above.size() < compare::kMinRounds || below.size() < compare::kMinRounds) return std::nullopt;
  const Interval a = Wilson(ShareOf(above));
  const Interval b = Wilson(ShareOf(below));
  const double difference = a.estimate - b.estimate;
  const double down = Hypotenuse(a.estimate - a.low, b.high - b.estimate);
  const double up = Hypotenuse(a.high - a.estimate, b.estimate - b.low);
  std::mt19937_64 random(kSeed);
  std::vector<double> drawn(kDraws);
  for (double& one : drawn) one = DrawShare(above, random).rate() - DrawShare(below, random).rate();
  std::sort(drawn.begin(), drawn.end());
  const auto at = [&](double share) {
    return drawn[static_cast<std::size_t>(std::lround(share * (kDraws - 1)))];
  };
  return Interval{difference, std::min(difference - down, at(kTail)),
                  std::max(difference + up, at(1 - kTail))};
}

std::vector<double> ValuesOf(const std::vector<Figures>& list,
                             std::optional<double> Figures::*which) {
  std::vector<double> values;
  for (const Figures& one : list) {
    if (one.*which) values.push_back(*(one.*which));
  }
  return values;
}

struct Finding {
  std::string what;
  std::optional<Interval> interval;
  Verdict verdict = Verdict::kTooFewRounds;
  bool is_ratio = false;
};

std::vector<Finding> FindingsOf(const std::vector<Figures>& above,
                                const std::vector<Figures>& below) {
  std::vector<Finding> findings;
  const auto difference = FailureDifference(above, below);
  findings.push_back(
      {"failed starts", difference,
       difference ? compare::JudgeDifference(difference, kFailureMargin) : Verdict::kTooFewRounds,
       false});
  const auto add = [&](const char* what, std::optional<double> Figures::*which) {
    const auto ratio =
        compare::RatioOfGroups(ValuesOf(above, which), ValuesOf(below, which), kSeed);
    findings.push_back({what, ratio, compare::Judge(ratio), true});
  };
  add("first frame", &Figures::first_frame);
  add("click", &Figures::click);
  return findings;
}

const char* Word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster:
      return "better";
    case Verdict::kSlower:
      return "worse";
    case Verdict::kSame:
      return "the same";
    case Verdict::kNoDifferenceShown:
      return "no difference shown";
    case Verdict::kTooFewRounds:
      break;
  }
  return "too few installations";
}

std::string Shown(const Finding& finding) {
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

Json ToJson(const Finding& finding) {
  Json json = {{"what", finding.what}, {"verdict", Word(finding.verdict)}};
  json[finding.is_ratio ? "ratio" : "difference"] =
      finding.interval ? Json{{"estimate", finding.interval->estimate},
                              {"low", finding.interval->low},
                              {"high", finding.interval->high}}
                       : Json();
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

  Apps apps;
  std::map<std::string, std::string> seen;  // installation, file
  for (const std::string& file : files) {
    const Result<std::string> text =
        ReadSmallFile((std::filesystem::path(tools.cwd) / file).string(), kMaxFileBytes);
    if (!text) return PrintError(tools, MakeError(Errc::kUsage, text.error().Line()));
    try {
      const std::string id = Read(*text, apps);
      if (const auto [at, fresh] = seen.emplace(id, file); !id.empty() && !fresh)
        throw Mistake("it is the installation of " + at->second + "; name each once");
    } catch (const Mistake& mistake) {
      return PrintError(
          tools, MakeError(Errc::kUsage,
                           file + " is no answer of rollout status --json: " + mistake.what()));
    }
  }
  if (!only.empty()) std::erase_if(apps, [&](const auto& app) { return app.first != only; });
  if (apps.empty()) {
    return PrintError(
        tools, MakeError(Errc::kUsage, "there is no start" + (only.empty() ? "" : " of " + only) +
                                           " in " + Counted(files.size(), "file")));
  }
  bool worse = false;
  Json shown = Json::array();
  for (const auto& [name, stages] : apps) {
    const std::string base = baseline.empty() ? stages.begin()->first : baseline;
    Json app = {{"app", name}, {"baseline", base}, {"stages", Json::object()}};
    if (!json) tools.out << Plain(name) << "\n";
    for (const auto& [stage, figures] : stages) {
      const Share share = ShareOf(figures);
      const Interval rate = Wilson(share);
      Json& into = app["stages"][stage];
      into = {{"installations", figures.size()},
              {"starts", share.starts},
              {"failures", share.failures},
              {"failed", {{"estimate", rate.estimate}, {"low", rate.low}, {"high", rate.high}}}};
      if (!json) {
        char line[160];
        std::snprintf(
            line, sizeof line,
            " stage %s: %zu installations, %.0f starts, %.0f failed: %.2f %% [%.2f, %.2f]\n",
            stage.c_str(), figures.size(), share.starts, share.failures, 100 * rate.estimate,
            100 * rate.low, 100 * rate.high);
        tools.out << line;
      }
      const auto below = stages.find(base);
      if (stage == base || below == stages.end()) continue;
      bool stage_worse = false;
      Json findings = Json::array();
      std::string lines;
      for (const Finding& finding : FindingsOf(figures, below->second)) {
        stage_worse = stage_worse || finding.verdict == Verdict::kSlower;
        findings.push_back(ToJson(finding));
        lines += Shown(finding);
      }
      worse = worse || stage_worse;
      const bool told = std::any_of(findings.begin(), findings.end(), [](const Json& finding) {
        return finding["verdict"] != Word(Verdict::kTooFewRounds);
      });
      into["against_baseline"] = findings;
      into["worse"] = stage_worse;
      if (!json) {
        tools.out << lines << "  "
                  << (stage_worse ? "stage " + stage + " is worse than stage " + base
                      : told ? "stage " + stage + " is not shown to be worse than stage " + base
                             : "whether stage " + stage +
                                   " is worse cannot be told: name more installations")
                  << "\n";
      }
    }
    shown.push_back(std::move(app));
  }
  if (json) tools.out << shown.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  return worse ? 1 : 0;
}

}  // namespace fletbridge
