#include "tools/command_line.h"

#include <algorithm>
#include <sstream>

#include "common/config/setting_table.h"

namespace fletbridge {
namespace {

constexpr std::size_t kNameColumn = 34;
constexpr std::size_t kLineColumns = 100;

std::string Wrap(const std::string& text, std::size_t columns) {
  std::istringstream words(text);
  std::string word;
  std::string wrapped;
  std::size_t used = 0;
  while (words >> word) {
    if (used != 0 && used + 1 + word.size() > columns) {
      wrapped += '\n';
      used = 0;
    } else if (used != 0) {
      wrapped += ' ';
      ++used;
    }
    wrapped += word;
    used += word.size();
  }
  return wrapped;
}

class Shape : public CLI::Formatter {
 public:
  explicit Shape(std::string usage) : usage_(std::move(usage)) { column_width(kNameColumn); }

  const std::string& usage() const { return usage_; }

 private:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: " + usage_ + "\n";
  }
  std::string make_positionals(const CLI::App*) const override { return {}; }  // the usage has them
  std::string make_option_name(const CLI::Option* option, bool) const override {
    std::string name;
    for (const std::string& letter : option->get_snames()) name += "-" + letter + ", ";
    if (name.empty()) name = "    ";
    if (option->get_lnames().empty()) return name + option->get_name();
    return name + "--" + option->get_lnames().front();  // the first; `--no-…` goes without saying
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return Wrap(option->get_description(), kLineColumns - kNameColumn);
  }

