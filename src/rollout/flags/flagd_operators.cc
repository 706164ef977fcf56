#include "src/rollout/flags/flagd_operators.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "src/rollout/flags/murmur3.h"

namespace fletbridge {
namespace {

using Values = std::vector<Json>;

constexpr std::int64_t kMaxWeight = 2147483647;

struct Bucket {
  Json variant;
  std::int64_t weight = 1;
};

std::optional<Bucket> ReadBucket(const Json& item) {
  if (!item.is_array() || item.empty() || item[0].is_structured()) return {};
  Bucket bucket;
  bucket.variant = item[0];
  if (item.size() < 2 || item[1].is_null()) return bucket;
  if (!item[1].is_number()) return {};
  const double weight = item[1].get<double>();
  if (!(std::abs(weight) <= 1e15) || std::trunc(weight) != weight || weight > kMaxWeight) return {};
  bucket.weight = std::max(std::int64_t{0}, static_cast<std::int64_t>(weight));
  return bucket;
}

Json ByPercentage(std::uint32_t hash, const std::vector<Bucket>& buckets, std::int64_t total) {
  const auto ratio = std::abs(static_cast<double>(static_cast<std::int32_t>(hash))) / 2147483647.0;
  const double at = ratio * 100;
  double end = 0;
  for (const Bucket& bucket : buckets) {
    end += total == 0 ? 0 : 100 * static_cast<double>(bucket.weight) / static_cast<double>(total);
    if (at < end) return bucket.variant;
  }
  return "";
}

Json ByInteger(std::uint32_t hash, const std::vector<Bucket>& buckets, std::int64_t total) {
  const std::uint64_t at = (std::uint64_t{hash} * static_cast<std::uint64_t>(total)) >> 32;
  std::uint64_t end = 0;
  for (const Bucket& bucket : buckets) {
    end += static_cast<std::uint64_t>(bucket.weight);
    if (at < end) return bucket.variant;
  }
  return {};  // all weights are zero
}

Json Fractional(const Values& values, const Json& data, Bucketing bucketing) {
  if (values.empty() || !data.is_object()) return {};
  std::size_t first = 0;
  std::string key;
  if (values[0].is_string()) {
    key = values[0].get<std::string>();
    first = 1;
  } else {
    if (values[0].is_null()) first = 1;
    const auto target = data.find("targetingKey");
    if (target == data.end() || !target->is_string() || *target == "") return {};
    const Json::json_pointer flag("/$flagd/flagKey");
    if (data.contains(flag) && data[flag].is_string()) key = data[flag].get<std::string>();
    key += target->get<std::string>();
  }
  std::vector<Bucket> buckets;
  std::int64_t total = 0;
  for (std::size_t i = first; i < values.size(); ++i) {
    std::optional<Bucket> bucket = ReadBucket(values[i]);
    if (!bucket) return {};
    total += bucket->weight;
    if (total > kMaxWeight) return {};
    buckets.push_back(std::move(*bucket));
  }
  const std::uint32_t hash = Murmur3(key);
  return bucketing == Bucketing::kLegacy ? ByPercentage(hash, buckets, total)
                                         : ByInteger(hash, buckets, total);
}

struct SemanticVersion {
  std::array<std::string, 3> numbers;  // without leading zeros, so length and text order them
  std::string prerelease;
};

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool AreIdentifiers(std::string_view text, bool no_leading_zeros) {
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view word = text.substr(0, dot);
    const bool good = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
    if (!good || (no_leading_zeros && word.size() > 1 && word[0] == '0' && IsDigits(word)))
      return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::optional<SemanticVersion> ReadVersion(std::string_view text) {
  if (text.starts_with('v') || text.starts_with('V')) text.remove_prefix(1);
  SemanticVersion version;
  version.numbers.fill("0");
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    if (end == 0 || (end > 1 && text[0] == '0')) return {};
    version.numbers[i] = text.substr(0, end);
    text.remove_prefix(end);
    if (text.empty()) return version;  // "1" and "1.2" are short for "1.0.0" and "1.2.0"
    if (i == 2) break;
    if (text[0] != '.') return {};
    text.remove_prefix(1);
  }
  if (text.starts_with('-')) {
    const std::size_t end = std::min(text.find('+'), text.size());
    version.prerelease = text.substr(1, end - 1);
    if (!AreIdentifiers(version.prerelease, true)) return {};
    text.remove_prefix(end);
  }
  if (text.starts_with('+')) {
    if (!AreIdentifiers(text.substr(1), false)) return {};
    text = {};
  }
  if (!text.empty()) return {};
  return version;
}

int Sign(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

int CompareDigits(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return Sign(a.compare(b));
}

int ComparePrerelease(std::string_view a, std::string_view b) {
  if (a == b) return 0;
  if (a.empty() || b.empty()) return a.empty() ? 1 : -1;
  while (true) {
    const std::string_view left = a.substr(0, a.find('.'));
    const std::string_view right = b.substr(0, b.find('.'));
    if (left != right) {
      const bool numbers = IsDigits(left);
      if (numbers != IsDigits(right)) return numbers ? -1 : 1;
      return numbers ? CompareDigits(left, right) : Sign(left.compare(right));
    }
    const bool a_ends = left.size() == a.size();
    const bool b_ends = right.size() == b.size();
    if (a_ends || b_ends) return a_ends == b_ends ? 0 : a_ends ? -1 : 1;
    a.remove_prefix(left.size() + 1);
    b.remove_prefix(right.size() + 1);
  }
}

int Compare(const SemanticVersion& a, const SemanticVersion& b, std::size_t numbers) {
  for (std::size_t i = 0; i < numbers; ++i) {
    if (const int order = CompareDigits(a.numbers[i], b.numbers[i]); order != 0) return order;
  }
  return numbers == 3 ? ComparePrerelease(a.prerelease, b.prerelease) : 0;
}

Json SemVer(const Values& values) {
  if (values.size() != 3 || !values[1].is_string()) return {};
  const auto actual = ReadVersion(ToText(values[0]));
  const auto target = ReadVersion(ToText(values[2]));
  if (!actual || !target) return {};
  const std::string& op = values[1].get_ref<const std::string&>();
  if (op == "~") return Compare(*actual, *target, 2) == 0;
  if (op == "^") return Compare(*actual, *target, 1) == 0;
  const int order = Compare(*actual, *target, 3);
  if (op == "=") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  if (op == ">=") return order >= 0;
  return {};
}

Json Affix(const Values& values, bool start) {
  if (values.size() != 2 || !values[0].is_string() || !values[1].is_string()) return {};
  const auto& text = values[0].get_ref<const std::string&>();
  const auto& affix = values[1].get_ref<const std::string&>();
  return start ? text.starts_with(affix) : text.ends_with(affix);
}

}  // namespace

bool IsVersion(std::string_view text) { return ReadVersion(text).has_value(); }

bool IsVersionOperator(std::string_view text) {
  constexpr std::array<std::string_view, 8> kOperators = {
      "=", "!=", "<", "<=", ">", ">=", "~", "^"};
  return std::find(kOperators.begin(), kOperators.end(), text) != kOperators.end();
}

void AddFlagdOperators(JsonLogic& logic, Bucketing bucketing) {
  logic.Add("fractional", [bucketing](const Values& values, const Json& data) {
    return Fractional(values, data, bucketing);
  });
  logic.Add("sem_ver", [](const Values& values, const Json&) { return SemVer(values); });
  logic.Add("starts_with", [](const Values& values, const Json&) { return Affix(values, true); });
  logic.Add("ends_with", [](const Values& values, const Json&) { return Affix(values, false); });
}

}  // namespace fletbridge
