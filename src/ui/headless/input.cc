#include "src/ui/headless/input.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "src/ui/headless/pickers.h"
#include "src/ui/headless/screen.h"

namespace fletbridge::headless {
namespace {

using wire::ControlType;
using wire::Map;
using wire::Value;

template <std::size_t N>
bool IsOneOf(std::string_view type, const std::array<std::string_view, N>& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

constexpr std::array<std::string_view, 4> kToggles = {"Checkbox", "CupertinoCheckbox", "Switch",
                                                      "CupertinoSwitch"};
constexpr std::array<std::string_view, 3> kFields = {"TextField", "CupertinoTextField",
                                                     "SearchBar"};
constexpr std::array<std::string_view, 3> kBars = {"NavigationBar", "NavigationRail",
                                                   "CupertinoNavigationBar"};

Value At(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr ? Value() : *value;
}

// Where a control stands in the list that holds it, such as a destination in its bar.
std::int64_t PositionInList(const Map& control) {
  if (control.parent == nullptr || control.parent->is_map) return -1;
  const auto& items = static_cast<const wire::List*>(control.parent)->items;
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const Value& item) { return item.AsMap() == &control; });
  return found - items.begin();
}

bool IsOption(const Map& control) {
  const std::string_view type = ControlType(control);
  return (type == "DropdownOption" || type == "Option") && wire::ParentControl(control) != nullptr;
}

bool IsDestination(const Map& control) {
  const Map* bar = wire::ParentControl(control);
  return bar != nullptr && IsOneOf(ControlType(*bar), kBars) && PositionInList(control) >= 0 &&
         ControlType(control).ends_with("Destination");
}

bool IsTab(Map& control) {
  return ControlType(control) == "Tab" && PositionInList(control) >= 0 &&
         Enclosing(control, "Tabs") != nullptr;
}

bool TakesClick(Map& control) {
  const std::string_view type = ControlType(control);
  return Handles(control, "click") || Handles(control, "tap") || Handles(control, "tap_down") ||
         IsOneOf(type, kToggles) || (type == "Chip" && Handles(control, "select")) ||
         (type == "Radio" && Enclosing(control, "RadioGroup") != nullptr) || IsOption(control) ||
         IsDestination(control) || IsTab(control) || !At(control, "action").is_nil();
}

bool TakesDrag(const Map& control) {
  return Handles(control, "pan_start") || Handles(control, "pan_update") ||
         Handles(control, "pan_end") || Handles(control, "pan_down");
}

bool TakesHover(const Map& control) {
  return Handles(control, "hover") || Handles(control, "enter") || Handles(control, "exit");
}

bool TakesLongPress(const Map& control) {
  return Handles(control, "long_press") || Handles(control, "long_press_down") ||
         Handles(control, "long_press_start") || Handles(control, "long_press_up") ||
         Handles(control, "long_press_end");
}

template <class F>
Map* Upwards(Map& from, F&& takes) {
  for (Map* c = &from; c != nullptr; c = wire::ParentControl(*c)) {
    if (takes(*c)) return c;
  }
  return nullptr;
}

Value Point(double x, double y) { return Value::MapOf({{"x", x}, {"y", y}}); }

bool ChangeValue(Client& client, Map& control, const Value& value) {
  client.SendProps(control, {{"value", value}});
  return client.SendEvent(control, "change", value);
}

bool SelectAt(Client& client, Map& holder, std::int64_t position) {
  client.SendProps(holder, {{"selected_index", position}});
  return client.SendEvent(holder, "change", position);
}

// A pointer in the middle of nowhere: there is no layout.
Value Touch() {
  return Value::MapOf({{"k", "mouse"}, {"l", Point(1.0, 1.0)}, {"g", Point(1.0, 1.0)}});
}

bool Tap(Client& client, Map& target) {
  bool any = client.SendEvent(target, "tap_down", Touch());
  any = client.SendEvent(target, "tap_up", Touch()) || any;
  const bool detector = ControlType(target) == "GestureDetector";
  return client.SendEvent(target, "tap", detector ? Touch() : Value()) || any;
}

// In the order of Flutter's recognizers: a tap is given up for the long press.
bool LongPress(Client& client, Map& target) {
  const auto place = [] { return Value::MapOf({{"l", Point(1.0, 1.0)}, {"g", Point(1.0, 1.0)}}); };
  bool any = client.SendEvent(
      target, "long_press_down",
      Value::MapOf({{"l", Point(1.0, 1.0)}, {"g", Point(1.0, 1.0)}, {"k", "mouse"}}));
  any = client.SendEvent(target, "tap_down", Touch()) || any;
  any = client.SendEvent(target, "tap_cancel", {}) || any;
  any = client.SendEvent(target, "long_press_start", place()) || any;
  any = client.SendEvent(target, "long_press", {}) || any;
  any =
      client.SendEvent(
          target, "long_press_end",
          Value::MapOf({{"l", Point(1.0, 1.0)}, {"g", Point(1.0, 1.0)}, {"v", Point(0.0, 0.0)}})) ||
      any;
  return client.SendEvent(target, "long_press_up", {}) || any;
}

// What Flutter tells of a mouse that does not press; `moved` as against the last place.
Value MouseEvent(bool moved) {
  return Value::MapOf({{"k", "mouse"},
                       {"l", Point(1.0, 1.0)},
                       {"g", Point(1.0, 1.0)},
                       {"ts", Value(wire::Ext{3, "0"})},
                       {"dev", 0},
                       {"ps", 0.0},
                       {"pMin", 1.0},
                       {"pMax", 1.0},
                       {"dist", 0.0},
                       {"distMax", 0.0},
                       {"size", 0.0},
                       {"rMj", 0.0},
                       {"rMn", 0.0},
                       {"rMin", 0.0},
                       {"rMax", 0.0},
                       {"or", 0.0},
                       {"tilt", 0.0},
                       {"ld", moved ? Point(0.0, 0.0) : Value::MapOf({{"x", {}}, {"y", {}}})}});
}

// `tab`: the one within a tab bar, if the pointer is over one.
bool Cross(Client& client, const Map& control, bool enters, std::int64_t tab) {
  const std::string_view type = ControlType(control);
  if (type == "GestureDetector")
    return client.SendEvent(control, enters ? "enter" : "exit", MouseEvent(false));
  if (type == "TabBar") {
    const Value index = tab < 0 ? Value() : Value(tab);
    return client.SendEvent(control, "hover",
                            Value::MapOf({{"hovering", enters}, {"index", index}}));
  }
  return client.SendEvent(control, "hover", enters);
}

bool Click(Client& client, Map& target) {
  const std::string_view type = ControlType(target);
  client.RunAction(target);
  if (IsOneOf(type, kToggles)) return ChangeValue(client, target, !At(target, "value").is_true());
  if (type == "Radio")
    return ChangeValue(client, *Enclosing(target, "RadioGroup"), At(target, "value"));
  if (IsOption(target)) {
    Map& menu = *wire::ParentControl(target);
    const Value key = At(target, "key").is_nil() ? At(target, "text") : At(target, "key");
    client.SendEvent(target, "click", {});
    const bool any = ChangeValue(client, menu, key);
    return client.SendEvent(menu, "select", key) || any;
  }
  if (IsDestination(target)) {
    return SelectAt(client, *wire::ParentControl(target), PositionInList(target));
  }
  if (IsTab(target)) return SelectAt(client, *Enclosing(target, "Tabs"), PositionInList(target));
  bool any = Tap(client, target);
  if (type == "Chip" && Handles(target, "select")) {
    const bool selected = !At(target, "selected").is_true();
    client.SendProps(target, {{"selected", selected}});
    any = client.SendEvent(target, "select", selected) || any;
  }
  return client.SendEvent(target, "click", {}) || any;
}

}  // namespace

