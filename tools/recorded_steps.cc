#include "tools/recorded_steps.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/wire/session.h"
#include "src/recording/readable.h"
#include "src/ui/headless/pickers.h"
#include "src/ui/headless/screen.h"

namespace fletbridge {
namespace {

using recording::Direction;
using recording::Entry;
using recording::Recording;
using wire::ControlType;
using wire::Map;
using wire::TextIn;
using wire::Value;

// Leaving one control and entering another are reported at the same time.
constexpr std::uint64_t kMovement_ns = 20'000'000;
// Calls that the headless client answers itself, as any other client does.
constexpr std::array<std::string_view, 6> kOwnAnswers = {
    "launch_url", "can_launch_url", "push_route", "get_device_info", "close", "destroy"};
// Told by another event or by a property, or by no hand.
constexpr std::array<std::string_view, 23> kSilent = {"change",
                                                      "change_start",
                                                      "change_end",
                                                      "select",
                                                      "dismiss",
                                                      "tap_up",
                                                      "tap_cancel",
                                                      "enter",
                                                      "exit",
                                                      "long_press_down",
                                                      "long_press_start",
                                                      "long_press_end",
                                                      "long_press_up",
                                                      "pan_down",
                                                      "platform_brightness_change",
                                                      "media_change",
                                                      "app_lifecycle_state_change",
                                                      "locale_change",
                                                      "animation_end",
                                                      "scroll",
                                                      "visible",
                                                      "result",
                                                      "size_change"};

template <std::size_t N>
bool IsOneOf(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Value* NotNil(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr || value->is_nil() ? nullptr : value;
}

double NumberOf(const Value* value) {
  if (value == nullptr) return 0;
  if (const auto whole = value->AsInt()) return static_cast<double>(*whole);
  const double* number = std::get_if<double>(&value->content());
  return number == nullptr ? 0 : *number;
}

std::string Written(double number) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  }
  return out + "\"";
}

// A moment or a time that the client has sent, as `pick` takes it; empty if it is none.
std::string Picked(const Value* value) {
  const auto* ext =
      value == nullptr ? nullptr : std::get_if<std::shared_ptr<wire::Ext>>(&value->content());
  if (ext == nullptr) return {};
  const std::string& text = (*ext)->data;
  if ((*ext)->type == 2) return text;
  if ((*ext)->type == 3) {
    std::int64_t micros = 0;
    std::from_chars(text.data(), text.data() + text.size(), micros);
    return std::to_string(micros / 1'000'000);
  }
  std::tm moment{};
  if ((*ext)->type != 1 || ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &moment) == nullptr)
    return {};
  const std::time_t at = ::timegm(&moment);
  ::localtime_r(&at, &moment);
  std::array<char, 32> shown;
  const bool day = moment.tm_hour == 0 && moment.tm_min == 0;
  shown[std::strftime(shown.data(), shown.size(), day ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M", &moment)] =
      0;
  return shown.data();
}

class Writer {
 public:
  explicit Writer(const std::string& file) : out_("# made of " + file + "\n") {}

  void Run(const Recording& recording) {
    for (const Entry& entry : recording.entries()) {
      if (entry.kind == Entry::Kind::kSession)
        return Note("another client came; the steps end here");
      if (entry.kind == Entry::Kind::kGap) return Note("files are missing; the steps end here");
      if (entry.kind != Entry::Kind::kPacket) continue;
      if (entry.type != PacketType::kControl || (entry.flags & recording::kWithheld) != 0) continue;
      Result<wire::Message> message = recording::MessageIn(entry, recording.codec());
      if (!message) continue;
      at_ns_ = entry.at_ns;
      masked_ = (entry.flags & recording::kMasked) != 0;
      if (entry.direction == Direction::kToApp) static_cast<void>(session_.Settle(*message));
      if (entry.direction == Direction::kToUi) {
        FromApp(*message);
      } else if (session_.tree() != nullptr) {
        FromClient(*message);
      }
      if (Result<bool> applied = session_.Apply(*message); !applied) {
        return Note("what follows does not fit the page: " + applied.error().Line());
      }
    }
  }

  std::string Take() {
    if (session_.tree() != nullptr) EndMovement();
    EndGesture();
    return std::move(out_);
  }

 private:
  void Line(const std::string& line) {
    // Steps have no escape for these, and a terminal might heed them.
    const bool plain = std::none_of(line.begin(), line.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (!plain) return Note("has characters that no step can say: " + line);
    out_ += line + "\n";
  }
  void Note(const std::string& text) { out_ += "# " + recording::Printable(text) + "\n"; }

  void FromApp(const wire::Message& message) {
    if (session_.tree() != nullptr) EndMovement();
    if (const auto* crash = std::get_if<wire::SessionCrashed>(&message)) {
      EndGesture();
      Line("expect crash " + Quoted(wire::CrashLine(crash->message)));
    }
    const auto* call = std::get_if<wire::InvokeMethod>(&message);
    const Map* args = call == nullptr ? nullptr : call->args.AsMap();
    if (args != nullptr && call->name == "push_route") pushed_.insert(TextIn(*args, "route"));
  }

  void FromClient(const wire::Message& message) {
    if (const auto* result = std::get_if<wire::MethodResult>(&message)) return Answer(*result);
    const auto* event = std::get_if<wire::ControlEvent>(&message);
    const auto* update = std::get_if<wire::UpdateProps>(&message);
    if (event == nullptr && update == nullptr) return;
    Map* control = session_.Find(event != nullptr ? event->target : update->id);
    if (control == nullptr) return;
    if (gesture_ && (gesture_->id != wire::ControlId(*control) ||
                     (event != nullptr && event->name == "change_start")))
      EndGesture();
    if (event != nullptr) {
      Event(*control, event->name, event->data.is_nil() ? nullptr : &event->data);
    } else if (const Map* props = update->props.AsMap(); props != nullptr) {
      EndMovement();
      Props(*control, *props);
    }
  }

  // Writes `step FINDER more`; a control that is not on the screen cannot be found.
  void Do(const char* step, const Map& control, const std::string& more = {}) {
    EndGesture();
    const std::string finder = FinderOf(control);
    if (finder.empty()) {
      return Note(std::string(step) + " on a " + std::string(ControlType(control)) +
                  " that is not on the screen");
    }
    Line(std::string(step) + " " + finder + (more.empty() ? "" : " " + more));
  }

  std::string FinderOf(const Map& control) const {
    const std::optional<Finder> finder = headless::FinderFor(*session_.tree(), control);
    std::string shown;
    if (!finder) return shown;
    if (finder->type) shown += "type=" + *finder->type + " ";
    if (finder->text) shown += "text=" + Quoted(*finder->text) + " ";
    if (finder->key) shown += "key=" + Quoted(*finder->key) + " ";
    if (finder->index) shown += "index=" + std::to_string(*finder->index) + " ";
    shown.pop_back();
    return shown;
  }

  void Event(Map& control, const std::string& name, const Value* data) {
    const Map* map = data == nullptr ? nullptr : data->AsMap();
    if (const std::optional<bool> over = IsOver(control, name, data); over)
      return Pointed(control, *over);
    EndMovement();
    if (&control == &session_.tree()->page()) return PageEvent(name, map);
    if (ControlType(control) == "Window") {
      if (map != nullptr && TextIn(*map, "type") == "close") Line("close");
      return;
    }
    if (name == "click") {
      // An option's click comes with the menu's new value.
      if (!ControlType(control).ends_with("Option")) Do("click", control);
    } else if (name == "tap" || (name == "tap_down" && !headless::Handles(control, "tap") &&
                                 !headless::Handles(control, "click") &&
                                 !headless::Handles(control, "long_press"))) {
      Do("click", control);
    } else if (name == "submit") {
      Do("submit", control);
    } else if (name == "long_press" ||
               (name == "long_press_start" && !headless::Handles(control, "long_press"))) {
      Do("long_press", control);
    } else if (name == "select" && ControlType(control) == "Chip") {
      Do("click", control);
    } else if (name == "data_channel_open") {
      Do("channel", control);
    } else if (name.starts_with("pan_")) {
      Panned(control, name, map);
    } else if (name != "tap_down" && !IsOneOf(name, kSilent)) {
      Note("no step says: " + name + " on a " + std::string(ControlType(control)));
    }
  }

  void PageEvent(const std::string& name, const Map* data) {
    if (data == nullptr) return;
    if (name == "resize" && NumberOf(NotNil(*data, "width")) > 0) {
      Line("resize " + Written(NumberOf(NotNil(*data, "width"))) + " " +
           Written(NumberOf(NotNil(*data, "height"))));
    }
    if (name != "route_change") return;
    const std::string route = TextIn(*data, "route");
    if (pushed_.erase(route) == 0) Line("route " + Quoted(route));
  }

  // Whether the pointer is over the control now; nothing if the event does not say it.
  static std::optional<bool> IsOver(const Map& control, const std::string& name,
                                    const Value* data) {
    if (name == "enter" || name == "exit") return name == "enter";
    if (name != "hover") return std::nullopt;
    if (ControlType(control) == "GestureDetector") return true;  // it moves there
    const Map* tab = data == nullptr ? nullptr : data->AsMap();
    const Value* enters = tab == nullptr ? data : NotNil(*tab, "hovering");
    return enters != nullptr && enters->is_true();
  }

  void Pointed(const Map& control, bool is_over) {
    // A damaged recording may say any times.
    const auto since = static_cast<std::uint64_t>(at_ns_) - static_cast<std::uint64_t>(pointed_ns_);
    if (since > kMovement_ns) EndMovement();
    pointed_ns_ = at_ns_;
    const std::int64_t id = wire::ControlId(control);
    const auto known = std::find(over_.begin(), over_.end(), id);
    if (is_over == (known != over_.end())) return;
    pointer_moved_ = true;
    if (!is_over) {
      over_.erase(known);
      return;
    }
    // Of some it is not told when the pointer leaves them.
    std::erase_if(over_, [this](std::int64_t other) {
      const Map* left = session_.tree()->Find(other);
      return left == nullptr ||
             (ControlType(*left) == "GestureDetector" && !headless::Handles(*left, "exit"));
    });
    over_.push_back(id);
  }

  // Of all that a movement leaves and enters, one step: the innermost control where it ends.
  void EndMovement() {
    if (!std::exchange(pointer_moved_, false) || over_ == told_over_) return;
    told_over_ = over_;
    if (over_.empty()) return Line("leave");
    if (const Map* control = session_.tree()->Find(over_.back()); control != nullptr)
      Do("hover", *control);
  }

  void Panned(Map& control, const std::string& name, const Map* data) {
    const Map* at = data == nullptr ? nullptr : wire::MapIn(*data, "l");
    const std::string place = at == nullptr ? "0,0"
                                            : Written(NumberOf(NotNil(*at, "x"))) + "," +
                                                  Written(NumberOf(NotNil(*at, "y")));
    if (name == "pan_down" || (name == "pan_start" && !headless::Handles(control, "pan_down")))
      EndGesture();
    if (!gesture_) gesture_ = Gesture{wire::ControlId(control), FinderOf(control), place};
    if (name == "pan_update") {
      ++gesture_->moves;
      gesture_->to = place;
    } else if (name == "pan_end") {
      EndGesture();
    }
  }

  // What the app hears of bit by bit is one step, once it is over.
  void EndGesture() {
    if (!gesture_) return;
    const Gesture done = *std::exchange(gesture_, std::nullopt);
    if (done.moves == 0) return;
    if (done.finder.empty()) return Note("a drag of what is not on the screen");
    if (!done.from.empty()) {
      return Line("drag " + done.finder + " from " + done.from + " to " + done.to + " steps " +
                  std::to_string(done.moves));
    }
    Line("slide " + done.finder + " " + done.to +
         (done.moves > 1 ? " steps " + std::to_string(done.moves) : ""));
  }

  void Props(Map& control, const Map& props) {
    const std::string type(ControlType(control));
    const Value* value = NotNil(props, "value");
    const Value* open = NotNil(props, "open");
    if (headless::IsSlider(type)) return Slid(control, props);
    if (headless::IsPicker(type) && (open == nullptr || open->is_false()))
      return PickedIn(control, props);
    if (open != nullptr && open->is_false()) {
      // One that the app has closed, the client only says to be gone.
      if (const Value* is_open = control.Find("open"); is_open != nullptr && is_open->is_true())
        Do("dismiss", control);
      return;
    }
    if (const Value* at = NotNil(props, "selected_index"); at != nullptr)
      return Chosen(control, *at);
    if (value == nullptr) return;
    if (const std::string* text = value->AsText(); text != nullptr) {
      if (type == "RadioGroup" || type.starts_with("Dropdown")) return Option(control, *text);
      if (masked_) Note("the text is masked in the recording");
      return Do("type", control, Quoted(*text));
    }
    if (value->is_true() || value->is_false())
      Do("check", control, value->is_true() ? "true" : "false");
  }

  // A radio button or an option of a menu, by its value.
  void Option(Map& holder, const std::string& value) {
    Map* found = nullptr;
    const auto look = [&](auto&& self, const Value& in) -> void {
      if (found != nullptr) return;
      if (const wire::List* list = in.AsList(); list != nullptr) {
        for (const Value& item : list->items) self(self, item);
      } else if (Map* map = in.AsMap(); map != nullptr) {
        const std::string_view type = ControlType(*map);
        const bool radio = type == "Radio" && TextIn(*map, "value") == value;
        const bool option = type.ends_with("Option") &&
                            (TextIn(*map, "key") == value ||
                             (TextIn(*map, "key").empty() && TextIn(*map, "text") == value));
        if (radio || option) {
          found = map;
          return;
        }
        for (const auto& [key, inner] : map->entries) self(self, inner);
      }
    };
    for (const auto& [key, inner] : holder.entries) look(look, inner);
    if (found == nullptr) return Note("no option " + value + " of a menu is on the page");
    Do("click", *found);
  }

  void Chosen(Map& holder, const Value& at) {
    const std::int64_t index = at.AsInt().value_or(-1);
    const Map* target = nullptr;
    for (const char* name : {"destinations", "controls", "tabs"}) {
      const Value* children = holder.Find(name);
      const wire::List* list = children == nullptr ? nullptr : children->AsList();
      if (list != nullptr && index >= 0 && static_cast<std::size_t>(index) < list->items.size() &&
          target == nullptr)
        target = list->items[static_cast<std::size_t>(index)].AsMap();
    }
    if (const Map* bar = target == nullptr ? TabBarIn(holder) : nullptr; bar != nullptr) {
      const wire::List* tabs = bar->Find("tabs") == nullptr ? nullptr : bar->Find("tabs")->AsList();
      if (tabs != nullptr && index >= 0 && static_cast<std::size_t>(index) < tabs->items.size())
        target = tabs->items[static_cast<std::size_t>(index)].AsMap();
    }
    if (target == nullptr) return Note("what was chosen is not on the page");
    Do("click", *target);
  }

  static const Map* TabBarIn(const Map& holder) {
    const Map* found = nullptr;
    const auto look = [&](auto&& self, const Value& in) -> void {
      if (found != nullptr) return;
      if (const wire::List* list = in.AsList(); list != nullptr) {
        for (const Value& item : list->items) self(self, item);
      } else if (const Map* map = in.AsMap(); map != nullptr) {
        if (ControlType(*map) == "TabBar") {
          found = map;
          return;
        }
        for (const auto& [key, inner] : map->entries) self(self, inner);
      }
    };
    for (const auto& [key, inner] : holder.entries) look(look, inner);
    return found;
  }

  void PickedIn(Map& picker, const Map& props) {
    const std::string type(ControlType(picker));
    if (type == "DateRangePicker") {
      const std::string first = Picked(NotNil(props, "start_value"));
      const std::string last = Picked(NotNil(props, "end_value"));
      const bool same = SameAs(picker, props, "start_value") && SameAs(picker, props, "end_value");
      if (same || first.empty() || last.empty()) return Do("dismiss", picker);
      return Do("pick", picker, first + " " + last);
    }
    if (type == "CupertinoPicker") {
      if (const Value* at = NotNil(props, "selected_index"); at != nullptr)
        Do("pick", picker, std::to_string(at->AsInt().value_or(0)));
      return;
    }
    const bool dialog = NotNil(props, "open") != nullptr;
    if (dialog && (NotNil(props, "value") == nullptr || SameAs(picker, props, "value")))
      return Do("dismiss", picker);
    const Value* value = NotNil(props, "value");
    const std::string picked =
        value != nullptr && value->AsInt() ? std::to_string(*value->AsInt()) : Picked(value);
    if (!picked.empty()) Do("pick", picker, picked);
  }

  static bool SameAs(const Map& control, const Map& props, std::string_view name) {
    const Value* before = control.Find(name);
    const Value* now = props.Find(name);
    return before != nullptr && now != nullptr && *before == *now;
  }

  void Slid(Map& slider, const Map& props) {
    if (!gesture_) gesture_ = Gesture{wire::ControlId(slider), FinderOf(slider)};
    ++gesture_->moves;
    gesture_->to = ControlType(slider) == "RangeSlider"
                       ? Written(NumberOf(NotNil(props, "start_value"))) + "," +
                             Written(NumberOf(NotNil(props, "end_value")))
                       : Written(NumberOf(NotNil(props, "value")));
  }

  void Answer(const wire::MethodResult& answer) {
    const auto* call = session_.calls().Find(answer.call_id);
    const Map* control = call == nullptr ? nullptr : session_.Find(answer.control_id);
    if (control == nullptr || IsOneOf(call->name, kOwnAnswers)) return;
    const std::string& name = call->name;
    const std::string type(ControlType(*control));
    if (type == "SharedPreferences" || type == "Window") return;  // kept by the client itself
    const std::string line = "answer " + type + "." + name + " ";
    if (answer.error) return Line(line + "error " + Quoted(*answer.error));
    const bool asks = name == "save_file" || name == "get_directory_path" || name == "pick_files";
    if (answer.result.is_nil()) return asks ? Line(line + "none") : void();
    if (masked_) Note("the answer is masked in the recording");
    const std::string said = Values(answer.result, name == "pick_files");
    if (said.empty()) return Note("no step says the answer of " + name);
    Line(line + said);
  }

  static std::string Values(const Value& value, bool files) {
    if (const std::string* text = value.AsText(); text != nullptr) return Quoted(*text);
    if (value.is_true() || value.is_false()) return value.is_true() ? "true" : "false";
    if (const auto whole = value.AsInt()) return std::to_string(*whole);
    if (std::holds_alternative<double>(value.content())) return Written(NumberOf(&value));
    const wire::List* list = value.AsList();
    if (list == nullptr) return {};
    if (list->items.empty() && files) return "none";
    std::string all;
    for (const Value& item : list->items) {
      const Map* file = item.AsMap();
      const std::string one = files && file != nullptr ? Quoted(TextIn(*file, "path"))
                              : file == nullptr        ? Values(item, false)
                                                       : std::string();
      if (one.empty()) return {};
      all += (all.empty() ? "" : " ") + one;
    }
    return all;
  }

  std::string out_;
  wire::Session session_;
  bool masked_ = false;
  std::set<std::string> pushed_;  // routes that the app goes to by itself
  struct Gesture {
    std::int64_t id = 0;
    std::string finder;
    std::string from{};  // of a drag; empty: a slider is moved
    std::string to{};
    std::size_t moves = 0;
  };
  std::optional<Gesture> gesture_;
  std::vector<std::int64_t>
      over_;  // what the pointer is over, the innermost last; and as told last
  std::vector<std::int64_t> told_over_;
  bool pointer_moved_ = false;
  std::int64_t pointed_ns_ = 0;
  std::int64_t at_ns_ = 0;  // of the message
};

}  // namespace

std::string StepsOf(const Recording& recording, const std::string& file) {
  Writer writer(recording::Printable(file));
  writer.Run(recording);
  return writer.Take();
}

}  // namespace fletbridge
