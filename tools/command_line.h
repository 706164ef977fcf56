// Room: tools. The shared part of the subcommands' command lines. CLI11 parses and makes the help
// texts; this adds our format for both, and keeps messages to one line.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/config/settings.h"
#include "src/clients/client_search.h"
#include "tools/toolbox.h"

namespace fletbridge {

// Help with our usage line and with wrapped texts. `usage` follows "Usage: ".
[[nodiscard]] std::shared_ptr<CLI::Formatter> HelpShape(std::string usage);

// Adds a word of the usage line that must be there, such as FILE: messages call it so.
void AddWord(CLI::App& command, const std::string& name, std::string& into);

// Adds an option for each of `names`, or for every setting if there are none. What was typed is put
// into `typed`, which must outlive `command`.
void AddSettings(CLI::App& command, TextPairs& typed,
                 const std::vector<std::string_view>& names = {});

// The command line of an app: our own options come first, or right behind the app; what follows
// from the first other word on, or behind `--`, is the app's.
struct SplitArguments {
  std::vector<std::string> ours;
  std::string script;  // or
  std::string module;
  std::vector<std::string> app;
  std::string near_miss;  // what looks like an option of ours among the app's words, for a warning
};
[[nodiscard]] Result<SplitArguments> SplitAtApp(const CLI::App& command,
                                                const std::vector<std::string>& args);

// A command that has commands of its own, such as `fletbridge client`: shows `usage`, or calls the
// one that is named.
struct Subcommand {
  std::string_view name;
  std::string_view help;
  int (*run)(const Toolbox&, const std::vector<std::string>&);
};
[[nodiscard]] int RunSubcommand(const Toolbox& tools, const std::vector<std::string>& args,
                                std::string_view name, std::string_view usage,
                                std::span<const Subcommand> commands);
[[nodiscard]] std::span<const Subcommand> AllSubcommands();  // of `fletbridge` itself
[[nodiscard]] std::string UnknownCommand(std::string_view name);

// Gets what a command's line may have instead of having its help printed: the command is called
// with --help and a toolbox that names this.
class HelpReader {
 public:
  virtual void OnCommand(const CLI::App& command) = 0;
  virtual void OnSubcommands(std::span<const Subcommand> commands) = 0;

 protected:
  ~HelpReader() = default;
};

// Parses. Returns the exit code if the program is to end here: after printing help, or an error.
[[nodiscard]] std::optional<int> Parse(CLI::App& command, const Toolbox& tools,
                                       const std::vector<std::string>& args);

// A subcommand that runs an app, `run` itself among them: how it differs from the others.
struct RunVariant {
  std::string name;
  std::string about;
  std::string words;  // in its usage, after the options
  std::string_view footer;
  std::vector<std::string_view> settings = {};  // that it has options for; empty for all
  bool has_module = true;
  // May be empty. `typed` is what AddSettings() was given.
  std::function<void(CLI::App& command, TextPairs& typed)> options = {};
  // What was named as the app may be something else, which says what the app is.
  std::function<Result<>(SplitArguments& split)> choose_app = {};
  // The last word on what is asked for.
  std::function<Result<>(RunRequest& request)> complete = {};
};
[[nodiscard]] int RunAppCommand(const Toolbox& tools, const std::vector<std::string>& args,
                                const RunVariant& variant);

// The subcommands: `args` is what follows their name.
[[nodiscard]] int RunCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int BrokerCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int CompareCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int DoctorCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int RecordCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int DiffCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int ReplayCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int InspectCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int CheckCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int ClientCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int RolloutCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int CompletionCommand(const Toolbox& tools, const std::vector<std::string>& args);

// Where Flet's desktop clients may be, by the environment.
[[nodiscard]] ClientSearch SearchOf(const Toolbox& tools);

}  // namespace fletbridge
