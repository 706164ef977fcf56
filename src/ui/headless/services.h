// Room: src/ui/headless. The methods that an app may call on its client: what a real client does
// for them, where that has a meaning without a screen. Loop thread only.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/wire/value.h"

namespace fletbridge::headless {

struct MethodAnswer {
  wire::Value result;
  std::optional<std::string> error;  // raised in the app as a RuntimeError
};

class Services {
 public:
  // `type` is the control's type. Page.push_route and the Window's methods are not here.
  [[nodiscard]] MethodAnswer Call(std::string_view type, const std::string& name,
                                  const wire::Value& args);

  [[nodiscard]] std::optional<std::string>& clipboard() noexcept { return clipboard_; }

 private:
  std::optional<MethodAnswer> OfOldPage(std::string_view name, const wire::Map* args);
  MethodAnswer Preferences(const std::string& name, const wire::Map* args);
  MethodAnswer Clipboard(const std::string& name, const wire::Map* args);

  std::map<std::string, wire::Value> preferences_;  // for this session only
  std::size_t preference_bytes_ = 0;                // of their keys and values
  std::optional<std::string> clipboard_;            // not the desktop's
};

}  // namespace fletbridge::headless
