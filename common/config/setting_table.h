// Room: common/config. The one table of known settings. Options of the command line, names in the
// environment, keys in files, checks, help texts and `--explain` are all generated from it. To add
// a setting, add a row in setting_table.cc.
//
// Constant data and free functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

enum class SettingKind { kChoice, kString, kPath, kBool, kBytes, kInteger };

struct SettingSpec {
  std::string_view name;  // `--name`, key `name` or `na_me`, FLETBRIDGE_NAME
  char letter = 0;        // `-x`; 0 for none
  SettingKind kind = SettingKind::kString;
  std::string_view metavar = {};  // what stands for the value in help texts; empty for switches
  std::string_view initial = {};  // the default, as a person would write it; empty for none
  std::string_view group = {};    // heading in help texts
  std::string_view help = {};
  std::vector<std::string_view> allowed = {};  // kChoice: one of these
  std::vector<std::string_view> names = {};    // kChoice: or any of these, with commas between
  std::string_view refusal = {};  // known, but this version cannot serve it: why, and what to do
  std::uint64_t minimum = 0;      // kBytes, kInteger
  std::uint64_t maximum = 0;
  bool in_files = true;     // may stand in a file
  bool counted = false;     // kInteger: on the command line a switch that may be repeated
  bool beside_app = false;  // kPath: relative to the app's folder, not to ours, as in `flet run`
};

// All settings, in the order in which people read them. Lives as long as the program.
[[nodiscard]] std::span<const SettingSpec> AllSettings();

// The setting named `name`, with dashes or underscores; nullptr if there is none.
[[nodiscard]] const SettingSpec* FindSetting(std::string_view name);
[[nodiscard]] std::size_t IndexOf(const SettingSpec& spec);

// "log-level" -> "FLETBRIDGE_LOG_LEVEL".
[[nodiscard]] std::string EnvironmentName(const SettingSpec& spec);

// The one of `known` that `word` was most probably meant to be; empty if none is near.
[[nodiscard]] std::string_view NearestName(std::string_view word,
                                           std::span<const std::string_view> known);
// The same among the settings that this version serves.
[[nodiscard]] std::string_view NearestSetting(std::string_view name);

// Checks `text` and gives it its one form: bools as "true" and "false", bytes and integers in plain
// digits. Paths are left alone. The error says only what is allowed: the caller knows the source.
[[nodiscard]] Result<std::string> ParseSetting(const SettingSpec& spec, std::string_view text);

// What may be written for `spec`, for messages: "one of 1, 2, 3".
[[nodiscard]] std::string AllowedText(const SettingSpec& spec);

// Reads "64MiB", "16M", "1 GiB" or plain digits; K, M and G count 1024s.
[[nodiscard]] Result<std::uint64_t> ParseBytes(std::string_view text);
// 67108864 -> "64 MiB"; what is no whole number of a unit gets one decimal: "1.5 KiB".
[[nodiscard]] std::string FormatBytes(std::uint64_t bytes);

// `text` in quotes and on one line: control characters become escapes, long text is cut.
[[nodiscard]] std::string Quoted(std::string_view text);

}  // namespace fletbridge
