#include "src/host/reload/watch_rules.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace fletbridge::reload {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr std::array kToolsFolders = {"__pycache__"sv, "node_modules"sv, "site-packages"sv};
// Compiled code, what editors write beside a file, databases and logs: an app that writes one where
// its sources are would be started again for ever.
constexpr std::array kNoSources = {".pyc"sv,     ".pyo"sv,  ".swp"sv, ".swo"sv,     ".swx"sv,
                                   ".tmp"sv,     ".part"sv, "~"sv,    ".db"sv,      ".sqlite"sv,
                                   ".sqlite3"sv, "-wal"sv,  "-shm"sv, "-journal"sv, ".log"sv,
                                   ".pid"sv,     ".lock"sv};
constexpr std::string_view kProbeOfVim = "4913";

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string Tidy(const fs::path& path) {
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

WatchRules::WatchRules(const std::string& folder, const std::vector<std::string>& ignored,
                       std::vector<std::string> own_files)
    : own_files_(std::move(own_files)) {
  for (const std::string& one : ignored) {
    const std::string tidy = Tidy(one);
    if (tidy.find('/') == std::string::npos && tidy != "." && tidy != "..") {
      names_.push_back(tidy);
    } else {
      paths_.push_back(Tidy(fs::path(folder) / tidy));
    }
  }
}

bool WatchRules::SkipsFolder(std::string_view path) const {
  const std::string_view name = NameOf(path);
  const auto is_name = [&](std::string_view other) { return other == name; };
  return name.starts_with('.') ||
         std::any_of(kToolsFolders.begin(), kToolsFolders.end(), is_name) ||
         std::any_of(names_.begin(), names_.end(), is_name) ||
         std::find(paths_.begin(), paths_.end(), path) != paths_.end();
}

bool WatchRules::Counts(std::string_view path) const {
  const std::string_view name = NameOf(path);
  if (name.empty() || name.starts_with('.') || name.starts_with('#') || name == kProbeOfVim)
    return false;
  for (const std::string_view end : kNoSources) {
    if (name.ends_with(end)) return false;
  }
  return std::none_of(own_files_.begin(), own_files_.end(), [&](const std::string& own) {
    if (!path.starts_with(own)) return false;
    const std::string_view rest = path.substr(own.size());
    return rest.empty() || (rest.front() == '.' && rest.size() > 1 &&
                            rest.find_first_not_of("0123456789", 1) == std::string_view::npos);
  });
}

}  // namespace fletbridge::reload
