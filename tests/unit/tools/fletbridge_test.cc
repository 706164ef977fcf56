#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/version.h"
#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using testing::HasSubstr;

TEST(Fletbridge, ShowsItsHelpAndFailsWithoutACommand) {
  MadeUpToolbox box;
  EXPECT_EQ(FletbridgeMain(box.tools, {}), 2);
  EXPECT_THAT(box.err.str(), HasSubstr("Usage: fletbridge COMMAND"));
  EXPECT_EQ(box.out.str(), "");
}

TEST(Fletbridge, ShowsHelpAndVersionOnRequest) {
  MadeUpToolbox box;
  EXPECT_EQ(FletbridgeMain(box.tools, {"--help"}), 0);
  EXPECT_THAT(box.out.str(), HasSubstr("doctor"));
  box.out.str({});
  EXPECT_EQ(FletbridgeMain(box.tools, {"--version"}), 0);
  EXPECT_EQ(box.out.str(), "fletbridge " + std::string(Version()) + "\n");
}

TEST(Fletbridge, ShowsTheHelpOfACommandAndTheVersionAlsoByWord) {
  MadeUpToolbox box;
  EXPECT_EQ(FletbridgeMain(box.tools, {"version"}), 0);
  EXPECT_EQ(box.out.str(), "fletbridge " + std::string(Version()) + "\n");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"run"}, {"rollout"}, {"client", "add"}}) {
    MadeUpToolbox by_word, by_option;
    std::vector<std::string> help = words;
    help.insert(help.begin(), "help");
    std::vector<std::string> option = words;
    option.emplace_back("--help");
    EXPECT_EQ(FletbridgeMain(by_word.tools, help), 0);
    EXPECT_EQ(FletbridgeMain(by_option.tools, option), 0);
    EXPECT_EQ(by_word.out.str(), by_option.out.str());
  }
  EXPECT_EQ(FletbridgeMain(box.tools, {"help", "docter"}), 2);
  EXPECT_EQ(box.err.str(), "fletbridge: unknown command docter; did you mean fletbridge doctor?\n");
}

// The words of the list below "Commands:" in a help text.
std::vector<std::string> CommandsIn(const std::string& text) {
  std::vector<std::string> commands;
  std::istringstream lines(text.substr(std::min(text.find("\nCommands:\n"), text.size())));
  for (std::string line; std::getline(lines, line) && line != "Options:";) {
    if (line.starts_with("  ") && line[2] != ' ')
      commands.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return commands;
}

TEST(Fletbridge, ShowsTheHelpOfEveryCommandAndSubcommand) {
  std::vector<std::vector<std::string>> todo = {{}};
  std::size_t seen = 0;
  for (; seen < todo.size(); ++seen) {
    ASSERT_LT(seen, 100u) << "help texts that name one another";
    const std::vector<std::string> words = todo[seen];
    for (const char* option : {"--help", "-h"}) {
      MadeUpToolbox box;
      std::vector<std::string> args = words;
      args.emplace_back(option);
      EXPECT_EQ(FletbridgeMain(box.tools, args), 0);
      std::string usage = "Usage: fletbridge";
      for (const std::string& word : words) usage += " " + word;
      EXPECT_THAT(box.out.str(), HasSubstr(usage));
      EXPECT_EQ(box.err.str(), "");
      if (std::string_view(option) == "-h") continue;
      for (const std::string& command : CommandsIn(box.out.str())) {
        todo.push_back(words);
        todo.back().push_back(command);
      }
    }
  }
  EXPECT_GE(seen, 20u);
}

TEST(Fletbridge, NamesAMissingWordAsItsUsageDoes) {
  const std::pair<std::vector<std::string>, const char*> wrong[] = {
      {{"diff"}, "A is required; write fletbridge diff [options] A B"},
      {{"diff", "a.rec"}, "B is required; write fletbridge diff [options] A B"},
      {{"inspect"}, "FILE is required; write fletbridge inspect [options] FILE"},
      {{"client", "add"}, "PATH is required; write fletbridge client add PATH"},
      {{"rollout", "validate"}, "FILE is required; write fletbridge rollout validate FILE"},
      {{"rollout", "simulate"}, "FILE is required; write fletbridge rollout simulate FILE"},
      {{"rollout", "eval", "f"},
       "--flag is required; write fletbridge rollout eval FILE --flag KEY"},
  };
  for (const auto& [args, text] : wrong) {
    MadeUpToolbox box;
    EXPECT_EQ(FletbridgeMain(box.tools, args), 2);
    EXPECT_THAT(box.err.str(), testing::StartsWith(std::string("fletbridge: ") + text));
    EXPECT_EQ(box.out.str(), "");
  }
}

// Every option that a help text shows is completed: both come from the same objects.
TEST(Fletbridge, CompletesEachOptionAndEachChoice) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    MadeUpToolbox box;
    ASSERT_EQ(FletbridgeMain(box.tools, {"completion", shell}), 0);
    const std::string script = box.out.str();
    for (const std::vector<std::string>& words : {std::vector<std::string>{"run"},
                                                  {"compare"},
                                                  {"check"},
                                                  {"rollout", "merge"},
                                                  {"client", "get"}}) {
      MadeUpToolbox help;
      std::vector<std::string> args = words;
      args.emplace_back("--help");
      ASSERT_EQ(FletbridgeMain(help.tools, args), 0);
      std::istringstream lines(help.out.str());
      bool served = true;
      for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && line[0] != ' ') served = !line.starts_with("Known, but not");
        const std::size_t at = line.find("--");
        if (!served || at == std::string::npos || at > 6 ||
            line.find_first_not_of(" -abcdefghijklmnopqrstuvwxyz,") < at)
          continue;
        const std::string name = line.substr(at + 2, line.find_first_of(" ,=[", at) - at - 2);
        EXPECT_THAT(script, HasSubstr(std::string(shell) == "fish" ? "-l " + name : "--" + name))
            << line;
      }
    }
    EXPECT_THAT(script, HasSubstr("1 2 3 auto"));
    EXPECT_THAT(script, HasSubstr("bash zsh fish"));
    EXPECT_THAT(script, HasSubstr("client add"));
  }
  MadeUpToolbox box;
  EXPECT_EQ(FletbridgeMain(box.tools, {"completion", "tcsh"}), 2);
  EXPECT_EQ(FletbridgeMain(box.tools, {"completion"}), 2);
}

