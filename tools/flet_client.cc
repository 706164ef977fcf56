// Room: tools. `flet PAGE_URL PID_FILE [ASSETS_DIR]`: what Flet's Python package starts as its
// desktop client. Nobody types it, so settings come from the environment and the user's config
// alone.
#include "common/config/settings.h"
#include "common/config/version.h"
#include "tools/request.h"
#include "tools/toolbox.h"

namespace fletbridge {
namespace {

constexpr std::string_view kUsage =
    "Usage: flet PAGE_URL PID_FILE [ASSETS_DIR]\n\n"
    "The client that Flet's Python package starts: let FLET_VIEW_PATH name the folder of\n"
    "this program, then run the app as always.\n\n"
    "  FLET_VIEW_PATH=build/release/bin FLETBRIDGE_STEPS=steps.txt python app.py\n\n"
    "It is set up by the environment (FLETBRIDGE_UI, FLETBRIDGE_STEPS, FLETBRIDGE_REPORT,\n"
    "FLETBRIDGE_LOG_LEVEL, …) and by the user's config file; see `fletbridge run --help`.\n";

}  // namespace

int FletMain(const Toolbox& tools, const std::vector<std::string>& args) {
  const std::string first = args.empty() ? std::string() : args.front();
  if (first == "--help" || first == "-h") {
    tools.out << kUsage;
    return 0;
  }
  if (first == "--version") {
    tools.out << "flet (fletbridge " << Version() << ")\n";
    return 0;
  }
  if (args.size() < 2 || args.size() > 3) {
    PrintMessage(tools,
                 "this flet is a client that Python starts: flet PAGE_URL PID_FILE [ASSETS_DIR]; "
                 "to run an app use fletbridge run");
    return kExitUsage;
  }
  const Result<Settings> settings = MergeSettings(
      {.command_line = {}, .environment = tools.environment, .cwd = tools.cwd, .app_folder = {}});
  if (!settings) return PrintError(tools, settings.error());
  for (const std::string& warning : settings->warnings())
    PrintMessage(tools, "warning: " + warning);
  if (const Result<> good = CheckSettings(*settings); !good) return PrintError(tools, good.error());
  RunRequest request = RequestFrom(tools, *settings);
  if (args.size() > 2) request.assets = args[2];
  return tools.parts.run_as_client(request, args[0], args[1]);
}

}  // namespace fletbridge