Map* TargetOf(const Step& step, Map& aimed, std::string& why_not) {
  const std::string_view type = ControlType(aimed);
  switch (step.kind) {
    case StepKind::kClick:
      why_not = "nothing there takes a click: no on_click or the like on it or around it";
      return Upwards(aimed, TakesClick);
    case StepKind::kType:
    case StepKind::kSubmit:
      why_not = "it is a " + std::string(type) + ", not a text field";
      if (IsOneOf(type, kFields) && At(aimed, "read_only").is_true()) {
        why_not = "the text field is read-only";
        return nullptr;
      }
      return IsOneOf(type, kFields) ? &aimed : nullptr;
    case StepKind::kCheck:
      why_not = "it is a " + std::string(type) + ", not a checkbox or a switch";
      return IsOneOf(type, kToggles) ? &aimed : nullptr;
    case StepKind::kDrag:
      why_not = "nothing there takes a drag: no on_pan_start, on_pan_update or on_pan_end";
      return Upwards(aimed, TakesDrag);
    case StepKind::kDismiss:
      why_not = "it is in no open dialog";
      return Upwards(aimed, [](Map& c) { return At(c, "open").is_true(); });
    case StepKind::kHover:
      why_not = "nothing there sees the pointer: no on_hover, on_enter or on_exit";
      return Upwards(aimed, TakesHover) == nullptr ? nullptr : &aimed;
    case StepKind::kLongPress:
      why_not = "nothing there takes a long press: no on_long_press or the like on it or around it";
      return Upwards(aimed, TakesLongPress);
    case StepKind::kSlide:
      why_not = "it is a " + std::string(type) + ", not a slider";
      if (IsSlider(type)) why_not = WhyNotSlide(step, aimed);
      return why_not.empty() ? &aimed : nullptr;
    case StepKind::kPick:
      why_not = "it is a " + std::string(type) + ", not a picker of dates, times or rows";
      if (IsPicker(type)) why_not = WhyNotPick(step, aimed);
      return why_not.empty() ? &aimed : nullptr;
    default:
      return &aimed;
  }
}

