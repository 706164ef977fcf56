// Room: tools. The app that a command line names: the script for Python, and the folder of its
// settings, its assets and its version.
#pragma once

#include <string>

#include "common/base/error.h"
#include "tools/command_line.h"

namespace fletbridge {

struct AppPlace {
  std::string script;  // a file, or a folder with a __main__.py; empty for a module
  std::string folder;  // absolute; the script's own if that is one
  std::string name;    // the script's file name, or the module's
  std::string path;    // what tells it from other apps: the script's path, or folder:module
};

// `cwd` is absolute.
[[nodiscard]] AppPlace FindApp(const SplitArguments& split, const std::string& cwd);
// Nothing named is the folder's main.py, if there is one, as for `flet run`.
void TakeMainOfFolder(SplitArguments& split, const std::string& cwd);
// Refuses what names no app, or one that is not there.
[[nodiscard]] Result<> CheckApp(const SplitArguments& split, const AppPlace& app,
                                const std::string& cwd);

}  // namespace fletbridge
