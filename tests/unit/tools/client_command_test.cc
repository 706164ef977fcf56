#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/clients/made_up_client.h"
#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ClientCommandTest : public testing::Test {
 protected:
  ClientCommandTest() { box_.tools.environment = {{"HOME", box_.folder.path()}}; }

  int Run(std::vector<std::string> args) {
    box_.out.str({});
    box_.err.str({});
    args.insert(args.begin(), "client");
    return FletbridgeMain(box_.tools, args);
  }

  MadeUpToolbox box_;
};

TEST_F(ClientCommandTest, AddsAFolderAndListsItWithItsPin) {
  MakeUpClient(box_.folder, "mine");
  ASSERT_EQ(Run({"add", "mine"}), 0) << box_.err.str();
  const std::string sum = box_.out.str().substr(0, 64);
  EXPECT_EQ(box_.out.str(), sum + "  " + box_.folder.path() + "/mine\n");
  ASSERT_EQ(Run({"list"}), 0) << box_.err.str();
  EXPECT_EQ(box_.out.str(), "VERSION   WIRE  SHA-256           WHERE\n?         2     " +
                                sum.substr(0, 16) + "  " + box_.folder.path() + "/mine (added)\n");
}

TEST_F(ClientCommandTest, AddsAnArchiveByUnpackingIt) {
  MakeUpArchive(box_.folder, "flet-linux-amd64.tar.gz", 3);
  ASSERT_EQ(Run({"add", "flet-linux-amd64.tar.gz"}), 0) << box_.err.str();
  EXPECT_THAT(box_.out.str(), HasSubstr(box_.folder.path() + "/.cache/fletbridge/clients/"));
  ASSERT_EQ(Run({"list"}), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("?         3     "));
}

TEST_F(ClientCommandTest, VerifiesByReadingAllOfThem) {
  MakeUpClient(box_.folder, "mine");
  MakeUpClient(box_.folder, "yours");
  ASSERT_EQ(Run({"add", "mine"}), 0);
  ASSERT_EQ(Run({"add", "yours"}), 0);
  EXPECT_EQ(Run({"verify"}), 0);
  box_.folder.Write("mine/data/new");
  EXPECT_EQ(Run({"verify"}), 1);
  EXPECT_THAT(box_.err.str(),
              AllOf(HasSubstr("/mine has changed since it was added"),
                    HasSubstr("fletbridge client add " + box_.folder.path() + "/mine\n")));
  EXPECT_THAT(box_.out.str(), HasSubstr(box_.folder.path() + "/yours\n"));
  EXPECT_EQ(Run({"verify", "yours"}), 0);
  EXPECT_EQ(Run({"verify", "nothing"}), 2);
  EXPECT_THAT(box_.err.str(), HasSubstr("has not been added"));
}

TEST_F(ClientCommandTest, SaysWhatToDoWithoutAnyClient) {
  EXPECT_EQ(Run({"list"}), 70);
  EXPECT_THAT(box_.err.str(), HasSubstr("no Flet desktop client on this machine"));
}

TEST_F(ClientCommandTest, GetsOnlyWhatItCanTellFromAnother) {
  box_.interpreters[""];
  EXPECT_EQ(Run({"get", "1.0.5"}), 2);
  EXPECT_THAT(box_.err.str(), AllOf(HasSubstr("is not known what the client of Flet 1.0.5"),
                                    HasSubstr("--sha256")));
  EXPECT_EQ(Run({"get", "1.0.5", "--sha256", "12ab"}), 2);
  EXPECT_THAT(box_.err.str(), HasSubstr("64 digits"));
  EXPECT_EQ(Run({"get", "newest"}), 2);
  EXPECT_THAT(box_.err.str(), HasSubstr("newest is no version of Flet"));
  EXPECT_EQ(Run({"get", "0.82.2/../x"}), 2);
}

TEST_F(ClientCommandTest, RefusesWrongUsageInOneLine) {
  EXPECT_EQ(Run({}), 2);
  EXPECT_THAT(box_.err.str(), HasSubstr("Usage: fletbridge client list"));
  EXPECT_EQ(Run({"remove"}), 2);
  EXPECT_EQ(box_.err.str(),
            "fletbridge: unknown command client remove; see fletbridge client --help\n");
  EXPECT_EQ(Run({"add"}), 2);
  EXPECT_EQ(Run({"add", box_.folder.path()}), 2);
  EXPECT_THAT(box_.err.str(), HasSubstr("it has no lib/libflutter_linux_gtk.so"));
  EXPECT_EQ(Run({"verify", "--all"}), 2);
  EXPECT_THAT(box_.err.str(), HasSubstr("--all"));
  EXPECT_EQ(Run({"add", "--help"}), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("Usage: fletbridge client add PATH"));
}

}  // namespace
}  // namespace fletbridge
