#include "src/ui/headless/screen.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

namespace fletbridge::headless {
namespace {

using wire::Container;
using wire::ControlTree;
using wire::ControlType;
using wire::List;
using wire::Map;
using wire::Value;

// Properties whose text a person reads on the control itself.
constexpr std::array<std::string_view, 6> kTexts = {"value",   "text",  "label",
                                                    "content", "title", "subtitle"};

bool IsTrue(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value != nullptr && value->is_true();
}

bool IsFalse(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value != nullptr && value->is_false();
}

const std::string* Text(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr ? nullptr : value->AsText();
}

Map* MapAt(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr ? nullptr : value->AsMap();
}

bool Holds(const Value& value) { return value.AsMap() != nullptr || value.AsList() != nullptr; }

// The entries of a map by name: the wire's order changes from run to run.
template <class Keep>
std::vector<const std::pair<Value, Value>*> Sorted(const Map& map, Keep keep) {
  std::vector<const std::pair<Value, Value>*> entries;
  for (const auto& entry : map.entries) {
    if (keep(entry.second)) entries.push_back(&entry);
  }
  const auto less = [](const auto* a, const auto* b) {
    const std::string* left = a->first.AsText();
    const std::string* right = b->first.AsText();
    if (left != nullptr && right != nullptr) return *left < *right;
    if (left == nullptr && right == nullptr) return a->first.AsInt() < b->first.AsInt();
    return right != nullptr;
  };
  if (entries.size() > 1) std::sort(entries.begin(), entries.end(), less);
  return entries;
}

bool HasOwnText(const Map& control, std::string_view wanted) {
  for (const std::string_view name : kTexts) {
    const std::string* text = Text(control, name);
    if (text != nullptr && *text == wanted) return true;
  }
  return false;
}

std::string AsText(const Value& value) {
  if (const std::string* text = value.AsText()) return *text;
  if (const auto number = value.AsInt()) return std::to_string(*number);
  if (const double* d = std::get_if<double>(&value.content())) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, *d);
    return std::string(buffer, end.ptr);
  }
  if (value.is_true()) return "true";
  if (value.is_false()) return "false";
  return {};
}

// A key is a scalar, or {value, _type}.
bool HasKey(const Map& control, const std::string& wanted) {
  const Value* key = control.Find("key");
  if (key == nullptr) return false;
  if (const Map* map = key->AsMap(); map != nullptr) {
    const Value* value = map->Find("value");
    return value != nullptr && AsText(*value) == wanted;
  }
  return AsText(*key) == wanted;
}

std::string KeyOf(const Map& control) {
  const Value* key = control.Find("key");
  if (key == nullptr) return {};
  const Map* map = key->AsMap();
  const Value* value = map == nullptr ? key : map->Find("value");
  return value == nullptr ? std::string() : AsText(*value);
}

// In a tab that is not selected, or in a tile that is not expanded.
bool IsFolded(const Map& control) {
  const Map* child = &control;
  for (const Map* c = wire::ParentControl(control); c != nullptr; c = wire::ParentControl(*c)) {
    const std::string_view type = ControlType(*c);
    const List* list = child->parent == nullptr || child->parent->is_map
                           ? nullptr
                           : static_cast<const List*>(child->parent);
    if (list != nullptr && type == "ExpansionTile" && !IsTrue(*c, "expanded")) return true;
    if (list != nullptr && type == "TabBarView") {
      const Map* tabs = c;
      while (tabs != nullptr && ControlType(*tabs) != "Tabs") tabs = wire::ParentControl(*tabs);
      const Value* at = tabs == nullptr ? nullptr : tabs->Find("selected_index");
      const auto count = static_cast<std::int64_t>(list->items.size());
      std::int64_t selected = at == nullptr ? 0 : at->AsInt().value_or(0);
      if (selected < 0) selected += count;
      if (selected >= 0 && selected < count &&
          list->items[static_cast<std::size_t>(selected)].AsMap() != child)
        return true;
    }
    child = c;
  }
  return false;
}

