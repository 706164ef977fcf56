// Room: tools. The `fletbridge` command as a whole: which subcommand, its help and its version.
#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/cause.h"
#include "common/config/setting_table.h"
#include "common/config/version.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

struct Subcommand {
  std::string_view name;
  std::string_view help;
  int (*run)(const Toolbox&, const std::vector<std::string>&);
};

constexpr std::array kSubcommands = {
    Subcommand{"run", "Run a Flet app on the stage of your choice", RunCommand},
    Subcommand{"compare", "Measure an app on several stages against one another", CompareCommand},
    Subcommand{"record", "Run an app and record its session to a file", RecordCommand},
    Subcommand{"replay", "Give a recorded session's input to the app again, on any stage",
               ReplayCommand},
    Subcommand{"diff", "Compare two recordings by what they say", DiffCommand},
    Subcommand{"inspect", "Show what a recording holds", InspectCommand},
    Subcommand{"doctor", "Say what works on this machine, and how to get what does not",
               DoctorCommand},
    Subcommand{"rollout", "Say which stage this installation gets, and why", RolloutCommand},
    Subcommand{"check", "Say what would change for an app on another stage", CheckCommand},
    Subcommand{"client", "Show, add and verify Flet's desktop clients", ClientCommand},
};

std::string Help() {
  std::string text =
      "Runs an unmodified Flet app in two processes or in one, over sockets or direct calls.\n"
      "Usage: fletbridge COMMAND [options]\n\nCommands:\n";
  for (const Subcommand& command : kSubcommands) {
    text += "  " + std::string(command.name) + std::string(10 - command.name.size(), ' ') +
            std::string(command.help) + "\n";
  }
  return text +
         "\nOptions:\n"
         "  -h, --help     Show this text; fletbridge COMMAND --help shows a command's\n"
         "  --version      Show the version\n"
         "\nExamples:\n"
         "  fletbridge run app.py                         the highest stage that works here\n"
         "  fletbridge run --stage 3 --ui headless app.py\n"
         "  fletbridge compare app.py                     what another stage would give it\n"
         "  fletbridge doctor                             what works on this machine\n";
}

std::string UnknownCommand(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Subcommand& command : kSubcommands) names.push_back(command.name);
  const std::string_view nearest = NearestName(name, names);
  std::string text = name.starts_with('-') ? "unknown option " : "unknown command ";
  text += std::string(name);
  if (!nearest.empty()) return text + "; did you mean fletbridge " + std::string(nearest) + "?";
  if (name.ends_with(".py")) return text + "; to run an app: fletbridge run " + std::string(name);
  return text + "; see fletbridge --help";
}

// An answer that nobody gets, such as one on a full disk, is no success.
bool AllWritten(const Toolbox& tools) {
  errno = 0;
  if (tools.out.flush()) return true;
  PrintMessage(tools, "the output cannot be written" +
                          (errno == 0 ? "; send it to another file"
                                      : ": " + CauseAndRemedy(errno, "send it to another file")));
  return false;
}

}  // namespace

int FletbridgeMain(const Toolbox& tools, const std::vector<std::string>& args) {
  if (args.empty()) {
    tools.err << Help();
    return kExitUsage;
  }
  const std::string& name = args.front();
  if (name == "--help" || name == "-h") {
    tools.out << Help();
    return AllWritten(tools) ? 0 : kExitFailure;
  }
  if (name == "--version") {
    tools.out << "fletbridge " << Version() << "\n";
    return AllWritten(tools) ? 0 : kExitFailure;
  }
  for (const Subcommand& command : kSubcommands) {
    if (command.name != name) continue;
    const int code = command.run(tools, {args.begin() + 1, args.end()});
    return AllWritten(tools) ? code : kExitFailure;
  }
  return PrintError(tools, MakeError(Errc::kUsage, UnknownCommand(name)));
}

}  // namespace fletbridge
