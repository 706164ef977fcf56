#include "src/compare/against.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "src/compare/results.h"

namespace fletbridge::compare {
namespace {

using Json = nlohmann::json;

const Json* Named(const Json& list, const char* key, const std::string& name) {
  for (const Json& item : list) {
    if (item.value(key, std::string()) == name) return &item;
  }
  return nullptr;
}

// (round, turn) -> the block's median
std::map<std::pair<int, int>, double> Medians(const Json& series) {
  std::map<std::pair<int, int>, double> medians;
  for (const Json& block : series.at("blocks"))
    medians[{block.at("round"), block.at("turn")}] = block.at("p50").get<double>();
  return medians;
}

// A figure for each round: the median of its blocks, or of their ratios to the baseline's blocks.
std::vector<double> Rounds(const Json& series, const Json* baseline) {
  const auto below =
      baseline == nullptr ? std::map<std::pair<int, int>, double>() : Medians(*baseline);
  std::map<int, std::vector<double>> rounds;
  for (const auto& [place, median] : Medians(series)) {
    if (baseline == nullptr) {
      rounds[place.first].push_back(median);
    } else if (const auto partner = below.find(place);
               partner != below.end() && partner->second > 0) {
      rounds[place.first].push_back(median / partner->second);
    }
  }
  std::vector<double> figures;
  for (auto& [round, values] : rounds) figures.push_back(Median(std::move(values)));
  return figures;
}

// The workloads; in place of one with several inputs, these: together they may be a mixture.
std::vector<Json> Figures(const Json& results) {
  std::vector<Json> figures;
  for (const Json& workload : results.at("workloads")) {
    const std::string name = workload.at("name");
    const Json parts = workload.value("parts", Json::array());
    const bool apart = parts.size() > 1 && !workload.value("pooled", true);
    if (!apart) figures.push_back({{"name", name}, {"results", workload.at("results")}});
    for (const Json& part : parts) {
      if (apart)
        figures.push_back({{"name", name + ", " + part.at("name").get<std::string>()},
                           {"results", part.at("results")}});
    }
  }
  return figures;
}

bool SameMachine(const Json& now, const Json& old) {
  const Json a = now.value("machine", Json::object()), b = old.value("machine", Json::object());
  return a.value("processor", Json()) == b.value("processor", Json()) &&
         a.value("processors", Json()) == b.value("processors", Json());
}

}  // namespace

bool Against::past_threshold() const {
  return std::any_of(changes.begin(), changes.end(),
                     [](const Change& c) { return c.past_threshold; });
}

Result<Json> ReadResults(const std::string& path) {
  std::ifstream in(path);
  Json json = Json::parse(in, nullptr, false);
  const auto wrong = [&](const std::string& why) {
    return MakeError(Errc::kUsage, "cannot compare with " + path + ": " + why +
                                       "; name a file that compare --json has written");
  };
  if (!in.is_open()) return wrong("there is no such file");
  if (json.is_discarded() || !json.is_object() || !json.contains("schema") ||
      json["schema"] != "fletbridge-compare")
    return wrong("it holds no results");
  if (!json.contains("schema_version") || json["schema_version"] != kSchemaVersion)
    return wrong("its schema version is not " + std::to_string(kSchemaVersion));
  // All that is read of it later.
  try {
    static_cast<void>(json.at("baseline"));
    for (const Json& figures : Figures(json)) {
      for (const Json& series : figures.at("results")) {
        static_cast<void>(series.at("variant").get<std::string>());
        static_cast<void>(Medians(series));
      }
    }
  } catch (const Json::exception&) {
    return wrong("its results are not as they should be");
  }
  return json;
}

Against CompareWithOld(const Json& now, const Json& old, double threshold) {
  Against against;
  const std::string baseline = now.at("baseline");
  const bool same_baseline = old.value("baseline", std::string()) == baseline;
  const bool same_machine = SameMachine(now, old);
  const Json all_before = Figures(old);
  for (const Json& workload : Figures(now)) {
    const std::string name = workload.at("name");
    const Json* before = Named(all_before, "name", name);
    if (before == nullptr) {
      against.left_out.push_back(name + ": not in the older results");
      continue;
    }
    // Near 0 a ratio says nothing.
    if (name == "idle-cpu" || name == "wake-ups" || name == "late-frames") continue;
    const Json* base = Named(workload.at("results"), "variant", baseline);
    const Json* old_base = Named(before->at("results"), "variant", baseline);
    for (const Json& series : workload.at("results")) {
      Change change{.workload = name, .variant = series.at("variant")};
      const Json* old_series = Named(before->at("results"), "variant", change.variant);
      change.relative =
          change.variant != baseline && same_baseline && base != nullptr && old_base != nullptr;
      if (old_series == nullptr) {
        against.left_out.push_back(name + ", " + change.variant + ": not in the older results");
        continue;
      }
      if (!change.relative && !same_machine) {
        against.left_out.push_back(
            name + ", " + change.variant +
            ": the older results are of another machine, and there is no common baseline to "
            "relate it to");
        continue;
      }
      change.ratio = RatioOfGroups(Rounds(series, change.relative ? base : nullptr),
                                   Rounds(*old_series, change.relative ? old_base : nullptr),
                                   now.value("seed", std::uint64_t{1}));
      change.verdict = Judge(change.ratio);
      change.past_threshold =
          change.ratio && change.ratio->low > 1 && change.ratio->estimate > 1 + threshold;
      against.changes.push_back(std::move(change));
    }
  }
  return against;
}

std::string AgainstText(const Against& against, const std::string& old_name) {
  std::string text = "\nSince " + old_name + ":\n";
  char line[160];
  for (const Change& change : against.changes) {
    const std::string what = change.workload + "  " + change.variant;
    text += what + std::string(what.size() < 31 ? 31 - what.size() : 1, ' ');
    if (change.ratio) {
      std::snprintf(line, sizeof line, " %.3f [%.3f, %.3f]  %s", change.ratio->estimate,
                    change.ratio->low, change.ratio->high, VerdictName(change.verdict));
      text += line;
    } else {
      text += " too few rounds to say";
    }
    text += change.relative ? " (against its baseline)" : "";
    text += change.past_threshold ? ", PAST THE THRESHOLD\n" : "\n";
  }
  for (const std::string& what : against.left_out) text += "note: " + what + "\n";
  return text;
}

}  // namespace fletbridge::compare
