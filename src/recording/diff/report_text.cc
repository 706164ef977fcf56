#include <nlohmann/json.hpp>

#include "src/recording/diff/report.h"
#include "src/recording/readable.h"

namespace fletbridge::diff {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestValue = 200;  // bytes, in the text

std::string Shown(const std::string& value) {
  if (value.empty()) return "(nothing)";
  if (value.size() <= kLongestValue) return recording::Printable(value);
  std::size_t end = kLongestValue;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;
  return recording::Printable(value.substr(0, end)) + "…";
}

std::string Count(std::size_t n, const std::string& one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

const char* NameOf(Kind kind) {
  static constexpr const char* kNames[] = {"value", "input", "call", "crash", "data", "end"};
  return kNames[static_cast<int>(kind)];
}

Json SideJson(const Side& side) {
  return {{"file", side.name},
          {"app", side.info.script.empty() ? side.info.module : side.info.script},
          {"stage", side.info.stage},
          {"transport", side.info.transport},
          {"ui", side.info.ui},
          {"flet", side.info.flet},
          {"python", side.info.python}};
}

}  // namespace

std::string Headline(const Comparison& comparison) {
  std::string text = comparison.same() ? "the same: "
                                       : Count(comparison.differences.size(), "difference") +
                                             (comparison.cut ? " and more" : "") + " in ";
  text += Count(comparison.inputs, "input");
  if (comparison.same()) text += ", " + Count(comparison.comparisons, "page") + " compared";
  if (comparison.masked != 0) text += ", " + std::to_string(comparison.masked) + " masked";
  return text;
}

std::string OneLine(const Difference& difference) {
  return difference.path + ": " + Shown(difference.a) + " became " + Shown(difference.b) +
         (difference.input.empty() ? ", from the start" : ", after " + difference.input);
}

std::string TextReport(const Comparison& comparison, const Side& a, const Side& b) {
  std::string text = Headline(comparison) + "\n";
  if (!comparison.same()) {
    for (const auto& [letter, side] : {std::pair("A", &a), std::pair("B", &b)}) {
      text += std::string(letter) + "  " + side->name + "  (stage " +
              recording::Printable(side->info.stage + ", Flet " + side->info.flet) + ")\n";
    }
  }
  std::size_t number = 0;
  for (const Difference& one : comparison.differences) {
    text += "\n" + std::to_string(++number) + "  " + recording::Printable(one.path) + "\n";
    text += "     A  " + Shown(one.a) + "\n     B  " + Shown(one.b) + "\n     ";
    text += one.input.empty() ? "from the start" : "after " + recording::Printable(one.input);
    text += "; frame " + std::to_string(one.frame_a) + " of A, " + std::to_string(one.frame_b) +
            " of B";
    if (one.times > 1) text += "; at " + std::to_string(one.times) + " pages";
    text += "\n";
  }
  return text;
}

std::string JsonReport(const Comparison& comparison, const Side& a, const Side& b) {
  Json differences = Json::array();
  for (const Difference& one : comparison.differences) {
    differences.push_back({{"kind", NameOf(one.kind)},
                           {"path", one.path},
                           {"a", one.a.empty() ? Json() : Json(one.a)},
                           {"b", one.b.empty() ? Json() : Json(one.b)},
                           {"input", one.input.empty() ? Json() : Json(one.input)},
                           {"frame_a", one.frame_a},
                           {"frame_b", one.frame_b},
                           {"times", one.times}});
  }
  const Json json = {{"same", comparison.same()},
                     {"a", SideJson(a)},
                     {"b", SideJson(b)},
                     {"inputs", comparison.inputs},
                     {"pages", comparison.comparisons},
                     {"masked", comparison.masked},
                     {"cut", comparison.cut},
                     {"differences", std::move(differences)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fletbridge::diff
