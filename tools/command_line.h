// Room: tools. What the subcommands share when they read the command line. CLI11 does the parsing
// and the help texts; this adds our shape of both, and keeps messages to one line.
#pragma once

#include <functional>
#include <memory>
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
};
[[nodiscard]] Result<SplitArguments> SplitAtApp(const CLI::App& command,
                                                const std::vector<std::string>& args);

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
[[nodiscard]] int CompareCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int DoctorCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int RecordCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int DiffCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int ReplayCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int InspectCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int CheckCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int ClientCommand(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int RolloutCommand(const Toolbox& tools, const std::vector<std::string>& args);

// Where Flet's desktop clients may be, by the environment.
[[nodiscard]] ClientSearch SearchOf(const Toolbox& tools);

}  // namespace fletbridge
