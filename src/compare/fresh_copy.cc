#include "src/compare/fresh_copy.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string_view>

namespace fletbridge::compare {
namespace {

namespace fs = std::filesystem;

// Not the app's own, and large.
constexpr std::string_view kNotCopied[] = {".git", "__pycache__", ".venv", "venv", "node_modules"};

bool IsCopied(const fs::path& path) {
  return std::find(std::begin(kNotCopied), std::end(kNotCopied), path.filename().string()) ==
         std::end(kNotCopied);
}

std::string Variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace

FreshCopy::FreshCopy(std::string root, std::string folder)
    : root_(std::move(root)), folder_(std::move(folder)) {}

FreshCopy::~FreshCopy() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::unique_ptr<FreshCopy> FreshCopy::Make(const std::string& root, const std::string& folder) {
  std::error_code error;
  const fs::path from = fs::canonical(root, error);
  if (error) return nullptr;
  std::unique_ptr<FreshCopy> copy(new FreshCopy(from.string(), folder));
  const fs::path to = fs::path(folder) / "app";
  fs::create_directories(to, error);
  if (!error) fs::create_directories(fs::path(folder) / "home", error);
  std::size_t files = 0;
  std::uintmax_t bytes = 0;
  for (fs::recursive_directory_iterator at(from, error), end; !error && at != end;
       at.increment(error)) {
    const fs::path target = to / at->path().lexically_relative(from);
    if (!IsCopied(at->path())) {
      if (at->is_directory(error) && !at->is_symlink(error)) at.disable_recursion_pending();
      continue;
    }
    if (at->is_symlink(error)) {
      fs::copy_symlink(at->path(), target, error);
    } else if (at->is_directory(error)) {
      fs::create_directory(target, error);
    } else if (at->is_regular_file(error)) {
      bytes += at->file_size(error);
      if (!error && bytes <= kMostBytes) fs::copy_file(at->path(), target, error);
    }
    if (error || ++files > kMostFiles || bytes > kMostBytes) return nullptr;
  }
  if (error) return nullptr;
  copy->before_ = copy->Look();
  return copy;
}

std::string FreshCopy::Placed(const std::string& path) const {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  const fs::path rest = whole.lexically_relative(root_);
  if (error || rest.empty() || *rest.begin() == "..") return path;
  return (fs::path(folder_) / "app" / rest).lexically_normal().string();
}

std::vector<std::pair<std::string, std::string>> FreshCopy::Environment() const {
  const std::string home = Variable("HOME", "/");
  std::vector<std::pair<std::string, std::string>> all = {
      {"XDG_CACHE_HOME", Variable("XDG_CACHE_HOME", home + "/.cache")},
      {"PYTHONUSERBASE", Variable("PYTHONUSERBASE", home + "/.local")},
      {"HOME", folder_ + "/home"}};
  for (const char* kind : {"CONFIG", "DATA", "STATE"})
    all.emplace_back("XDG_" + std::string(kind) + "_HOME", folder_ + "/home/" + kind);
  return all;
}

bool FreshCopy::Written() const { return Look() != before_; }

FreshCopy::State FreshCopy::Look() const {
  State state;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    if (!IsCopied(at->path())) {
      at.disable_recursion_pending();
      continue;
    }
    std::error_code gone;  // meanwhile
    if (!at->is_regular_file(gone)) continue;
    state[at->path().string()] = {at->file_size(gone),
                                  at->last_write_time(gone).time_since_epoch().count()};
    if (state.size() > 2 * kMostFiles) break;
  }
  return state;
}

}  // namespace fletbridge::compare
