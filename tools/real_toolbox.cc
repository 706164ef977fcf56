#include <clocale>
#include <filesystem>
#include <iostream>
#include <langinfo.h>
#include <string_view>
#include <unistd.h>

#include "common/process/runtime_dir.h"
#include "tools/feature_list.h"
#include "tools/toolbox.h"

namespace fletbridge {
namespace {

TextPairs ReadEnvironment() {
  TextPairs pairs;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

bool IsUtf8Terminal() {
  // A locale object of our own: the app's interpreter must find the process's locale untouched.
  const locale_t locale = ::newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return false;
  const bool utf8 = std::string_view(::nl_langinfo_l(CODESET, locale)) == "UTF-8";
  ::freelocale(locale);
  return utf8 && ::isatty(STDOUT_FILENO) == 1;
}

Result<std::string> TryRuntimeDir() {
  const Result<RuntimeDir> dir = RuntimeDir::Create();
  if (!dir) return dir.error();
  return dir->path();
}

}  // namespace

Toolbox RealToolbox() {
  std::error_code error;
  return Toolbox{
      .parts = {
          .run = [](const RunRequest& request) { return Run(request, AllFeatures()); },
          .plan_start = [](const RunRequest& request) { return PlanStart(request, AllFeatures()); },
          .run_as_client =
              [](const RunRequest& request, const std::string& page_url,
                 const std::string& pid_file) {
                return RunAsClient(request, page_url, pid_file, AllFeatures());
              },
          .find_interpreter = FindInterpreter,
          .probe_interpreter = ProbeInterpreter,
          .hosting_obstacle = HostingObstacle,
          .wire_generation = WireGeneration,
          .ask_for_accelerators = AskForAccelerators,
          .become_checker = BecomeChecker,
          .try_runtime_dir = TryRuntimeDir,
          .look_for_window =
              [](const std::string& flet_client, const std::string& flet_package, int generation) {
                return LookForWindow(*AllFeatures().clients, flet_client, flet_package, generation);
              }},
      .environment = ReadEnvironment(),
      .cwd = std::filesystem::current_path(error).string(),  // empty: it was deleted
      .fetcher = PartsFolder() + "/fletbridge-fetch",
      .utf8_terminal = IsUtf8Terminal(),
      .out = std::cout,
      .err = std::cerr,
  };
}

}  // namespace fletbridge
