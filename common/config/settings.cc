#include "common/config/settings.h"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <sstream>
#include <sys/stat.h>

#include "common/config/config_file.h"
#include "common/config/setting_table.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "FLETBRIDGE_";
constexpr std::size_t kMaxSocketPath = 107;  // Linux's sun_path, without the NUL

std::string Find(const TextPairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return {};
}

std::string Absolute(const std::string& path, const std::string& base) {
  std::string absolute = (fs::path(base) / path).lexically_normal().string();
  if (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

bool FileExists(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::string UserConfigPath(const TextPairs& environment) {
  const std::string xdg = Find(environment, "XDG_CONFIG_HOME");
  if (xdg.starts_with('/'))
    return xdg + "/fletbridge/config.toml";  // relative ones are invalid (XDG)
  const std::string home = Find(environment, "HOME");
  return home.empty() ? std::string() : home + "/.config/fletbridge/config.toml";
}

// Of all users; the most important last. Folders that are named relatively are invalid (XDG).
std::vector<std::string> MachineConfigPaths(const TextPairs& environment) {
  const std::string named = Find(environment, "XDG_CONFIG_DIRS");
  std::istringstream folders(named.empty() ? "/etc/xdg" : named);
  std::vector<std::string> paths;
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (folder.starts_with('/')) paths.insert(paths.begin(), folder + "/fletbridge/config.toml");
  }
  return paths;
}

// They name programs that every user's run starts, so who may write them must be root alone.
Result<> CheckMachineConfig(const std::string& path) {
  for (const std::string& one : {fs::path(path).parent_path().string(), path}) {
    struct stat info {};
    if (::stat(one.c_str(), &info) != 0) continue;  // gone meanwhile; reading it says so
    if (info.st_uid == 0 && (info.st_mode & 022) == 0) continue;
    return MakeError(Errc::kUsage, path + " is for all users and not read: " + one +
                                       (info.st_uid == 0 ? " can be written by others than root"
                                                         : " does not belong to root") +
                                       "; run chown root and chmod go-w on it, or remove it");
  }
  return {};
}

std::string DidYouMean(std::string_view nearest) {
  return nearest.empty() ? std::string() : "; did you mean " + std::string(nearest) + "?";
}

bool TypeFits(SettingKind kind, EntryType type) {
  switch (type) {
    case EntryType::kString:
      return true;
    case EntryType::kInteger:
      return kind == SettingKind::kChoice || kind == SettingKind::kBytes ||
             kind == SettingKind::kInteger;
    case EntryType::kBool:
      return kind == SettingKind::kBool;
    case EntryType::kOther:
      return false;
  }
  return false;
}

}  // namespace

class SettingsMerger {
 public:
  explicit SettingsMerger(const SettingsInput& input) : input_(input) {
    for (const SettingSpec& spec : AllSettings()) {
      const Result<std::string> initial = spec.initial.empty() ? Result<std::string>(std::string())
                                                               : ParseSetting(spec, spec.initial);
      assert(initial);
      settings_.values_.push_back({*initial, SettingSource::kDefault, "default"});
    }
  }

  // Lowest first, so that each source overwrites what it knows better. All are checked in full:
  // a wrong value must not lie hidden until the day nothing overrides it.
  Result<Settings> Run() {
    for (const std::string& path : MachineConfigPaths(input_.environment)) {
      if (!FileExists(path)) continue;
      if (auto good = CheckMachineConfig(path); !good) return good.error();
      const auto entries = ReadTomlSettings(path);
      if (auto done = ReadFile(path, entries, SettingSource::kMachineConfig); !done)
        return done.error();
    }
    if (auto done = ReadUserConfig(); !done) return done.error();
    if (input_.app_folder) {
      const std::string json = *input_.app_folder + "/fletbridge.json";
      if (FileExists(json)) {
        if (auto done = ReadFile(json, ReadJsonSettings(json), SettingSource::kAppJson); !done) {
          return done.error();
        }
      }
      const std::string pyproject = NearestPyproject(*input_.app_folder);
      if (!pyproject.empty()) {
        const auto entries = ReadPyproject(pyproject);
        if (auto done = ReadFile(pyproject, entries, SettingSource::kPyproject); !done) {
          return done.error();
        }
      }
    }
    if (auto done = ReadEnvironment(); !done) return done.error();
    for (const auto& [name, text] : input_.command_line) {
      const SettingSpec* spec = FindSetting(name);
      assert(spec != nullptr);
      if (auto done = Set(*spec, text, SettingSource::kCommandLine, "--" + name, input_.cwd);
          !done) {
        return done.error();
      }
    }
    return std::move(settings_);
  }

 private:
  Result<> Set(const SettingSpec& spec, const std::string& text, SettingSource source,
               const std::string& where, const std::string& base) {
    Result<std::string> value = ParseSetting(spec, text);
    if (!value) {
      // For a file `where` is the place only; for the others it is the key itself.
      const std::string key = IsFile(source) ? ": " + std::string(spec.name) : "";
      return MakeError(Errc::kUsage, where + key + ": " + Quoted(text) + " is not allowed; " +
                                         value.error().context);
    }
    const bool typed =
        source == SettingSource::kCommandLine || source == SettingSource::kEnvironment;
    const bool beside_app = typed && spec.beside_app && input_.app_folder;
    settings_.values_[IndexOf(spec)] = {
        ResolvePath(spec, *value, beside_app ? *input_.app_folder : base), source, where};
    return {};
  }

  // The app may change the working folder before a path is used, so paths become absolute here.
  std::string ResolvePath(const SettingSpec& spec, const std::string& value,
                          const std::string& base) const {
    if (spec.kind == SettingKind::kPath) {
      const std::string home = Find(input_.environment, "HOME");
      if (value.starts_with("~/") && !home.empty()) return Absolute(value.substr(2), home);
      if (spec.name == "rollout" && value.find("://") != std::string::npos) return value;
      const bool command = spec.name == "python" && value.find('/') == std::string::npos;
      std::error_code error;
      if (command && !fs::exists(Absolute(value, base), error)) return value;  // searched on PATH
      return Absolute(value, base);
    }
    constexpr std::string_view kUnix = "attach=unix:";
    if (spec.name == "ui" && value.starts_with(kUnix)) {
      const std::string path = Absolute(value.substr(kUnix.size()), base);
      // A relative path may be the only one that is short enough for a socket.
      if (path.size() <= kMaxSocketPath) return std::string(kUnix) + path;
    }
    return value;
  }

  Result<> ReadFile(const std::string& path, const Result<std::vector<FileEntry>>& entries,
                    SettingSource source) {
    if (!entries) return entries.error();
    std::vector<const SettingSpec*> seen;
    for (const FileEntry& entry : *entries) {
      const std::string where = entry.line > 0 ? path + ":" + std::to_string(entry.line) : path;
      const SettingSpec* spec = FindSetting(entry.key);
      if (spec == nullptr) {
        return MakeError(Errc::kUsage, where + ": unknown setting " + Quoted(entry.key) +
                                           DidYouMean(NearestSetting(entry.key)));
      }
      if (!spec->in_files) {
        return MakeError(
            Errc::kUsage,
            where + ": " + entry.key + " cannot stand in a file; use --" + std::string(spec->name));
      }
      if (std::find(seen.begin(), seen.end(), spec) != seen.end()) {
        return MakeError(Errc::kUsage, where + ": " + entry.key + " stands there twice; keep one");
      }
      seen.push_back(spec);
      if (!TypeFits(spec->kind, entry.type)) {
        const std::string shown = entry.text.empty() ? "this kind of value" : entry.text;
        return MakeError(Errc::kUsage, where + ": " + entry.key + ": " + shown +
                                           " is not allowed; use " + AllowedText(*spec));
      }
      if (auto done = Set(*spec, entry.text, source, where, fs::path(path).parent_path()); !done) {
        return done.error();
      }
    }
    return {};
  }

  Result<> ReadUserConfig() {
    std::string named = Find(input_.command_line, "config");
    if (named.empty()) named = Find(input_.environment, "FLETBRIDGE_CONFIG");
    std::string path = UserConfigPath(input_.environment);
    if (!named.empty()) {
      path = ResolvePath(*FindSetting("config"), named, input_.cwd);
    } else if (path.empty() || !FileExists(path)) {
      return {};
    }
    if (path.ends_with(".json"))
      return ReadFile(path, ReadJsonSettings(path), SettingSource::kUserConfig);
    if (path.ends_with(".toml"))
      return ReadFile(path, ReadTomlSettings(path), SettingSource::kUserConfig);
    return MakeError(Errc::kUsage,
                     "cannot tell the format of " + path + "; name it .toml or .json");
  }

  Result<> ReadEnvironment() {
    for (const auto& [name, text] : input_.environment) {
      if (!name.starts_with(kPrefix) || text.empty()) continue;  // empty counts as not set
      const SettingSpec* found = nullptr;
      for (const SettingSpec& spec : AllSettings()) {
        if (EnvironmentName(spec) == name) found = &spec;
      }
      if (found == nullptr) {
        // Not refused: another version of fletbridge, or another tool, may have put it there.
        const std::string_view nearest = NearestSetting(name.substr(kPrefix.size()));
        settings_.warnings_.push_back(
            "the environment's " + name + " is no setting of this version and is ignored" +
            DidYouMean(nearest.empty() ? std::string() : EnvironmentName(*FindSetting(nearest))));
        continue;
      }
      if (auto done = Set(*found, text, SettingSource::kEnvironment, name, input_.cwd); !done) {
        return done.error();
      }
    }
    return {};
  }

  const SettingsInput& input_;
  Settings settings_;
};

const SettingValue& Settings::Get(std::string_view name) const {
  const SettingSpec* spec = FindSetting(name);
  assert(spec != nullptr);
  return values_[IndexOf(*spec)];
}

void Settings::Offer(std::string_view name, SettingValue value) {
  const SettingSpec* spec = FindSetting(name);
  assert(spec != nullptr);
  SettingValue& now = values_[IndexOf(*spec)];
  if (value.source > now.source) now = std::move(value);
}

std::uint64_t Settings::number(std::string_view name) const {
  const std::string& digits = text(name);
  return digits.empty() ? 0 : std::stoull(digits);  // checked by ParseSetting()
}

Result<Settings> MergeSettings(const SettingsInput& input) { return SettingsMerger(input).Run(); }

}  // namespace fletbridge