bool DoInput(Client& client, const Step& step, Map& target) {
  switch (step.kind) {
    case StepKind::kType:
      return ChangeValue(client, target, step.text);
    case StepKind::kSubmit:
      return client.SendEvent(target, "submit", At(target, "value"));
    case StepKind::kCheck:
      return ChangeValue(client, target, step.on);
    case StepKind::kHover:
      return Hover(client, &target);
    case StepKind::kLongPress:
      return LongPress(client, target);
    case StepKind::kSlide:
      return Slide(client, step, target);
    case StepKind::kPick:
      return Pick(client, step, target);
    case StepKind::kDismiss:
      if (IsPicker(ControlType(target))) return CancelPick(client, target);
      client.SendProps(target, {{"open", false}});
      return client.SendEvent(target, "dismiss", {});
    default:
      return Click(client, target);
  }
}

bool Hover(Client& client, Map* aimed) {
  std::vector<Map*> under;  // the innermost first
  std::int64_t tab = -1;
  for (Map* c = aimed; c != nullptr; c = wire::ParentControl(*c)) {
    if (ControlType(*c) == "Tab" && tab < 0) tab = PositionInList(*c);
    if (TakesHover(*c)) under.push_back(c);
  }
  std::vector<std::int64_t>& over = client.pointer_over();
  const auto is_under = [&](std::int64_t id) {
    return std::any_of(under.begin(), under.end(),
                       [id](const Map* c) { return wire::ControlId(*c) == id; });
  };
  bool any = false;
  for (const std::int64_t id : over) {
    const Map* left = is_under(id) ? nullptr : client.tree().Find(id);
    if (left != nullptr) any = Cross(client, *left, false, -1) || any;
  }
  const std::vector<std::int64_t> before = std::exchange(over, {});
  for (const Map* c : under) over.push_back(wire::ControlId(*c));
  for (auto c = under.rbegin(); c != under.rend(); ++c) {
    if (std::find(before.begin(), before.end(), wire::ControlId(**c)) == before.end())
      any = Cross(client, **c, true, tab) || any;
  }
  for (const Map* c : under) {
    if (ControlType(*c) == "GestureDetector")
      any = client.SendEvent(*c, "hover", MouseEvent(true)) || any;
  }
  return any;
}

bool DoDragPart(Client& client, const Step& step, Map& target, std::size_t n) {
  const std::size_t moves = step.count;
  const double part = static_cast<double>(std::min(n, moves)) / static_cast<double>(moves);
  const double dx = (step.x2 - step.x1) / static_cast<double>(moves);
  const double dy = (step.y2 - step.y1) / static_cast<double>(moves);
  // The control's corner is taken for the window's: there is no layout.
  const auto here = [&] {
    return Point(step.x1 + (step.x2 - step.x1) * part, step.y1 + (step.y2 - step.y1) * part);
  };
  const auto time = [n] {
    return Value(wire::Ext{3, std::to_string(n * 16'667)});  // 60 a second, whatever the clock says
  };
  if (n == 0) {
    const bool down =
        client.SendEvent(target, "pan_down", Value::MapOf({{"l", here()}, {"g", here()}}));
    return client.SendEvent(
               target, "pan_start",
               Value::MapOf({{"k", "mouse"}, {"l", here()}, {"g", here()}, {"ts", time()}})) ||
           down;
  }
  if (n <= moves) {
    return client.SendEvent(target, "pan_update",
                            Value::MapOf({{"l", here()},
                                          {"g", here()},
                                          {"ld", Point(dx, dy)},
                                          {"gd", Point(dx, dy)},
                                          {"pd", {}},
                                          {"ts", time()}}));
  }
  return client.SendEvent(
      target, "pan_end",
      Value::MapOf({{"l", here()}, {"g", here()}, {"v", Point(0.0, 0.0)}, {"pv", {}}}));
}

}  // namespace fletbridge::headless
