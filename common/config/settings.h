// Room: common/config. Merges the settings of all sources and remembers the source of each value.
// Called by tools/ before anything runs. Reads files, but not the process's own environment: the
// caller passes that in, so that tests can choose it.
//
// Precedence, highest first: command line, FLETBRIDGE_* environment, [tool.fletbridge] in the
// app's pyproject.toml, fletbridge.json beside the app, the user's config, the machine's, the
// rollout file, defaults. The rollout's values are added afterwards, since these settings name its
// file.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

using TextPairs = std::vector<std::pair<std::string, std::string>>;

enum class SettingSource {
  kDefault,
  kRollout,
  kMachineConfig,
  kUserConfig,
  kAppJson,
  kPyproject,
  kEnvironment,
  kKillSwitch,
  kCommandLine
};

[[nodiscard]] constexpr bool IsFile(SettingSource source) {
  return source == SettingSource::kMachineConfig || source == SettingSource::kUserConfig ||
         source == SettingSource::kAppJson || source == SettingSource::kPyproject;
}

struct SettingValue {
  std::string text;  // in ParseSetting()'s form; paths made absolute; empty for "not set"
  SettingSource source = SettingSource::kDefault;
  std::string where;  // for people: "--stage", "FLETBRIDGE_STAGE", "/x/pyproject.toml:3", "default"
};

struct SettingsInput {
  TextPairs command_line;  // name of the setting, text as typed; later ones win
  TextPairs environment;   // all of it
  std::string cwd;         // absolute
  // Absolute. Where the app is: its pyproject.toml is searched from here upwards, its
  // fletbridge.json here. Nothing for a run without an app of its own, which reads neither.
  std::optional<std::string> app_folder;
};

class Settings {
 public:
  // `name` is one of the table's.
  [[nodiscard]] const SettingValue& Get(std::string_view name) const;
  [[nodiscard]] const std::string& text(std::string_view name) const { return Get(name).text; }
  [[nodiscard]] bool flag(std::string_view name) const { return text(name) == "true"; }
  [[nodiscard]] std::uint64_t number(std::string_view name) const;
  // Takes the value, which is in ParseSetting()'s form, unless a higher source has given one.
  void Offer(std::string_view name, SettingValue value);
  // One line each, to be shown before the run: what was not understood but does no harm.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  friend class SettingsMerger;
  std::vector<SettingValue> values_;  // as AllSettings()
  std::vector<std::string> warnings_;
};

// The error names the source, the key, the value and what is allowed.
[[nodiscard]] Result<Settings> MergeSettings(const SettingsInput& input);

// Refuses, in one line, what this version cannot serve and what does not go together.
[[nodiscard]] Result<> CheckSettings(const Settings& settings);

// A table for people: each setting, its value, and where it came from.
[[nodiscard]] std::string ExplainSettings(const Settings& settings);

}  // namespace fletbridge