// What is read on a control and in it.
void Describe(const Map& control, Clickable& to) {
  constexpr std::size_t kMostWords = 16;
  constexpr std::size_t kMostLetters = 80;
  if (to.words.size() >= kMostWords) return;
  for (const std::string_view name :
       {"value", "text", "label", "content", "title", "subtitle", "tooltip"}) {
    const std::string* text = Text(control, name);
    if (const Map* map = MapAt(control, name); map != nullptr && name == "tooltip")
      text = Text(*map, "message");
    if (text != nullptr && !text->empty()) to.words.push_back(text->substr(0, kMostLetters));
  }
  if (const Value* icon = control.Find("icon"); icon != nullptr) {
    if (const auto code = icon->AsInt()) to.icons.push_back(*code);
  }
  for (const auto* entry : Sorted(control, Holds)) {
    const std::string* name = entry->first.AsText();
    if (name == nullptr || name->starts_with("_")) continue;
    if (const Map* map = entry->second.AsMap(); map != nullptr) {
      if (!ControlType(*map).empty()) Describe(*map, to);
    } else if (const List* list = entry->second.AsList(); list != nullptr) {
      for (const Value& item : list->items) {
        const Map* child = item.AsMap();
        if (child != nullptr && !ControlType(*child).empty()) Describe(*child, to);
      }
    }
  }
}

// Before Flet 0.70 icons go by their names, in small letters.
bool SameLetters(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return small(x) == small(y); });
}

bool HasOwnIcon(const Map& control, const Query& query) {
  const Value* icon = control.Find("icon");
  if (icon == nullptr) return false;
  if (const std::string* name = icon->AsText()) return SameLetters(*name, *query.finder.icon);
  const auto code = icon->AsInt();
  return code && std::find(query.icon_codes.begin(), query.icon_codes.end(), *code) !=
                     query.icon_codes.end();
}

bool Matches(const Map& control, const Query& query) {
  const Finder& finder = query.finder;
  if (finder.type && ControlType(control) != *finder.type) return false;
  if (finder.key && !HasKey(control, *finder.key)) return false;
  // Beside another finder, the text or icon of a control right inside counts as the control's own,
  // as in type=Button text="OK" for Button(content=Text("OK")). Alone it would count twice.
  const bool alone = !finder.type && !finder.key;
  if (finder.text && !HasOwnText(control, *finder.text)) {
    const Map* content = alone ? nullptr : MapAt(control, "content");
    if (content == nullptr || !HasOwnText(*content, *finder.text)) return false;
  }
  if (finder.icon && !HasOwnIcon(control, query)) {
    const Map* icon = alone ? nullptr : MapAt(control, "icon");
    if (icon == nullptr || !HasOwnIcon(*icon, query)) return false;
  }
  return true;
}

// Walks over what is on the screen: the last view, the overlay, open dialogs.
class Walk {
 public:
  // `visit` is called for each control, parents first; false ends the walk.
  Walk(Hidden hidden, std::function<bool(Map&)> visit)
      : hidden_(hidden), visit_(std::move(visit)) {}

  void Screen(const ControlTree& tree) {
    const Map& page = tree.page();
    if (const Value* views = page.Find("views"); views != nullptr) LastOf(*views);
    if (const Value* overlay = page.Find("_overlay"); overlay != nullptr) Go(*overlay);
    const Map* dialogs = MapAt(page, "_dialogs");
    const Value* controls = dialogs == nullptr ? nullptr : dialogs->Find("controls");
    const List* list = controls == nullptr ? nullptr : controls->AsList();
    if (list == nullptr) return;
    for (const Value& dialog : list->items) {
      const Map* map = dialog.AsMap();
      if (map != nullptr && (IsTrue(*map, "open") || hidden_ == Hidden::kInclude)) Go(dialog);
    }
  }

 private:
  // Views under the top one are covered. A component may stand for the list or for a view.
  void LastOf(const Value& views) {
    if (const List* list = views.AsList(); list != nullptr) {
      if (!list->items.empty()) Go(list->items.back());
    } else if (const Map* map = views.AsMap(); map != nullptr) {
      const Value* body = map->Find("_b");
      if (ControlType(*map) == "C" && body != nullptr) {
        LastOf(*body);
      } else {
        Go(views);
      }
    }
  }

  void Go(const Value& value) {
    if (ended_) return;
    if (const List* list = value.AsList(); list != nullptr) {
      for (const Value& item : list->items) Go(item);
    } else if (Map* map = value.AsMap(); map != nullptr) {
      if (!ControlType(*map).empty()) {
        if (hidden_ == Hidden::kSkip && IsFalse(*map, "visible")) return;
        if (!visit_(*map)) {
          ended_ = true;
          return;
        }
      }
      for (const auto* entry : Sorted(*map, Holds)) Go(entry->second);
    }
  }

  const Hidden hidden_;
  const std::function<bool(Map&)> visit_;
  bool ended_ = false;
};

