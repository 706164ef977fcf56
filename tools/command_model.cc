#include "tools/command_model.h"

#include <algorithm>
#include <sstream>

#include "common/config/setting_table.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

constexpr std::size_t kLongestAbout = 70;

bool IsWord(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-' || c == '.';
  });
}

std::vector<std::string> Parts(const std::string& text, char between) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, between);) parts.push_back(part);
  return parts;
}

// The first sentence, or as many words of it as fit.
std::string Short(std::string text) {
  for (const char* end : {": ", "; ", ". ", " ("}) text = text.substr(0, text.find(end));
  if (text.size() <= kLongestAbout) return text;
  return text.substr(0, text.rfind(' ', kLongestAbout)) + " ...";
}

// A choice's values: the settings' table has them, others say them in what CLI11 checks:
// "TEXT:{a,b}".
std::vector<std::string> ChoicesOf(const CLI::Option& option, const SettingSpec* spec) {
  std::vector<std::string> choices;
  if (spec != nullptr) {
    for (const auto* list : {&spec->allowed, &spec->names})
      choices.insert(choices.end(), list->begin(), list->end());
  } else {
    const std::string type = option.get_type_name();
    const std::size_t open = type.find(":{");
    if (open != std::string::npos)
      choices = Parts(type.substr(open + 2, type.find('}', open) - open - 2), ',');
    for (std::string& choice : choices) choice = choice.substr(0, choice.find("->"));  // of a map
  }
  std::erase_if(choices, [](const std::string& choice) { return !IsWord(choice); });
  return choices;
}

bool NamesPath(const std::string& text) {
  const auto has = [&](const char* word) { return text.find(word) != std::string::npos; };
  return has("FILE") || has("DIR") || has("PATH") || has(".json");
}

class Reader final : public HelpReader {
 public:
  Reader(const Toolbox& tools, CommandModel& model) : tools_(tools), model_(model) {}

  void OnCommand(const CLI::App& command) override {
    for (const CLI::Option* option : command.get_options()) Add(*option);
  }
  void OnSubcommands(std::span<const Subcommand> commands) override;

 private:
  void Add(const CLI::Option& option) {
    if (option.get_positional()) {
      model_.words = ChoicesOf(option, nullptr);
      return;
    }
    const SettingSpec* spec =
        option.get_lnames().empty() ? nullptr : FindSetting(option.get_lnames().front());
    if (spec != nullptr && !spec->refusal.empty()) return;
    OptionModel added;
    for (const std::string& name : option.get_snames()) added.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) added.names.push_back("--" + name);
    added.about = Short(option.get_description());
    added.takes_value = option.get_items_expected_max() > 0;
    if (added.takes_value) {
      added.choices = ChoicesOf(option, spec);
      added.is_path =
          spec != nullptr ? spec->kind == SettingKind::kPath : NamesPath(option.get_option_text());
    }
    model_.options.push_back(std::move(added));
  }

  const Toolbox& tools_;
  CommandModel& model_;
};

void Reader::OnSubcommands(std::span<const Subcommand> commands) {
  for (const Subcommand& command : commands) {
    CommandModel& below = model_.commands.emplace_back();
    below.path = model_.path + (model_.path.empty() ? "" : " ") + std::string(command.name);
    below.about = command.help;
    Reader reader(tools_, below);
    Toolbox asking = tools_;
    asking.help_reader = &reader;
    static_cast<void>(command.run(asking, {"--help"}));
  }
  model_.options.push_back({.names = {"-h", "--help"}, .about = "Show this text"});
}

}  // namespace

CommandModel ModelOfCommands(const Toolbox& tools) {
  CommandModel model;
  Reader(tools, model).OnSubcommands(AllSubcommands());
  model.options.push_back({.names = {"--version"}, .about = "Show the version"});
  return model;
}

}  // namespace fletbridge
