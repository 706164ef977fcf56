// Room: tools. `fletbridge completion SHELL`: prints the script that lets a shell complete our
// command line.
#include "tools/command_line.h"
#include "tools/completion.h"

namespace fletbridge {
namespace {

constexpr std::string_view kFooter =
    "Packages install them where each shell looks. Without one:\n"
    "  source <(fletbridge completion bash)                 in ~/.bashrc\n"
    "  source <(fletbridge completion zsh)                  in ~/.zshrc, behind compinit\n"
    "  fletbridge completion fish > ~/.config/fish/completions/fletbridge.fish\n";

}  // namespace

int CompletionCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Prints what lets a shell complete the command line of fletbridge.",
                   "completion");
  command.formatter(HelpShape("fletbridge completion bash|zsh|fish"));
  command.footer(std::string(kFooter));
  std::string shell;
  command.add_option("SHELL", shell)->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  tools.out << CompletionScript(shell, ModelOfCommands(tools));
  return 0;
}

}  // namespace fletbridge
