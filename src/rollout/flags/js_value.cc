#include "src/rollout/flags/js_value.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace fletbridge {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::string_view kBlank = " \t\n\v\f\r";

bool IsUndefined(const Json& value) { return value.is_discarded(); }
bool IsNothing(const Json& value) { return value.is_null() || value.is_discarded(); }

// The decimal number that `text` begins with, and how long it is; nothing if there is none.
std::optional<std::pair<double, std::size_t>> Decimal(std::string_view text) {
  std::size_t start = 0;
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    start = 1;
  }
  const std::string_view digits = text.substr(start);
  if (digits.starts_with("Infinity")) return {{negative ? -kInfinity : kInfinity, start + 8}};
  // from_chars also takes "inf" and "nan", which JavaScript does not.
  if (digits.empty() || !(digits[0] == '.' || (digits[0] >= '0' && digits[0] <= '9'))) return {};
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error == std::errc::invalid_argument) return {};
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (error == std::errc::result_out_of_range) {
    // Too large or too small, by the sign of the exponent.
    const bool small = digits.substr(0, length).find("e-") != std::string_view::npos ||
                       digits.substr(0, length).find("E-") != std::string_view::npos ||
                       digits[0] == '0' || digits[0] == '.';
    number = small ? 0 : kInfinity;
  }
  return {{negative ? -number : number, start + length}};
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

double TextToNumber(std::string_view text) {
  text = Trimmed(text);
  if (text.empty()) return 0;
  if (text.size() > 2 && text[0] == '0') {
    const char kind = text[1];
    const int base = kind == 'x' || kind == 'X'   ? 16
                     : kind == 'o' || kind == 'O' ? 8
                     : kind == 'b' || kind == 'B' ? 2
                                                  : 0;
    if (base != 0) {
      double number = 0;
      for (const char c : text.substr(2)) {
        int digit = 99;
        if (c >= '0' && c <= '9') digit = c - '0';
        if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
        if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        if (digit >= base) return kNaN;
        number = number * base + digit;
      }
      return number;
    }
  }
  const auto number = Decimal(text);
  return number && number->second == text.size() ? number->first : kNaN;
}

// The conversion of an array or an object where JavaScript needs a primitive.
Json Primitive(const Json& value) { return value.is_structured() ? Json(ToText(value)) : value; }

}  // namespace

bool Truthy(const Json& value) {
  if (IsNothing(value)) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) {
    const double number = value.get<double>();
    return number != 0 && !std::isnan(number);
  }
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.is_array() || !value.empty();
}

double ToNumber(const Json& value) {
  if (IsUndefined(value)) return kNaN;
  if (value.is_null()) return 0;
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return TextToNumber(value.get_ref<const std::string&>());
  return TextToNumber(ToText(value));
}

double ParseFloat(const Json& value) {
  if (value.is_number()) return value.get<double>();
  const std::string text = ToText(value);
  const auto number = Decimal(Trimmed(text));
  return number ? number->first : kNaN;
}

std::string NumberText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  if (number == 0) return "0";
  char room[64];
  const auto [end, error] =
      std::to_chars(room, room + sizeof room, std::abs(number), std::chars_format::scientific);
  if (error != std::errc{}) return "NaN";
  std::string_view text(room, static_cast<std::size_t>(end - room));
  const std::size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(),
                  exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  std::string shown;
  if (point > 21 || point < -5) {
    shown = digits.substr(0, 1);
    if (count > 1) shown += "." + digits.substr(1);
    shown += std::string(exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
  } else if (point <= 0) {
    shown = "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else if (count <= point) {
    shown = digits + std::string(static_cast<std::size_t>(point - count), '0');
  } else {
    shown = digits.substr(0, static_cast<std::size_t>(point)) + "." +
            digits.substr(static_cast<std::size_t>(point));
  }
  return number < 0 ? "-" + shown : shown;
}

std::string ToText(const Json& value) {
  if (IsUndefined(value)) return "undefined";
  if (value.is_null()) return "null";
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number()) return NumberText(value.get<double>());
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) return "[object Object]";
  std::string text;
  for (const Json& item : value) {
    if (&item != &value.front()) text += ",";
    if (!IsNothing(item)) text += ToText(item);
  }
  return text;
}

Json FromNumber(double number) {
  constexpr double kExact = 9007199254740992.0;
  if (std::trunc(number) == number && std::abs(number) <= kExact)
    return Json(static_cast<std::int64_t>(number));
  return Json(number);
}

bool StrictEqual(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.get<double>() == b.get<double>();
  if (a.is_structured() || b.is_structured()) return false;
  if (IsUndefined(a) || IsUndefined(b)) return IsUndefined(a) && IsUndefined(b);
  return a.type() == b.type() && a == b;
}

bool LooseEqual(const Json& a, const Json& b) {
  if (IsNothing(a) || IsNothing(b)) return IsNothing(a) && IsNothing(b);
  if (a.is_structured() && b.is_structured()) return false;
  const Json left = Primitive(a);
  const Json right = Primitive(b);
  if (left.type() == right.type() || (left.is_number() && right.is_number()))
    return StrictEqual(left, right);
  return ToNumber(left) == ToNumber(right);
}

bool Less(const Json& a, const Json& b) {
  const Json left = Primitive(a);
  const Json right = Primitive(b);
  if (left.is_string() && right.is_string())
    return left.get_ref<const std::string&>() < right.get_ref<const std::string&>();
  return ToNumber(left) < ToNumber(right);
}

bool LessOrEqual(const Json& a, const Json& b) {
  const Json left = Primitive(a);
  const Json right = Primitive(b);
  if (left.is_string() && right.is_string())
    return left.get_ref<const std::string&>() <= right.get_ref<const std::string&>();
  return ToNumber(left) <= ToNumber(right);
}

}  // namespace fletbridge
