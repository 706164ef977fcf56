#include "tools/completion.h"

#include <functional>

namespace fletbridge {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Within '…', which all three shells end at the next '.
std::string InQuotes(std::string text) {
  std::erase(text, '\'');
  return "'" + text + "'";
}

void EachCommand(const CommandModel& model, const std::function<void(const CommandModel&)>& done) {
  done(model);
  for (const CommandModel& command : model.commands) EachCommand(command, done);
}

std::vector<std::string> NamesOf(const std::vector<CommandModel>& commands) {
  std::vector<std::string> names;
  for (const CommandModel& command : commands)
    names.push_back(command.path.substr(command.path.rfind(' ') + 1));
  return names;
}

// "run|compare|…" as patterns of a shell's `case`.
std::string PathPatterns(const CommandModel& model) {
  std::string patterns;
  EachCommand(model, [&](const CommandModel& command) {
    if (!command.path.empty()) patterns += (patterns.empty() ? "" : "|") + InQuotes(command.path);
  });
  return patterns;
}

std::string Bash(const CommandModel& model) {
  std::string text =
      "# Completion of fletbridge for bash; made by `fletbridge completion bash`.\n"
      "_fletbridge() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= path= i "
      "words= options= IFS=$' \\t\\n'\n"
      "  [[ $cur == = ]] && cur=\n"
      "  [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    path=\"$command ${COMP_WORDS[i]}\"\n"
      "    case ${path# } in\n"
      "      " +
      PathPatterns(model) +
      ") command=${path# } ;;\n"
      "      *) break ;;\n"
      "    esac\n"
      "  done\n"
      "  case $command in\n";
  EachCommand(model, [&](const CommandModel& command) {
    std::string names;
    std::string values;
    for (const OptionModel& option : command.options) {
      names += (names.empty() ? "" : " ") + Joined(option.names);
      if (!option.takes_value) continue;
      std::string patterns;
      for (const std::string& name : option.names) patterns += (patterns.empty() ? "" : "|") + name;
      values +=
          "        " + patterns + ") " +
          (option.is_path ? "_fletbridge_files"
           : option.choices.empty()
               ? "COMPREPLY=()"
               : "COMPREPLY=($(compgen -W " + InQuotes(Joined(option.choices)) + " -- \"$cur\"))") +
          "; return ;;\n";
    }
    text += "    " + InQuotes(command.path) + ")\n      options=" + InQuotes(names) + " words=" +
            InQuotes(Joined(command.commands.empty() ? command.words : NamesOf(command.commands))) +
            "\n";
    if (!values.empty()) text += "      case $prev in\n" + values + "      esac\n";
    text += "      ;;\n";
  });
  return text +
         "  esac\n"
         "  if [[ $cur == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
         "  elif [[ $words ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  else\n"
         "    _fletbridge_files\n"
         "  fi\n"
         "}\n"
         "_fletbridge_files() {\n"
         "  local IFS=$'\\n'\n"
         "  compopt -o filenames 2>/dev/null\n"
         "  COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "}\n"
         "complete -F _fletbridge fletbridge\n";
}

// A text of _arguments or _describe, in which : [ ] have a meaning.
std::string ZshText(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') escaped += '\\';
    if (c != '\'') escaped += c;
  }
  return escaped;
}

std::string Zsh(const CommandModel& model) {
  std::string text =
      "#compdef fletbridge\n"
      "# Completion of fletbridge for zsh; made by `fletbridge completion zsh`.\n"
      "_fletbridge() {\n"
      "  local command= path_=\n"
      "  local -a names\n"
      "  while (( CURRENT > 2 )); do\n"
      "    path_=\"$command ${words[2]}\"\n"
      "    case ${path_# } in\n"
      "      " +
      PathPatterns(model) +
      ") command=${path_# }; shift words; (( CURRENT-- )) ;;\n"
      "      *) break ;;\n"
      "    esac\n"
      "  done\n"
      "  case $command in\n";
  EachCommand(model, [&](const CommandModel& command) {
    text += "    " + InQuotes(command.path) + ")\n";
    std::string rest = "'*:file:_files'";
    if (!command.commands.empty()) {
      text += "      names=(";
      for (const CommandModel& below : command.commands)
        text += "\n        '" + ZshText(below.path.substr(below.path.rfind(' ') + 1)) + ":" +
                ZshText(below.about) + "'";
      text += ")\n";
      rest = "'1:command:{_describe command names}'";
    } else if (!command.words.empty()) {
      rest = "'1:word:(" + ZshText(Joined(command.words)) + ")'";
    }
    text += "      _arguments -s -S";
    for (const OptionModel& option : command.options) {
      for (const std::string& name : option.names) {
        text += " \\\n        '*" + name +
                (option.takes_value && name.starts_with("--") ? "=" : "") + "[" +
                ZshText(option.about) + "]" +
                (!option.takes_value      ? ""
                 : option.is_path         ? ":file:_files"
                 : option.choices.empty() ? ":value: "
                                          : ":value:(" + ZshText(Joined(option.choices)) + ")") +
                "'";
      }
    }
    text += " \\\n        " + rest + "\n      ;;\n";
  });
  return text +
         "  esac\n"
         "}\n"
         "if [[ $funcstack[1] == _fletbridge ]]; then _fletbridge \"$@\"; else compdef _fletbridge "
         "fletbridge; fi\n";
}

std::string Fish(const CommandModel& model) {
  std::string text =
      "# Completion of fletbridge for fish; made by `fletbridge completion fish`.\n"
      "function __fletbridge_at\n"
      "  set -l command\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch (string join -- ' ' $command $word)\n"
      "      case " +
      [&] {
        std::string patterns;
        EachCommand(model, [&](const CommandModel& command) {
          if (!command.path.empty())
            patterns += (patterns.empty() ? "" : " ") + InQuotes(command.path);
        });
        return patterns;
      }() +
      "\n"
      "        set command $command $word\n"
      "      case '*'\n"
      "        break\n"
      "    end\n"
      "  end\n"
      "  test \"$command\" = \"$argv[1]\"\n"
      "end\n"
      "complete -c fletbridge -f\n";
  EachCommand(model, [&](const CommandModel& command) {
    const std::string start =
        "complete -c fletbridge -n \"__fletbridge_at " + InQuotes(command.path) + "\"";
    for (const CommandModel& below : command.commands) {
      text += start + " -a " + below.path.substr(below.path.rfind(' ') + 1) + " -d " +
              InQuotes(below.about) + "\n";
    }
    if (!command.words.empty()) {
      text += start + " -a " + InQuotes(Joined(command.words)) + "\n";
    } else if (command.commands.empty()) {
      text += start + " -F\n";
    }
    for (const OptionModel& option : command.options) {
      text += start;
      for (const std::string& name : option.names)
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value)
        text +=
            option.is_path
                ? " -r -F"
                : " -x" + (option.choices.empty() ? "" : " -a " + InQuotes(Joined(option.choices)));
      text += " -d " + InQuotes(option.about) + "\n";
    }
  });
  return text;
}

}  // namespace

std::string CompletionScript(std::string_view shell, const CommandModel& model) {
  if (shell == "zsh") return Zsh(model);
  return shell == "fish" ? Fish(model) : Bash(model);
}

}  // namespace fletbridge
