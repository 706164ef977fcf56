#include "tools/app_place.h"

#include <algorithm>
#include <filesystem>

#include "common/config/config_file.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

// A folder means its main.py, or that of the folder its pyproject.toml names for Flet, as in `flet
// run`; else the folder itself, where python finds a __main__.py in it. Unchanged if it is none.
std::string ScriptIn(const std::string& given, const std::string& cwd) {
  std::error_code error;
  const fs::path absolute = fs::path(cwd) / given;
  if (!fs::is_directory(absolute, error)) return given;
  fs::path folder = given;
  if (const std::string inner = ReadFletAppPath(absolute / "pyproject.toml"); !inner.empty())
    folder /= inner;
  const bool runs_itself = fs::exists(fs::path(cwd) / folder / "__main__.py", error) &&
                           !fs::exists(fs::path(cwd) / folder / "main.py", error);
  if (!runs_itself) return (folder / "main.py").string();
  std::string name = folder.lexically_normal().string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name;
}

// Flet's own rule for where a module's folder is; one that is installed elsewhere has none of ours.
std::string ModuleFolder(const std::string& module, const std::string& cwd) {
  std::string path = module;
  std::replace(path.begin(), path.end(), '.', '/');
  const fs::path place = fs::path(cwd) / path;
  std::error_code error;
  if (fs::is_directory(place, error)) return place.string();
  return fs::is_directory(place.parent_path(), error) ? place.parent_path().string() : cwd;
}

}  // namespace

AppPlace FindApp(const SplitArguments& split, const std::string& cwd) {
  AppPlace app;
  if (split.script.empty()) {
    app.folder = split.module.empty() ? cwd : ModuleFolder(split.module, cwd);
    app.name = split.module;
    app.path = app.folder + ":" + split.module;
    return app;
  }
  app.script = ScriptIn(split.script, cwd);
  fs::path path = (fs::path(cwd) / app.script).lexically_normal();
  if (!path.has_filename() && path.has_parent_path()) path = path.parent_path();  // of "."
  std::error_code error;
  app.folder = (fs::is_directory(path, error) ? path : path.parent_path()).string();
  app.name = path.filename().string();
  app.path = path.string();
  return app;
}

void TakeMainOfFolder(SplitArguments& split, const std::string& cwd) {
  if (!split.script.empty() || !split.module.empty()) return;
  const std::string script = fs::path(ScriptIn(".", cwd)).lexically_normal().string();
  std::error_code error;
  if (script.ends_with("main.py") && fs::is_regular_file(fs::path(cwd) / script, error))
    split.script = script;
}

Result<> CheckApp(const SplitArguments& split, const AppPlace& app, const std::string& cwd) {
  if (split.script.empty() && split.module.empty()) {
    return MakeError(
        Errc::kUsage,
        "no app to run, and no main.py in this folder; write fletbridge run SCRIPT, or -m MODULE, "
        "or see fletbridge run --help");
  }
  std::error_code error;
  if (!split.module.empty() || fs::exists(fs::path(cwd) / app.script, error)) return {};
  const std::string why = error ? error.message() : "there is no such file";
  if (app.script == split.script)
    return MakeError(Errc::kUsage, "cannot open " + app.script + ": " + why + "; check the path");
  return MakeError(Errc::kUsage,
                   "cannot open " + app.script + ": " + why +
                       ", and no __main__.py; name the app's script instead of its folder");
}

}  // namespace fletbridge
