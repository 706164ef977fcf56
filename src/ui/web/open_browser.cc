#include "src/ui/web/open_browser.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include "common/base/log.h"
#include "common/base/own_file.h"
#include "common/process/program.h"

namespace fletbridge::web {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Along PATH, as a shell finds it; empty if there is none.
std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const std::string path = Variable("PATH");
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    std::string program = path.substr(begin, end - begin) + "/" + name;
    if (program.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
    begin = end + 1;
  }
  return {};
}

std::string Program() {
  const std::string named = Variable("BROWSER");
  if (!named.empty()) return FindProgram(named.substr(0, named.find(':')));
  if (Variable("DISPLAY").empty() && Variable("WAYLAND_DISPLAY").empty()) return {};
  return FindProgram("xdg-open");
}

}  // namespace

RuntimeDir OpenBrowser(const std::string& url, bool has_secret) {
  const std::string program = Program();
  if (program.empty()) return {};
  RuntimeDir folder;
  std::string what = url;
  if (has_secret) {
    Result<RuntimeDir> made = RuntimeDir::Create();
    if (!made) return {};
    folder = std::move(*made);
    const std::string file = folder.File("open.html");
    // The address has characters of its own alone (MakeWebUi()).
    if (!WriteOwnFile(file,
                      "<!DOCTYPE html>\n<meta http-equiv=\"refresh\" content=\"0;url=" + url +
                          "\">\n<a href=\"" + url + "\">the app</a>\n",
                      0600))
      return {};
    what = "file://" + file;
  }
  if (const auto error = StartDetached({program, {what}}, kNothing); error)
    Log(LogLevel::kDebug, "cannot open a browser with " + program + ": " + error.message());
  return folder;
}

}  // namespace fletbridge::web
