#include "src/ui/headless/services.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/wire/json.h"

namespace fletbridge::headless {
namespace {

using wire::Map;
using wire::Value;

// Methods that move something on a screen, or the focus, and answer nothing.
constexpr std::array<std::string_view, 34> kSilent = {"announce_message",
                                                      "announce_tooltip",
                                                      "clear_capture",
                                                      "close_drawer",
                                                      "close_end_drawer",
                                                      "close_view",
                                                      "confirm_dismiss",
                                                      "confirm_pop",
                                                      "disable",
                                                      "disable_menu",
                                                      "enable",
                                                      "enable_menu",
                                                      "focus",
                                                      "go_to_page",
                                                      "heavy_impact",
                                                      "jump_to",
                                                      "jump_to_page",
                                                      "light_impact",
                                                      "medium_impact",
                                                      "move_to",
                                                      "next_page",
                                                      "open_view",
                                                      "pan",
                                                      "previous_page",
                                                      "reset",
                                                      "restore_state",
                                                      "save_state",
                                                      "scroll_to",
                                                      "selection_click",
                                                      "set_allowed_device_orientations",
                                                      "show_drawer",
                                                      "show_end_drawer",
                                                      "vibrate",
                                                      "zoom"};

// Bytes that an app may have us keep.
constexpr std::size_t kMostPreferences = std::size_t{16} << 20;

std::string TextArgument(const Map* args, std::string_view name) {
  const Value* value = args == nullptr ? nullptr : args->Find(name);
  const std::string* text = value == nullptr ? nullptr : value->AsText();
  return text == nullptr ? std::string() : *text;
}

MethodAnswer Unknown(const std::string& name) {
  return {{},
          "fletbridge headless does not know the method " + name + "; the steps may say: answer " +
              name + " VALUE"};
}

}  // namespace

MethodAnswer Services::Call(std::string_view type, const std::string& name, const Value& args) {
  const Map* map = args.AsMap();
  if (type == "Page") {
    if (std::optional<MethodAnswer> answer = OfOldPage(name, map)) return std::move(*answer);
  }
  if (type == "SharedPreferences") return Preferences(name, map);
  if (type == "Clipboard") return Clipboard(name, map);
  if (type == "UrlLauncher" && (name == "can_launch_url" || name == "launch_url")) {
    return {true, {}};
  }
  if (name == "get_device_info") {
    // The names that a Linux system has which does not say more about itself.
    return {Value::MapOf({{"name", "Linux"},
                          {"id", "linux"},
                          {"pretty_name", "Linux"},
                          {"locales", Value::ListOf({Value::MapOf({{"language_code", "en"},
                                                                   {"country_code", "US"},
                                                                   {"script_code", {}}})})}}),
            {}};
  }
  if (std::find(kSilent.begin(), kSilent.end(), name) != kSilent.end()) return {};
  return Unknown(name);
}

// Before Flet 0.70 these are calls of the page itself. What its client storage holds is text, and
// comes back as JSON.
std::optional<MethodAnswer> Services::OfOldPage(std::string_view name, const Map* args) {
  constexpr std::string_view kStorage = "clientStorage:";
  if (name == "setClipboard") return Clipboard("set", args);
  if (name == "getClipboard") return Clipboard("get", args);
  if (name == "canLaunchUrl" || name == "launchUrl") return MethodAnswer{true, {}};
  if (name == "closeInAppWebView" || name == "enableBrowserContextMenu" ||
      name == "disableBrowserContextMenu" || name.starts_with("window"))
    return MethodAnswer{};
  if (!name.starts_with(kStorage)) return std::nullopt;
  name.remove_prefix(kStorage.size());
  if (name == "containskey") return Preferences("contains_key", args);
  if (name == "getkeys") return Preferences("get_keys", args);
  MethodAnswer answer = Preferences(std::string(name), args);
  if (name == "get" && !answer.result.is_nil()) answer.result = Value(wire::ToJson(answer.result));
  return answer;
}

MethodAnswer Services::Preferences(const std::string& name, const Map* args) {
  const std::string key = TextArgument(args, "key");
  if (name == "get") {
    const auto found = preferences_.find(key);
    return {found == preferences_.end() ? Value() : found->second, {}};
  }
  if (name == "set") {
    const Value* value = args == nullptr ? nullptr : args->Find("value");
    const auto bytes_of = [](const std::string& stored, const Value& kept) {
      return stored.size() + wire::Encode(kept).size();
    };
    Value fresh = value == nullptr ? Value() : *value;
    const auto old = preferences_.find(key);
    const std::size_t freed = old == preferences_.end() ? 0 : bytes_of(key, old->second);
    const std::size_t bytes = preference_bytes_ - freed + bytes_of(key, fresh);
    if (bytes > kMostPreferences) return {{}, "fletbridge headless keeps no more preferences"};
    preference_bytes_ = bytes;
    preferences_[key] = std::move(fresh);
    return {true, {}};
  }
  if (name == "contains_key") return {preferences_.contains(key), {}};
  if (name == "remove") {
    const auto old = preferences_.find(key);
    if (old == preferences_.end()) return {false, {}};
    preference_bytes_ -= key.size() + wire::Encode(old->second).size();
    preferences_.erase(old);
    return {true, {}};
  }
  if (name == "clear") {
    preferences_.clear();
    preference_bytes_ = 0;
    return {true, {}};
  }
  if (name == "get_keys") {
    const std::string prefix = TextArgument(args, "key_prefix");
    auto keys = std::make_shared<wire::List>();
    for (const auto& [stored, value] : preferences_) {
      if (stored.starts_with(prefix)) keys->items.emplace_back(stored);
    }
    return {Value(std::move(keys)), {}};
  }
  return Unknown(name);
}

MethodAnswer Services::Clipboard(const std::string& name, const Map* args) {
  if (name == "set") {
    clipboard_ = TextArgument(args, "data");
    return {};
  }
  if (name == "get") return {clipboard_ ? Value(*clipboard_) : Value(), {}};
  return Unknown(name);
}

}  // namespace fletbridge::headless
