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

int HelpCommand(const Toolbox& tools, const std::vector<std::string>& args);
int VersionCommand(const Toolbox& tools, const std::vector<std::string>& args);

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
    Subcommand{"broker", "Stand between an app in Flet's web-server mode and its UI",
               BrokerCommand},
    Subcommand{"client", "Show, get, add and verify Flet's desktop clients", ClientCommand},
    Subcommand{"completion", "Print what lets bash, zsh or fish complete the command line",
               CompletionCommand},
    Subcommand{"help", "Show the help of a command", HelpCommand},
    Subcommand{"version", "Show the version", VersionCommand},
};

std::string Help() {
  std::string text =
      "Runs an unmodified Flet app in two processes or in one, over sockets or direct calls.\n"
      "Usage: fletbridge COMMAND [options]\n\nCommands:\n";
  for (const Subcommand& command : kSubcommands) {
    text += "  " + std::string(command.name) + std::string(12 - command.name.size(), ' ') +
            std::string(command.help) + "\n";
  }
  return text +
         "\nOptions:\n"
         "  -h, --help     Show this text; fletbridge help COMMAND shows a command's\n"
         "  --version      Show the version\n"
         "\nExamples:\n"
         "  fletbridge run app.py                         the highest stage that works here\n"
         "  fletbridge run --stage 3 --ui headless app.py\n"
         "  fletbridge compare app.py                     what another stage would give it\n"
         "  fletbridge doctor                             what works on this machine\n";
}

int VersionCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Shows the version of fletbridge.", "version");
  command.formatter(HelpShape("fletbridge version"));
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  tools.out << "fletbridge " << Version() << "\n";
  return 0;
}

// `help COMMAND…` is `COMMAND… --help`.
int HelpCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Shows the help of a command, as --help behind it does.", "help");
  command.formatter(HelpShape("fletbridge help [COMMAND…]"));
  std::vector<std::string> words;
  std::vector<std::string> names;
  for (const Subcommand& known : kSubcommands) names.emplace_back(known.name);
  // Shown by completion; a word that is none of them gets the same answer as a command that is
  // none.
  command.add_option("COMMAND", words)->type_name("TEXT:{" + CLI::detail::join(names) + "}");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  if (words.empty()) {
    tools.out << Help();
    return 0;
  }
  for (const Subcommand& known : kSubcommands) {
    if (known.name != words.front()) continue;
    words.emplace_back("--help");
    return known.run(tools, {words.begin() + 1, words.end()});
  }
  return PrintError(tools, MakeError(Errc::kUsage, UnknownCommand(words.front())));
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

std::span<const Subcommand> AllSubcommands() { return kSubcommands; }

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