template <class F>
bool EverythingUpwards(const Map& control, F&& holds) {
  for (const Map* c = &control; c != nullptr; c = wire::ParentControl(*c)) {
    if (!holds(*c)) return false;
  }
  return true;
}

class JsonWriter {
 public:
  nlohmann::json Write(const Value& value) { return std::visit(*this, value.content()); }

  nlohmann::json operator()(std::monostate) { return nullptr; }
  template <class T>
  nlohmann::json operator()(const T& plain) {
    return plain;
  }
  nlohmann::json operator()(const std::shared_ptr<wire::Bytes>& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (const char c : bytes->data) {
      hex += kDigits[static_cast<unsigned char>(c) >> 4];
      hex += kDigits[static_cast<unsigned char>(c) & 15];
    }
    return {{"$bytes", hex}};
  }
  nlohmann::json operator()(const std::shared_ptr<wire::Ext>& ext) {
    return {{"$ext", ext->type}, {"data", ext->data}};
  }
  nlohmann::json operator()(const std::shared_ptr<List>& list) {
    nlohmann::json array = nlohmann::json::array();
    for (const Value& item : list->items) array.push_back(Write(item));
    return array;
  }
  nlohmann::json operator()(const std::shared_ptr<Map>& map) {
    nlohmann::json object = nlohmann::json::object();
    const bool control = !ControlType(*map).empty();
    if (control) object["_i"] = Number(wire::ControlId(*map));
    for (const auto* entry : Sorted(*map, [](const Value&) { return true; })) {
      const std::string name = AsText(entry->first);
      if (control && name == "_i") continue;
      object[name] = name == "_internals" ? Internals(entry->second) : Write(entry->second);
    }
    return object;
  }

 private:
  std::int64_t Number(std::int64_t id) {
    return numbers_.emplace(id, static_cast<std::int64_t>(numbers_.size()) + 1).first->second;
  }
  nlohmann::json Internals(const Value& value) {
    nlohmann::json json = Write(value);
    if (json.is_object() && json.contains("uid")) json["uid"] = "*";
    return json;
  }

  std::unordered_map<std::int64_t, std::int64_t> numbers_;
};

class TextWriter {
 public:
  explicit TextWriter(std::size_t max_lines) : max_lines_(max_lines) {}

  void Write(const Value& value, std::size_t depth) {
    if (const List* list = value.AsList(); list != nullptr) {
      for (const Value& item : list->items) Write(item, depth);
    } else if (const Map* map = value.AsMap(); map != nullptr) {
      const bool control = !ControlType(*map).empty();
      if (control) Line(*map, depth);
      for (const auto* entry : Sorted(*map, Holds)) Write(entry->second, depth + (control ? 1 : 0));
    }
  }

  std::string Take() {
    if (lines_ > max_lines_) {
      out_ += "... and " + std::to_string(lines_ - max_lines_) + " more controls\n";
    }
    return std::move(out_);
  }

 private:
  void Line(const Map& control, std::size_t depth) {
    if (++lines_ > max_lines_) return;
    out_.append(2 * std::min<std::size_t>(depth, 40), ' ');
    out_ += ControlType(control);
    out_ += " #" + std::to_string(wire::ControlId(control));
    for (const auto* entry : Sorted(control, [](const Value& value) { return !Holds(value); })) {
      const std::string name = AsText(entry->first);
      const std::string* text = entry->second.AsText();
      if (name.starts_with("_")) continue;
      const std::string shown =
          text != nullptr ? Quoted(text->substr(0, 60)) : AsText(entry->second);
      if (!shown.empty()) out_ += " " + name + "=" + shown;
    }
    out_ += "\n";
  }

  const std::size_t max_lines_;
  std::size_t lines_ = 0;
  std::string out_;
};

// How far a text is from the wanted one, in letters that differ, whatever their case; none if it is
// another text altogether.
std::optional<std::size_t> Distance(std::string_view wanted, std::string_view found) {
  constexpr std::size_t kLongest = 80;
  const auto lower = [](std::string_view text) {
    std::string small(text.substr(0, kLongest));
    for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return small;
  };
  const std::string a = lower(wanted);
  const std::string b = lower(found);
  if (a.empty()) return std::nullopt;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  if (row.back() < a.size() && row.back() <= a.size() / 3 + 1) return row.back();
  // A part of a longer one, or the other way round.
  if (a.size() >= 2 && b.find(a) != std::string::npos) return row.back();
  if (b.size() >= 2 && a.find(b) != std::string::npos) return row.back();
  return std::nullopt;
}

