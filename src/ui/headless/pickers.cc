#include "src/ui/headless/pickers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>

#include "src/ui/headless/screen.h"

namespace fletbridge::headless {
namespace {

using wire::ControlType;
using wire::Map;
using wire::Value;

constexpr std::array<std::string_view, 3> kSliders = {"Slider", "CupertinoSlider", "RangeSlider"};
constexpr std::array<std::string_view, 3> kDialogs = {"DatePicker", "TimePicker",
                                                      "DateRangePicker"};
constexpr std::array<std::string_view, 3> kWheels = {"CupertinoDatePicker", "CupertinoTimerPicker",
                                                     "CupertinoPicker"};
constexpr std::int8_t kDateExt = 1;
constexpr std::int8_t kTimeExt = 2;
constexpr std::int8_t kDurationExt = 3;

template <std::size_t N>
bool IsOneOf(std::string_view type, const std::array<std::string_view, N>& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

Value At(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr ? Value() : *value;
}

double Number(const Map& map, std::string_view key, double otherwise) {
  const Value value = At(map, key);
  if (const auto whole = value.AsInt()) return static_cast<double>(*whole);
  const double* number = std::get_if<double>(&value.content());
  return number == nullptr ? otherwise : *number;
}

std::string Shown(double number) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

// "14:30" with ':' for numbers between the separators; none if it is not that.
std::optional<std::vector<int>> Parts(std::string_view text, char separator) {
  std::vector<int> parts;
  while (true) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || end == text.data()) return std::nullopt;
    parts.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return parts;
    if (text.front() != separator) return std::nullopt;
    text.remove_prefix(1);
  }
}

std::optional<std::pair<int, int>> TimeIn(std::string_view text) {
  const auto parts = Parts(text, ':');
  if (!parts || parts->size() != 2 || (*parts)[0] > 23 || (*parts)[1] > 59) return std::nullopt;
  return std::pair((*parts)[0], (*parts)[1]);
}

// "2026-03-04", or with a time behind a blank or a T, as a person at this machine means it.
std::optional<std::tm> DateIn(std::string_view text) {
  const std::size_t end = text.find_first_of(" T");
  const auto parts = Parts(text.substr(0, end), '-');
  if (!parts || parts->size() != 3) return std::nullopt;
  std::tm date{};
  date.tm_year = (*parts)[0] - 1900;
  date.tm_mon = (*parts)[1] - 1;
  date.tm_mday = (*parts)[2];
  if (end != std::string_view::npos) {
    const auto time = TimeIn(text.substr(end + 1));
    if (!time) return std::nullopt;
    date.tm_hour = time->first;
    date.tm_min = time->second;
  }
  date.tm_isdst = -1;
  std::tm checked = date;
  std::mktime(&checked);  // the 31st of February becomes another day
  if (checked.tm_mon != date.tm_mon || checked.tm_mday != date.tm_mday) return std::nullopt;
  return checked;
}

// As Dart writes a moment of the local time: in UTC, with milliseconds.
Value Moment(std::tm date) {
  const std::time_t at = std::mktime(&date);
  std::tm utc{};
  ::gmtime_r(&at, &utc);
  std::array<char, 48> text;
  text[std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000+00:00", &utc)] = 0;
  return Value(wire::Ext{kDateExt, text.data()});
}

// The day on which a moment of the app's lies here, "2026-03-04"; empty if it is none.
std::string DayOf(const Value& value) {
  const auto* ext = std::get_if<std::shared_ptr<wire::Ext>>(&value.content());
  if (ext == nullptr || (*ext)->type != kDateExt || (*ext)->data.size() < 10) return {};
  const std::string& text = (*ext)->data;
  if (text.size() < 19) return text.substr(0, 10);
  const auto day = Parts(std::string_view(text).substr(0, 10), '-');
  const auto time = Parts(std::string_view(text).substr(11, 8), ':');
  if (!day || !time || day->size() != 3 || time->size() != 3) return {};
  std::tm moment{};
  moment.tm_year = (*day)[0] - 1900;
  moment.tm_mon = (*day)[1] - 1;
  moment.tm_mday = (*day)[2];
  moment.tm_hour = (*time)[0];
  moment.tm_min = (*time)[1];
  const std::time_t at = ::timegm(&moment);  // Flet sends them in UTC
  ::localtime_r(&at, &moment);
  std::array<char, 16> shown;
  shown[std::strftime(shown.data(), shown.size(), "%Y-%m-%d", &moment)] = 0;
  return shown.data();
}

// Hours, minutes and seconds, such as 1:30:00; or seconds.
std::optional<std::int64_t> SecondsIn(std::string_view text) {
  const auto parts = Parts(text, ':');
  if (!parts || parts->size() > 3) return std::nullopt;
  std::int64_t seconds = 0;
  for (const int part : *parts) seconds = seconds * 60 + part;
  return seconds < 24 * 3600 ? std::optional(seconds) : std::nullopt;
}

// The next of its divisions, if it has some.
double Snapped(const Map& slider, double value) {
  const double min = Number(slider, "min", 0);
  const double max = Number(slider, "max", 1);
  const double divisions = Number(slider, "divisions", 0);
  if (divisions < 1 || max <= min) return value;
  return min + std::round((value - min) / (max - min) * divisions) / divisions * (max - min);
}

std::string WhyNotDay(const Map& picker, std::string_view text) {
  if (!DateIn(text)) return "expected a date such as 2026-03-04";
  const std::string day(text.substr(0, text.find_first_of(" T")));
  const std::string first = DayOf(At(picker, "first_date"));
  const std::string last = DayOf(At(picker, "last_date"));
  if (!first.empty() && day < first) return "its first date is " + first;
  if (!last.empty() && day > last) return "its last date is " + last;
  return {};
}

bool Close(Client& client, Map& picker, std::initializer_list<Value::Pair> props,
           const std::optional<Value>& chosen) {
  client.SendProps(picker, props);
  const bool any = chosen && client.SendEvent(picker, "change", *chosen);
  return client.SendEvent(picker, "dismiss", !chosen) || any;
}

bool Turn(Client& client, Map& wheel, const char* property, const Value& chosen) {
  client.SendProps(wheel, {{property, chosen}});
  return client.SendEvent(wheel, "change", chosen);
}

}  // namespace

bool IsSlider(std::string_view type) { return IsOneOf(type, kSliders); }
bool IsPicker(std::string_view type) { return IsOneOf(type, kDialogs) || IsOneOf(type, kWheels); }

std::string WhyNotSlide(const Step& step, const Map& slider) {
  const bool range = ControlType(slider) == "RangeSlider";
  if (range != step.on)
    return range ? "a RangeSlider takes two values such as 20,60" : "it takes one value such as 40";
  const double min = Number(slider, "min", 0);
  const double max = Number(slider, "max", 1);
  if (step.x1 >= min && step.y1 <= max) return {};
  return Shown(step.x1 < min ? step.x1 : step.y1) + " is outside of its range, " + Shown(min) +
         " to " + Shown(max) + ",";
}

bool Slide(Client& client, const Step& step, Map& slider) {
  // The type's text does not outlive a change of the control's properties.
  const bool range = ControlType(slider) == "RangeSlider";
  const bool tells_value = ControlType(slider) == "Slider";
  const double min = Number(slider, "min", 0);
  const double from = Number(slider, range ? "start_value" : "value", min);
  const double from_end = Number(slider, "end_value", 0);
  // Flet's client tells the values of a RangeSlider, and of a moving CupertinoSlider, by the
  // properties alone.
  bool any = client.SendEvent(slider, "change_start", range ? Value() : Value(from));
  double last = from;
  double last_end = from_end;
  for (std::size_t i = 1; i <= step.count; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(step.count);
    const double value = Snapped(slider, from + (step.x1 - from) * part);
    const double end = range ? Snapped(slider, from_end + (step.y1 - from_end) * part) : last_end;
    if (value == last && end == last_end) continue;  // it has not moved
    last = value;
    last_end = end;
    if (range) {
      client.SendProps(slider, {{"start_value", value}, {"end_value", end}});
    } else {
      client.SendProps(slider, {{"value", value}});
    }
    any = client.SendEvent(slider, "change", tells_value ? Value(value) : Value()) || any;
  }
  return client.SendEvent(slider, "change_end", range ? Value() : Value(last)) || any;
}

std::string WhyNotPick(const Step& step, const Map& picker) {
  const std::string_view type = ControlType(picker);
  const bool range = type == "DateRangePicker";
  if (step.values.size() != (range ? 2u : 1u))
    return range ? "a range has two dates" : "it takes one value";
  const std::string& text = step.values[0].text;
  if (type == "TimePicker") return TimeIn(text) ? "" : "expected a time such as 14:30";
  if (type == "CupertinoTimerPicker")
    return SecondsIn(text) ? "" : "expected a duration below 24 hours such as 1:30:00";
  if (type == "CupertinoPicker") {
    const auto index = Parts(text, ' ');
    const wire::List* controls = At(picker, "controls").AsList();
    const std::size_t count = controls == nullptr ? 0 : controls->items.size();
    if (index && index->size() == 1 && static_cast<std::size_t>((*index)[0]) < count) return {};
    return "expected the number of one of its " + std::to_string(count) + " rows, from 0";
  }
  std::string why = WhyNotDay(picker, text);
  if (why.empty() && range) why = WhyNotDay(picker, step.values[1].text);
  if (why.empty() && range && step.values[1].text < text) why = "the range ends before it begins";
  return why;
}

bool Pick(Client& client, const Step& step, Map& picker) {
  const std::string_view type = ControlType(picker);
  const std::string& text = step.values[0].text;
  if (type == "DateRangePicker") {
    // What the client's event holds has no form in MessagePack: it comes as an empty extension.
    return Close(client, picker,
                 {{"start_value", Moment(*DateIn(text))},
                  {"end_value", Moment(*DateIn(step.values[1].text))},
                  {"open", false}},
                 Value(wire::Ext{0, {}}));
  }
  if (type == "CupertinoPicker")
    return Turn(client, picker, "selected_index", std::int64_t{(*Parts(text, ' '))[0]});
  if (type == "CupertinoTimerPicker") {
    const std::int64_t seconds = *SecondsIn(text);
    if (At(picker, "value").AsInt()) return Turn(client, picker, "value", seconds);
    return Turn(client, picker, "value",
                Value(wire::Ext{kDurationExt, std::to_string(seconds * 1'000'000)}));
  }
  Value chosen;
  if (type == "TimePicker") {
    const auto [hour, minute] = *TimeIn(text);
    chosen = Value(wire::Ext{kTimeExt, std::to_string(hour) + ":" + std::to_string(minute)});
  } else {
    chosen = Moment(*DateIn(text));
  }
  if (type == "CupertinoDatePicker") return Turn(client, picker, "value", chosen);
  return Close(client, picker, {{"value", chosen}, {"open", false}}, chosen);
}

bool CancelPick(Client& client, Map& picker) {
  if (ControlType(picker) == "DateRangePicker") {
    return Close(client, picker,
                 {{"start_value", At(picker, "start_value")},
                  {"end_value", At(picker, "end_value")},
                  {"open", false}},
                 {});
  }
  return Close(client, picker, {{"value", At(picker, "value")}, {"open", false}}, {});
}

}  // namespace fletbridge::headless
