#include "common/measure/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <utility>

namespace fletbridge {

void BucketCounts::Add(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) return;
  std::size_t bucket = 0;
  while (bucket < bounds_.size() && seconds > bounds_[bucket]) ++bucket;
  ++counts_[bucket];
  sum_ += seconds;
}

std::uint64_t BucketCounts::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

void BucketCounts::Restore(std::vector<std::uint64_t> counts, double sum) {
  if (counts.size() != counts_.size() || !(sum >= 0)) return;
  counts_ = std::move(counts);
  sum_ = sum;
}

namespace prometheus {
namespace {

// Reads as the same number again, since the texts of several processes are added up.
std::string Number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  constexpr double kWhole = 9007199254740992.0;  // 2^53
  char text[40];
  const bool is_whole = std::abs(number) < kWhole && std::trunc(number) == number;
  const char* const end =
      is_whole ? std::to_chars(text, std::end(text), number, std::chars_format::fixed).ptr
               : std::to_chars(text, std::end(text), number).ptr;
  return std::string(static_cast<const char*>(text), end);
}

struct Family {
  std::string head;  // its comments
  std::vector<std::pair<std::string, double>> samples;
};

// "# TYPE name type" -> "name"
std::string_view NameIn(std::string_view comment) {
  const std::size_t begin = comment.find(' ', 2);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = comment.find(' ', begin + 1);
  return comment.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1);
}

}  // namespace

std::string Label(std::string_view name, std::string_view value) {
  std::string label = std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '\n') {
      label += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') label += '\\';
    label += c;
  }
  return label + '"';
}

void Head(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Sample(std::string& text, std::string_view name, std::string_view labels, double value) {
  text.append(name);
  if (!labels.empty()) text.append("{").append(labels).append("}");
  text.append(" ").append(Number(value)).append("\n");
}

void Histogram(std::string& text, std::string_view name, std::string_view labels,
               const BucketCounts& histogram) {
  const std::string before = labels.empty() ? "" : std::string(labels) + ",";
  const std::string bucket = std::string(name) + "_bucket";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    below += histogram.counts()[i];
    Sample(text, bucket, before + Label("le", Number(histogram.bounds()[i])),
           static_cast<double>(below));
  }
  const auto all = static_cast<double>(histogram.count());
  Sample(text, bucket, before + Label("le", "+Inf"), all);
  Sample(text, std::string(name) + "_sum", labels, histogram.sum());
  Sample(text, std::string(name) + "_count", labels, all);
}

std::string SumOf(std::span<const std::string> texts) {
  std::vector<std::pair<std::string, Family>> families;  // in the order of their first appearance
  for (const std::string& text : texts) {
    Family* family = nullptr;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line(text.data() + begin, end - begin);
      begin = end + 1;
      if (line.starts_with("# ")) {
        const std::string_view name = NameIn(line);
        auto known = std::find_if(families.begin(), families.end(),
                                  [&](const auto& one) { return one.first == name; });
        if (known == families.end()) known = families.insert(known, {std::string(name), {}});
        family = &known->second;
        if (family->samples.empty() && family->head.find(line) == std::string::npos)
          family->head.append(line).append("\n");
        continue;
      }
      const std::size_t space = line.rfind(' ');
      if (space == std::string_view::npos || family == nullptr) continue;
      const double value = std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
      const std::string_view key = line.substr(0, space);
      const auto sample = std::find_if(family->samples.begin(), family->samples.end(),
                                       [&](const auto& one) { return one.first == key; });
      if (sample != family->samples.end()) {
        sample->second += value;
      } else {
        family->samples.emplace_back(key, value);
      }
    }
  }
  std::string sum;
  for (const auto& [name, family] : families) {
    sum += family.head;
    for (const auto& [key, value] : family.samples) sum += key + " " + Number(value) + "\n";
  }
  return sum;
}

}  // namespace prometheus
}  // namespace fletbridge
