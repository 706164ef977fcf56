// Room: tools. What the command lines of all commands may have, read from CLI11's own objects: for
// completion.
#pragma once

#include <string>
#include <vector>

#include "tools/toolbox.h"

namespace fletbridge {

struct OptionModel {
  std::vector<std::string> names = {};  // with their dashes; the short one first
  std::string about = {};               // one short line
  bool takes_value = false;
  std::vector<std::string> choices = {};  // of the value
  bool is_path = false;
};

struct CommandModel {
  std::string path;  // "rollout explain"; empty for fletbridge itself
  std::string about;
  std::vector<CommandModel> commands;  // then it has no options of its own but --help
  std::vector<OptionModel> options;
  std::vector<std::string> words;  // what a word that is no option may be; empty for a file
};

// Of `fletbridge` with everything below it.
[[nodiscard]] CommandModel ModelOfCommands(const Toolbox& tools);

}  // namespace fletbridge
