#include "tools/compare_baseline.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "src/rollout/state_folder.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kMostNames = 100;

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), IsLetter);
}

// Two apps of the same file name have folders of their own.
std::string FolderOf(const std::string& app) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : app) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  std::string name = fs::path(app).filename().string().substr(0, kLongestName);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !IsLetter(c); }, '_');
  return name + "-" + text;
}

}  // namespace

NamedBaselines::NamedBaselines(const std::string& state, const std::string& app)
    : folder_(state.empty() ? "" : state + "/compare/" + FolderOf(app)) {}

Result<std::string> NamedBaselines::FileOf(const std::string& name) const {
  if (!IsName(name)) {
    return MakeError(Errc::kUsage, "'" + name +
                                       "' is no name for a baseline; use at most 64 letters, "
                                       "digits, dots, _ and -, the first a letter or a digit");
  }
  if (folder_.empty()) {
    return MakeError(Errc::kUsage,
                     "there is no folder for baselines, since neither XDG_STATE_HOME nor HOME is "
                     "set; set one, or use --json FILE");
  }
  return folder_ + "/" + name + ".json";
}

std::vector<std::string> NamedBaselines::Names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    const fs::path file = at->path();
    if (file.extension() == ".json" && IsName(file.stem().string()))
      names.push_back(file.stem().string());
    if (names.size() >= kMostNames) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> NamedBaselines::Find(const std::string& path_or_name) const {
  std::error_code error;
  if (fs::exists(path_or_name, error) || !IsName(path_or_name)) return path_or_name;
  Result<std::string> file = FileOf(path_or_name);
  if (!file) return file;
  if (fs::exists(*file, error)) return file;
  std::string all;
  for (const std::string& name : Names()) all += (all.empty() ? "" : ", ") + name;
  return MakeError(
      Errc::kUsage,
      "cannot compare with " + path_or_name +
          ": there is no such file, and no baseline of that name was saved of this app" +
          (all.empty() ? std::string() : " (there are " + all + ")") + "; save one with --save " +
          path_or_name);
}

Result<> NamedBaselines::Save(const std::string& name, const std::string& json) const {
  const Result<std::string> file = FileOf(name);
  if (!file) return file.error();
  if (Result<> made = MakeFolder(folder_); !made) return made;
  return ReplaceFile(*file, json, false);
}

}  // namespace fletbridge
