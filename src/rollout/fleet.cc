#include "src/rollout/fleet.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "common/config/setting_table.h"

namespace fletbridge {
namespace {

using Json = nlohmann::json;
using statistics::Interval;
using statistics::Verdict;

constexpr std::size_t kMaxApps = 200;  // of one installation, as `status` has them
constexpr std::size_t kMaxName = 200;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;
constexpr int kDraws = 2000;
constexpr double kTail = 0.025;
constexpr std::uint64_t kSeed = 1;
// A share of starts that nobody should act on.
constexpr double kFailureMargin = 0.001;

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

}  // namespace

struct Fleet::Reading {
  // What a file says; the installation's id, or empty if it has none. Throws Mistake.
  static std::string Read(const std::string& text, Apps& added) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) throw Mistake("it is no JSON");
    const Json& installation = Member(json, "installation");
    if (!installation.is_null() && !installation.is_string())
      throw Mistake("its \"installation\" is no id");
    const Json& list = Member(json, "apps");
    if (!list.is_array() || list.size() > kMaxApps)
      throw Mistake("its \"apps\" is no list of at most 200");
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
    return installation.is_null() ? std::string() : installation.get<std::string>();
  }

  struct Share {
    double failures = 0, starts = 0;
    [[nodiscard]] double rate() const { return starts == 0 ? 0 : failures / starts; }
  };

  static Share ShareOf(const std::vector<Figures>& list) {
    Share share;
    for (const Figures& one : list) {
      share.failures += static_cast<double>(one.failures);
      share.starts += static_cast<double>(one.starts);
    }
    return share;
  }

  // Wilson's interval of a share.
  static Interval Wilson(const Share& share) {
    constexpr double z = 1.959964;
    const double n = share.starts;
    const double p = share.rate();
    const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    const double reach = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
    return {p, std::max(0.0, middle - reach), std::min(1.0, middle + reach)};
  }

  // Not std::hypot(), which would ask for glibc 2.35.
  static double Hypotenuse(double a, double b) { return std::sqrt(a * a + b * b); }

  static Share DrawShare(const std::vector<Figures>& list, std::mt19937_64& random) {
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
  // start for itself, since a handful of draws without any failure would say that there can be
  // none.
  static std::optional<Interval> FailureDifference(const std::vector<Figures>& above,
                                                   const std::vector<Figures>& below) {
    if (above.size() < statistics::kMinRounds || below.size() < statistics::kMinRounds)
      return std::nullopt;
    const Interval a = Wilson(ShareOf(above));
    const Interval b = Wilson(ShareOf(below));
    const double difference = a.estimate - b.estimate;
    const double down = Hypotenuse(a.estimate - a.low, b.high - b.estimate);
    const double up = Hypotenuse(a.high - a.estimate, b.estimate - b.low);
    std::mt19937_64 random(kSeed);
    std::vector<double> drawn(kDraws);
    for (double& one : drawn)
      one = DrawShare(above, random).rate() - DrawShare(below, random).rate();
    std::sort(drawn.begin(), drawn.end());
    const auto at = [&](double share) {
      return drawn[static_cast<std::size_t>(std::lround(share * (kDraws - 1)))];
    };
    return Interval{difference, std::min(difference - down, at(kTail)),
                    std::max(difference + up, at(1 - kTail))};
  }

  static std::vector<double> ValuesOf(const std::vector<Figures>& list,
                                      std::optional<double> Figures::*which) {
    std::vector<double> values;
    for (const Figures& one : list) {
      if (one.*which) values.push_back(*(one.*which));
    }
    return values;
  }

  static std::vector<FleetFinding> FindingsOf(const std::vector<Figures>& above,
                                              const std::vector<Figures>& below) {
    std::vector<FleetFinding> findings;
    const auto difference = FailureDifference(above, below);
    findings.push_back({"failed starts", difference,
                        difference ? statistics::JudgeDifference(difference, kFailureMargin)
                                   : Verdict::kTooFewRounds,
                        false});
    const auto add = [&](const char* what, std::optional<double> Figures::*which) {
      const auto ratio =
          statistics::RatioOfGroups(ValuesOf(above, which), ValuesOf(below, which), kSeed);
      findings.push_back({what, ratio, statistics::Judge(ratio), true});
    };
    add("first frame", &Figures::first_frame);
    add("click", &Figures::click);
    return findings;
  }
};

bool FleetStage::is_worse() const {
  return std::any_of(findings.begin(), findings.end(), [](const FleetFinding& finding) {
    return finding.verdict == Verdict::kSlower;
  });
}

bool FleetStage::is_shown() const {
  return std::any_of(findings.begin(), findings.end(), [](const FleetFinding& finding) {
    return finding.verdict != Verdict::kTooFewRounds;
  });
}

Result<> Fleet::Add(const std::string& status, const std::string& file) try {
  Apps added;
  const std::string id = Reading::Read(status, added);
  if (const auto [at, fresh] = files_.emplace(id, file); !id.empty() && !fresh)
    throw Mistake("it is the installation of " + at->second + "; name each once");
  for (auto& [app, stages] : added) {
    for (auto& [stage, figures] : stages) {
      auto& all = apps_[app][stage];
      all.insert(all.end(), figures.begin(), figures.end());
    }
  }
  return {};
} catch (const Mistake& mistake) {
  return MakeError(Errc::kUsage,
                   file + " is no answer of rollout status --json: " + mistake.what());
}

std::vector<FleetApp> Fleet::Judge(const std::string& app, const std::string& baseline) const {
  std::vector<FleetApp> judged;
  for (const auto& [name, stages] : apps_) {
    if (!app.empty() && app != name) continue;
    FleetApp& one = judged.emplace_back(
        FleetApp{name, baseline.empty() ? stages.begin()->first : baseline, {}});
    const auto below = stages.find(one.baseline);
    for (const auto& [stage, figures] : stages) {
      const Reading::Share share = Reading::ShareOf(figures);
      FleetStage& shown = one.stages.emplace_back(FleetStage{
          stage, figures.size(), share.starts, share.failures, Reading::Wilson(share), {}});
      if (stage != one.baseline && below != stages.end())
        shown.findings = Reading::FindingsOf(figures, below->second);
    }
  }
  return judged;
}

}  // namespace fletbridge