  std::string usage_;
};

std::string HelpText(const SettingSpec& spec) {
  std::string text(spec.help);
  if (!spec.initial.empty() && spec.initial != "false" && spec.initial != "0") {
    text += " (default " + std::string(spec.initial) + ")";
  }
  return text;
}

// "--stagee" is no option: which one was meant?
Error UnknownOption(const CLI::App& command, const std::string& option) {
  std::vector<std::string> long_names;
  for (const CLI::Option* known : command.get_options()) {
    for (const std::string& name : known->get_lnames()) {
      const SettingSpec* spec = FindSetting(name);
      if (spec == nullptr || spec->refusal.empty()) long_names.push_back(name);
    }
  }
  const std::vector<std::string_view> names(long_names.begin(), long_names.end());
  const std::string_view nearest =
      option.starts_with("--") ? NearestName(option.substr(2), names) : std::string_view();
  return MakeError(Errc::kUsage,
                   "unknown option " + option +
                       (nearest.empty() ? "; see fletbridge " + command.get_name() + " --help"
                                        : "; did you mean --" + std::string(nearest) + "?"));
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// Finds where our options end.
class Splitter {
 public:
  Splitter(const CLI::App& command, const std::vector<std::string>& args)
      : command_(command), args_(args) {}

  Result<SplitArguments> Run() {
    while (at_ < args_.size() && !done_) {
      const std::string& arg = args_[at_++];
      if (arg == "--") {
        if (at_ < args_.size()) split_.script = args_[at_++];
        done_ = true;
      } else if (arg.starts_with("--")) {
        if (auto read = ReadLong(arg); !read) return read.error();
      } else if (arg.starts_with('-') && arg.size() > 1) {
        if (auto read = ReadLetters(arg); !read) return read.error();
      } else {
        split_.script = arg;
        done_ = true;
      }
    }
    // Our long options may also stand right behind the app, up to the first word that is none.
    while (done_ && at_ < args_.size() && IsOurs(args_[at_])) {
      const std::string& arg = args_[at_++];
      if (auto read = ReadLong(arg); !read) return read.error();
    }
    if (done_ && at_ < args_.size()) split_.near_miss = NearMiss(args_[at_]);
    // `flet run app.py -- ARGS` is how Flet's users write it: one such mark is not the app's.
    if (done_ && at_ < args_.size() && args_[at_] == "--") ++at_;
    split_.app.assign(args_.begin() + static_cast<std::ptrdiff_t>(at_), args_.end());
    return std::move(split_);
  }

 private:
  // Behind the app only what cannot be meant for it: it has its own --help, and letters of its own.
  bool IsOurs(const std::string& arg) const {
    if (!arg.starts_with("--") || arg == "--") return false;
    const std::string name = arg.substr(0, arg.find('='));
    return name != "--help" && name != "--module" && command_.get_option_no_throw(name) != nullptr;
  }

  // "app.py --stgae 3": the app may have such an option, so it gets it.
  static std::string NearMiss(const std::string& arg) {
    const std::string name = arg.substr(0, arg.find('='));
    if (!name.starts_with("--") || name == "--") return {};
    const std::string_view nearest = NearestSetting(name.substr(2));
    if (nearest.empty() || nearest == name.substr(2)) return {};
    return name + " goes to the app; if --" + std::string(nearest) +
           " is meant, correct it, and if not, write -- before it";
  }

  Result<> ReadLong(const std::string& arg) {
    const std::size_t equals = arg.find('=');
    const std::string name = arg.substr(0, equals);
    if (name == "--module") {
      return equals == std::string::npos ? ReadModule({}) : ReadModule(arg.substr(equals + 1));
    }
    const CLI::Option* option = command_.get_option_no_throw(name);
    if (option == nullptr) return UnknownOption(command_, name);
    split_.ours.push_back(arg);
    if (equals == std::string::npos && TakesValue(*option)) return TakeValue(*option, name);
    return {};
  }

  // "-a DIR", "-aDIR", "-dr", "-dm MODULE"
  Result<> ReadLetters(const std::string& arg) {
    for (std::size_t i = 1; i < arg.size(); ++i) {
      const std::string name = {'-', arg[i]};
      if (arg[i] == 'm') return ReadModule(arg.substr(i + 1));
      const CLI::Option* option = command_.get_option_no_throw(name);
      if (option == nullptr) return UnknownOption(command_, name);
      split_.ours.push_back(name);
      if (!TakesValue(*option)) continue;
      if (i + 1 == arg.size()) return TakeValue(*option, name);
      split_.ours.push_back(arg.substr(i + 1));
      return {};
    }
    return {};
  }

  Result<> TakeValue(const CLI::Option& option, const std::string& name) {
    if (at_ == args_.size()) {
      return MakeError(Errc::kUsage, name + " needs a value: " + option.get_option_text());
    }
    split_.ours.push_back(args_[at_++]);
    return {};
  }

  Result<> ReadModule(std::string module) {
    if (module.empty() && at_ < args_.size()) module = args_[at_++];
    if (module.empty())
      return MakeError(Errc::kUsage, "-m needs the name of a module, such as -m shop.main");
    split_.module = std::move(module);
    done_ = true;
    return {};
  }

  const CLI::App& command_;
  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  bool done_ = false;
  SplitArguments split_;
};

}  // namespace

std::shared_ptr<CLI::Formatter> HelpShape(std::string usage) {
  return std::make_shared<Shape>(std::move(usage));
}

void AddWord(CLI::App& command, const std::string& name, std::string& into) {
  command.add_option(name, into)->required();
}

void AddSettings(CLI::App& command, TextPairs& typed, const std::vector<std::string_view>& names) {
  for (const SettingSpec& spec : AllSettings()) {
    if (!names.empty() && std::find(names.begin(), names.end(), spec.name) == names.end()) continue;
    const std::string name(spec.name);
    std::string flags = "--" + name;
    if (spec.letter != 0) flags = std::string("-") + spec.letter + "," + flags;
    CLI::Option* option = nullptr;
    if (spec.kind == SettingKind::kBool) {
      option = command.add_flag(flags + ",!--no-" + name);
      option->each([&typed, name](const std::string& text) { typed.emplace_back(name, text); });
    } else if (spec.counted) {
      option = command.add_flag(flags);
      option->each([&typed, name, maximum = spec.maximum,
                    count = std::uint64_t{0}](const std::string&) mutable {
        count = std::min(count + 1, maximum);
        typed.emplace_back(name, std::to_string(count));
      });
    } else {
      option = command.add_option(flags);
      option->expected(1)->allow_extra_args(false)->option_text(std::string(spec.metavar));
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      option->each([&typed, name](const std::string& text) { typed.emplace_back(name, text); });
    }
    option->description(HelpText(spec))->group(std::string(spec.group));
  }
}

Result<SplitArguments> SplitAtApp(const CLI::App& command, const std::vector<std::string>& args) {
  return Splitter(command, args).Run();
}

int RunSubcommand(const Toolbox& tools, const std::vector<std::string>& args, std::string_view name,
                  std::string_view usage, std::span<const Subcommand> commands) {
  if (args.empty()) {
    tools.err << usage;
    return kExitUsage;
  }
  const std::string& word = args.front();
  if (word == "--help" || word == "-h") {
    if (tools.help_reader != nullptr) {
      tools.help_reader->OnSubcommands(commands);
    } else {
      tools.out << usage;
    }
    return 0;
  }
  for (const Subcommand& command : commands) {
    if (command.name == word) return command.run(tools, {args.begin() + 1, args.end()});
  }
  return PrintError(
      tools, MakeError(Errc::kUsage, "unknown command " + std::string(name) + " " + word +
                                         "; see fletbridge " + std::string(name) + " --help"));
}

std::optional<int> Parse(CLI::App& command, const Toolbox& tools,
                         const std::vector<std::string>& args) {
  try {
    command.parse(
        std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 wants them reversed
  } catch (const CLI::CallForHelp&) {
    if (tools.help_reader != nullptr) {
      tools.help_reader->OnCommand(command);
      return 0;
    }
    std::string help = command.help();
    // CLI11 leaves two empty lines between groups.
    for (std::size_t at = 0; (at = help.find("\n\n\n", at)) != std::string::npos;)
      help.erase(at, 1);
    tools.out << help;
    return 0;
  } catch (const CLI::RequiredError& error) {
    std::string usage = "fletbridge " + command.get_name();
    if (const auto* shape = dynamic_cast<const Shape*>(command.get_formatter().get());
        shape != nullptr)
      usage = shape->usage();
    return PrintError(tools,
                      MakeError(Errc::kUsage, std::string(error.what()) + "; write " + usage));
  } catch (const CLI::ParseError& error) {
    return PrintError(tools,
                      MakeError(Errc::kUsage, std::string(error.what()) + "; see fletbridge " +
                                                  command.get_name() + " --help"));
  }
  return std::nullopt;
}

ClientSearch SearchOf(const Toolbox& tools) {
  return SearchFrom([&](const char* name) {
    for (const auto& [key, value] : tools.environment) {
      if (key == name) return value;
    }
    return std::string();
  });
}

}  // namespace fletbridge
