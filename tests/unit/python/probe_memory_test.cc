#include "common/python/probe_memory.h"

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "common/python/interpreter.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuestion = "what are you?";

class ProbeMemoryTest : public testing::Test {
 protected:
  ProbeMemoryTest() {
    fs::create_directories(site_);
    fs::create_directories(bin_);
    fs::copy_file("/proc/self/exe", python_);
    Age(python_);
    Age(site_);
  }
  // As if nothing had been done to it for an hour; what has changed last cannot be set back.
  static void Age(const std::string& path) {
    fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(1));
  }
  // Until the files' times lie far enough back.
  void KeepAtLast() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!Recalled() && std::chrono::steady_clock::now() < end)
      memory_.Keep(python_, kQuestion, answer_);
    ASSERT_TRUE(Recalled());
  }
  bool Recalled() const { return memory_.Recall(python_, kQuestion) == answer_; }

  const TempFolder folder_;
  const std::string site_ = folder_.path() + "/site";
  const std::string bin_ = folder_.path() + "/bin";
  const std::string python_ = bin_ + "/python";
  const std::string kept_ = folder_.path() + "/cache";
  const std::string answer_ = "version=3.11.2\ndepends=" + site_ + "\ndepends=" + site_ + "/none\n";
  const ProbeMemory memory_{kept_};
};

TEST_F(ProbeMemoryTest, RemembersUntilSomethingChangesThatTheAnswerDependsOn) {
  EXPECT_FALSE(Recalled());
  KeepAtLast();
  EXPECT_EQ(memory_.Recall(python_, "another question"), std::nullopt);
  {
    const ScopedVariable path("PYTHONPATH", site_);
    EXPECT_FALSE(Recalled());
  }
  EXPECT_TRUE(Recalled());
  fs::permissions(python_, fs::perms::owner_exec, fs::perm_options::add);  // as an upgrade would
  EXPECT_FALSE(Recalled());
  memory_.Keep(python_, kQuestion, answer_);
  EXPECT_FALSE(Recalled()) << "it has changed just now, and may change again within that time";
}

TEST_F(ProbeMemoryTest, ForgetsWhenAPackageIsInstalledOrAFileAppears) {
  KeepAtLast();
  folder_.Write("site/flet-9.9.9.dist-info/METADATA", "");
  EXPECT_FALSE(Recalled());
}

TEST_F(ProbeMemoryTest, TakesNoWordFromAFileThatOthersMayWrite) {
  KeepAtLast();
  const std::string file = fs::directory_iterator(kept_)->path();
  EXPECT_EQ(::chmod(file.c_str(), 0666), 0);
  EXPECT_FALSE(Recalled());
  EXPECT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_TRUE(Recalled());
  fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_FALSE(Recalled());
}

TEST_F(ProbeMemoryTest, RemembersNoScriptThatStandsInForAnInterpreter) {
  const std::string script = folder_.Write("chooser", "#!/bin/sh\nexec python3 \"$@\"\n");
  Age(script);
  memory_.Keep(script, kQuestion, answer_);
  EXPECT_FALSE(fs::exists(kept_));
}

TEST_F(ProbeMemoryTest, LivesWithoutAFolderToWriteTo) {
  const ProbeMemory memory(folder_.Write("file", "") + "/cache");
  memory.Keep(python_, kQuestion, answer_);
  EXPECT_EQ(memory.Recall(python_, kQuestion), std::nullopt);
  ProbeMemory({}).Keep(python_, kQuestion, answer_);
}

TEST_F(ProbeMemoryTest, GivesTheSameInterpreterAsAsking) {
  const ScopedVariable cache("XDG_CACHE_HOME", kept_);
  const std::string python = std::string(FLETBRIDGE_TEST_VENV) + "/bin/python";
  const Result<Interpreter> asked = ProbeInterpreter(python);
  ASSERT_TRUE(asked) << asked.error().Line();
  for (int turn = 0; turn < 2; ++turn) {
    const Result<Interpreter> found = RecallInterpreter(python);
    ASSERT_TRUE(found) << found.error().Line();
    EXPECT_EQ(found->Version(), asked->Version());
    EXPECT_EQ(found->flet_version, asked->flet_version);
    EXPECT_EQ(found->flet_package, asked->flet_package);
    EXPECT_EQ(found->extension_obstacle, asked->extension_obstacle);
    EXPECT_EQ(found->libpython, asked->libpython);
  }
  EXPECT_TRUE(fs::exists(kept_ + "/fletbridge/interpreters"));
}

}  // namespace
}  // namespace fletbridge