// Steps have no escapes for the others.
bool CanBeWritten(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
}

Value PageValue(const ControlTree& tree) {
  // Borrowed: the tree owns the page, and the value dies before this call's caller returns.
  return Value(std::shared_ptr<Map>(std::shared_ptr<Map>(), &tree.page()));
}

}  // namespace

Result<IconNames> IconNames::Load(const std::string& flet_package) {
  IconNames names;
  std::error_code error;
  names.by_name_ = std::filesystem::exists(flet_package + "/core/icons.py", error);
  if (names.by_name_) return names;
  for (const char* file :
       {"/controls/material/icons.json", "/controls/cupertino/cupertino_icons.json"}) {
    std::ifstream in(flet_package + file);
    const nlohmann::json json = nlohmann::json::parse(in, nullptr, false);
    if (!json.is_object()) {
      return MakeError(Errc::kSetup, "cannot read the icon names in " + flet_package + file +
                                         "; icon= needs them, or a number");
    }
    for (const auto& [name, code] : json.items()) {
      if (code.is_number_integer()) names.codes_.emplace(name, code.get<std::int64_t>());
    }
  }
  return names;
}

std::vector<std::int64_t> IconNames::Codes(const std::string& name) const {
  std::vector<std::int64_t> codes;
  const bool hex = name.starts_with("0x") || name.starts_with("0X");
  const char* begin = name.data() + (hex ? 2 : 0);
  const char* end = name.data() + name.size();
  std::int64_t number = 0;
  if (const auto read = std::from_chars(begin, end, number, hex ? 16 : 10);
      read.ec == std::errc() && read.ptr == end) {
    codes.push_back(number);
    return codes;
  }
  std::string upper = name;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const auto [first, last] = codes_.equal_range(upper);
  for (auto it = first; it != last; ++it) codes.push_back(it->second);
  return codes;
}

std::vector<Map*> FindAll(const ControlTree& tree, const Query& query, Hidden hidden,
                          std::size_t limit) {
  std::vector<Map*> found;
  Walk(hidden, [&](Map& control) {
    if (Matches(control, query)) found.push_back(&control);
    return found.size() < limit;
  }).Screen(tree);
  return found;
}

bool IsVisible(const Map& control) {
  return EverythingUpwards(control, [](const Map& c) { return !IsFalse(c, "visible"); });
}

bool IsEnabled(const Map& control) {
  return EverythingUpwards(control, [](const Map& c) { return !IsTrue(c, "disabled"); });
}

bool Handles(const Map& control, std::string_view event) {
  return IsTrue(control, "on_" + std::string(event));
}

Map* Enclosing(Map& control, std::string_view type) {
  for (Map* c = &control; c != nullptr; c = wire::ParentControl(*c)) {
    if (ControlType(*c) == type) return c;
  }
  return nullptr;
}

Clickable Described(const Map& control) {
  Clickable one{{}, std::string(ControlType(control)), KeyOf(control)};
  Describe(control, one);
  return one;
}

std::vector<Clickable> Clickables(const ControlTree& tree, const std::optional<Finder>& finder,
                                  std::size_t limit) {
  std::set<const Map*> wanted;
  if (finder) {
    for (Map* control : FindAll(tree, Query{*finder, {}}, Hidden::kSkip, limit)) {
      while (control != nullptr && !Handles(*control, "click"))
        control = wire::ParentControl(*control);
      if (control != nullptr) wanted.insert(control);
    }
  }
  std::vector<Clickable> found;
  std::map<std::string, std::size_t, std::less<>> of_type;
  Walk(Hidden::kSkip, [&](Map& control) {
    const std::string type(ControlType(control));
    const std::size_t index = of_type[type]++;
    if (Handles(control, "click") && IsEnabled(control) && !IsFolded(control) &&
        (!finder || wanted.contains(&control))) {
      Clickable one = Described(control);
      one.finder = "type=" + type + " index=" + std::to_string(index);
      found.push_back(std::move(one));
    }
    return found.size() < limit;
  }).Screen(tree);
  return found;
}

std::optional<std::string> ReadText(const ControlTree& tree, const Finder& finder) {
  const std::vector<Map*> found = FindAll(tree, Query{finder, {}}, Hidden::kSkip, 1);
  if (found.empty()) return std::nullopt;
  for (const std::string_view name : kTexts) {
    if (const std::string* text = Text(*found[0], name)) return *text;
  }
  return std::nullopt;
}