TEST(Fletbridge, FailsWhereNobodyGetsItsAnswer) {
  MadeUpToolbox box;
  box.out.setstate(std::ios::badbit);  // as on a full disk
  EXPECT_EQ(FletbridgeMain(box.tools, {"--version"}), 70);
  EXPECT_EQ(FletbridgeMain(box.tools, {"client", "--help"}), 70);
  EXPECT_THAT(box.err.str(), HasSubstr("fletbridge: the output cannot be written"));
}

TEST(Fletbridge, RefusesUnknownCommandsInOneLine) {
  const auto refused = [](const std::string& name) {
    MadeUpToolbox box;
    EXPECT_EQ(FletbridgeMain(box.tools, {name}), 2);
    return box.err.str();
  };
  EXPECT_EQ(refused("docter"),
            "fletbridge: unknown command docter; did you mean fletbridge doctor?\n");
  EXPECT_EQ(refused("shop.py"),
            "fletbridge: unknown command shop.py; to run an app: fletbridge run shop.py\n");
  EXPECT_EQ(refused("--json"), "fletbridge: unknown option --json; see fletbridge --help\n");
}

TEST(FletClient, TakesItsSettingsFromTheEnvironment) {
  MadeUpToolbox box;
  box.folder.Write("fletbridge.json",
                   R"({"stage": "9"})");  // of an app, and so none of its business
  box.tools.environment = {{"FLETBRIDGE_UI", "headless"}, {"FLETBRIDGE_STEPS", "steps.txt"}};
  EXPECT_EQ(FletMain(box.tools, {"/tmp/flet.sock", "/tmp/pid", "/assets"}), 43);
  EXPECT_THAT(box.client_arguments, testing::ElementsAre("/tmp/flet.sock", "/tmp/pid"));
  ASSERT_EQ(box.runs.size(), 1u);
  EXPECT_EQ(box.runs[0].ui, "headless");
  EXPECT_EQ(box.runs[0].steps_file, box.folder.path() + "/steps.txt");
}

TEST(FletClient, RefusesWrongUsageInOneLine) {
  MadeUpToolbox box;
  EXPECT_EQ(FletMain(box.tools, {"run"}), 2);
  EXPECT_EQ(box.err.str(),
            "fletbridge: this flet is a client that Python starts: flet PAGE_URL PID_FILE "
            "[ASSETS_DIR]; to run an app use fletbridge run\n");
  box.err.str({});
  box.tools.environment = {{"FLETBRIDGE_UI", "browser"}};
  EXPECT_EQ(FletMain(box.tools, {"/tmp/flet.sock", "/tmp/pid"}), 2);
  EXPECT_THAT(box.err.str(),
              HasSubstr("FLETBRIDGE_UI: \"browser\" is not allowed; use one of desktop"));
}

TEST(FletClient, ShowsHelpAndVersionOnRequest) {
  MadeUpToolbox box;
  EXPECT_EQ(FletMain(box.tools, {"--help"}), 0);
  EXPECT_EQ(FletMain(box.tools, {"--version"}), 0);
  EXPECT_THAT(box.out.str(), HasSubstr("FLET_VIEW_PATH"));
}

}  // namespace
}  // namespace fletbridge