std::optional<Finder> FinderFor(const ControlTree& tree, const Map& control) {
  std::vector<Finder> candidates;
  const std::string type(ControlType(control));
  if (std::string key = KeyOf(control); !key.empty()) {
    candidates.emplace_back().key = std::move(key);
  }
  // A field's value does not identify it.
  for (const std::string_view name : {"label", "text", "content", "title", "subtitle", "value"}) {
    const Map* inside = name == "content" ? MapAt(control, name) : nullptr;
    const std::string* text = Text(inside == nullptr ? control : *inside,
                                   inside == nullptr ? name : std::string_view("value"));
    if (text == nullptr || text->empty() || (name == "value" && !candidates.empty())) continue;
    if (!CanBeWritten(*text)) continue;
    if (inside == nullptr) candidates.emplace_back().text = *text;
    Finder& both = candidates.emplace_back();
    both.type = type;
    both.text = *text;
  }
  candidates.emplace_back().type = type;
  for (const Finder& finder : candidates) {
    const std::vector<Map*> found = FindAll(tree, {finder, {}}, Hidden::kSkip, 2);
    if (found.size() == 1 && found[0] == &control) return finder;
  }
  // The most specific finder, preferably without an index.
  constexpr std::size_t kMostAlike = 10'000;
  const Finder& last = candidates.size() > 1 ? candidates[candidates.size() - 2] : candidates[0];
  for (const Finder* finder : {&last, &std::as_const(candidates.back())}) {
    const std::vector<Map*> found = FindAll(tree, {*finder, {}}, Hidden::kSkip, kMostAlike);
    const auto at = std::find(found.begin(), found.end(), &control);
    if (at == found.end()) continue;
    Finder numbered = *finder;
    numbered.index = static_cast<std::size_t>(at - found.begin());
    return numbered;
  }
  return std::nullopt;
}

std::vector<std::string> NearestFinders(const ControlTree& tree, const Finder& finder) {
  constexpr std::size_t kMostCompared = 2000;
  constexpr std::size_t kMostShown = 3;
  std::map<std::string, std::size_t> distances;  // by finder
  const auto compare = [&](const char* name, const std::optional<std::string>& wanted,
                           const std::string& found, bool quoted) {
    if (!wanted || found.empty() || distances.size() >= kMostCompared) return;
    if (const auto distance = Distance(*wanted, found))
      distances.emplace(name + (quoted ? Quoted(found.substr(0, 60)) : found), *distance);
  };
  Walk(Hidden::kSkip, [&](Map& control) {
    for (const std::string_view name : kTexts) {
      if (const std::string* text = Text(control, name); text != nullptr)
        compare("text=", finder.text, *text, true);
    }
    compare("key=", finder.key, KeyOf(control), false);
    compare("type=", finder.type, std::string(ControlType(control)), false);
    return true;
  }).Screen(tree);
  std::vector<std::pair<std::size_t, std::string>> sorted;
  for (const auto& [shown, distance] : distances) sorted.emplace_back(distance, shown);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> nearest;
  for (const auto& [distance, shown] : sorted) {
    if (nearest.size() < kMostShown) nearest.push_back(shown);
  }
  return nearest;
}

std::vector<std::string> VisibleTexts(const ControlTree& tree, std::size_t limit) {
  std::vector<std::string> texts;
  Walk(Hidden::kSkip, [&](Map& control) {
    for (const std::string_view name : kTexts) {
      const std::string* text = Text(control, name);
      if (text != nullptr && !text->empty() && texts.size() < limit) texts.push_back(*text);
    }
    return texts.size() < limit;
  }).Screen(tree);
  return texts;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Shown(const Finder& finder) {
  std::string out;
  const auto add = [&out](const char* name, const std::optional<std::string>& value, bool quoted) {
    if (!value) return;
    if (!out.empty()) out += ' ';
    out += name + (quoted ? Quoted(*value) : *value);
  };
  add("type=", finder.type, false);
  add("text=", finder.text, true);
  add("icon=", finder.icon, false);
  add("key=", finder.key, false);
  if (finder.index) out += " index=" + std::to_string(*finder.index);
  return out;
}

std::string TreeAsJson(const ControlTree& tree) {
  return JsonWriter()
             .Write(PageValue(tree))
             .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

std::string TreeAsText(const ControlTree& tree, std::size_t max_lines) {
  TextWriter writer(max_lines);
  writer.Write(PageValue(tree), 0);
  return writer.Take();
}

}  // namespace fletbridge::headless
