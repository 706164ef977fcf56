#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/host/reload/debounce.h"
#include "src/host/reload/reloaded_app.h"
#include "src/host/reload/source_watch.h"
#include "src/host/reload/watch_rules.h"

namespace fletbridge::reload {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// ---- When a burst of saves is over

class DebounceTest : public ::testing::Test {
 protected:
  static Debounce::Time At(std::chrono::milliseconds time) { return Debounce::Time(time); }
  Debounce burst_{30ms, 1000ms};
};

TEST_F(DebounceTest, OneSaveIsOverOnceNothingFollows) {
  EXPECT_FALSE(burst_.due());
  EXPECT_FALSE(burst_.Take(At(1000ms)));
  burst_.Saved(At(100ms));
  EXPECT_EQ(burst_.due(), At(130ms));
  EXPECT_FALSE(burst_.Take(At(129ms)));
  EXPECT_TRUE(burst_.Take(At(130ms)));
  EXPECT_FALSE(burst_.Take(At(131ms))) << "told once";
  EXPECT_FALSE(burst_.due());
}

TEST_F(DebounceTest, ManySavesAreOneAndTheNextBurstIsAnother) {
  for (int i = 0; i < 10; ++i) burst_.Saved(At(i * 20ms));
  EXPECT_FALSE(burst_.Take(At(200ms)));
  EXPECT_TRUE(burst_.Take(At(210ms)));
  burst_.Saved(At(220ms));
  EXPECT_TRUE(burst_.Take(At(250ms)));
}

TEST_F(DebounceTest, SavesWithoutEndAreNotWaitedFor) {
  for (int i = 0; i <= 50; ++i) {
    burst_.Saved(At(i * 20ms));
    if (i < 50) {
      EXPECT_FALSE(burst_.Take(At(i * 20ms)));
    }
  }
  EXPECT_TRUE(burst_.Take(At(1000ms)));
}

// ---- What is a source

TEST(WatchRulesTest, SourcesAndWhatTheAppShowsCount) {
  const WatchRules rules("/app", {}, {});
  for (const char* name :
       {"/app/main.py", "/app/assets/logo.png", "/app/texts.json", "/app/README"})
    EXPECT_TRUE(rules.Counts(name)) << name;
}

TEST(WatchRulesTest, WhatToolsEditorsAndAppsWriteDoesNot) {
  const WatchRules rules("/app", {}, {"/app/report.json", "/app/run"});
  for (const char* name :
       {"/app/main.pyc", "/app/.main.py.swp", "/app/main.py~", "/app/#main.py#", "/app/4913",
        "/app/app.log", "/app/shop.db", "/app/shop.db-journal", "/app/shop.sqlite3",
        "/app/report.json", "/app/run", "/app/run.12", "/app/.hidden"}) {
    EXPECT_FALSE(rules.Counts(name)) << name;
  }
  EXPECT_TRUE(rules.Counts("/app/run.py")) << "only numbers follow a recording's name";
  EXPECT_TRUE(rules.Counts("/app/report.json.py"));
}

TEST(WatchRulesTest, FoldersOfToolsAndThoseThatAreNamedAreSkipped) {
  const WatchRules rules("/app", {"out", "lib/big", "/else/where", "./data/"}, {});
  for (const char* folder :
       {"/app/__pycache__", "/app/.git", "/app/.venv", "/app/node_modules", "/app/out",
        "/app/lib/out", "/app/lib/big", "/else/where", "/app/data"}) {
    EXPECT_TRUE(rules.SkipsFolder(folder)) << folder;
  }
  for (const char* folder : {"/app/lib", "/app/big", "/app/outer", "/app/assets"})
    EXPECT_FALSE(rules.SkipsFolder(folder)) << folder;
}

// ---- What is told of an exception

TEST(CrashMessageTest, BeginsWithTheExceptionAndItsPlace) {
  EXPECT_EQ(CrashMessage("  File \"/x/app.py\", line 3\n    ft.run(\n          ^\n"
                         "SyntaxError: '(' was never closed\n",
                         1),
            "SyntaxError: '(' was never closed (app.py, line 3)\n"
            "Traceback (most recent call last):\n"
            "  File \"/x/app.py\", line 3\n    ft.run(\n          ^\n"
            "SyntaxError: '(' was never closed\n");
  EXPECT_EQ(CrashMessage("a warning\nTraceback (most recent call last):\n"
                         "  File \"app.py\", line 12, in <module>\n    f()\nValueError: no\n"
                         "fletbridge: the app ended\n",
                         1),
            "ValueError: no (app.py, line 12)\nTraceback (most recent call last):\n"
            "  File \"app.py\", line 12, in <module>\n    f()\nValueError: no\n");
}

TEST(CrashMessageTest, KeepsExceptionsThatLedToOneAnother) {
  const std::string text = CrashMessage(
      "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'\n\n"
      "During handling of the above exception, another exception occurred:\n\n"
      "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\nValueError: b\n",
      1);
  EXPECT_THAT(text, StartsWith("ValueError: b (a.py, line 2)\n"));
  EXPECT_THAT(text, HasSubstr("KeyError: 'a'"));
}

TEST(CrashMessageTest, SaysHowAnAppEndedThatHasSaidNothing) {
  EXPECT_THAT(CrashMessage("", 0), StartsWith("The app has ended with exit code 0\n"));
  EXPECT_THAT(CrashMessage("", 137), StartsWith("The app has ended with exit code 137\n"));
  EXPECT_THAT(CrashMessage("fletbridge: stage 3 cannot run: x\n", 70),
              StartsWith("stage 3 cannot run: x\n"));
}

TEST(CrashMessageTest, HasNoColoursAndNoHalfCodes) {
  EXPECT_THAT(CrashMessage("\x1b[1;35mValueError\x1b[0m: \x1b[35mno\x1b[0m\r\n\x1b[", 1),
              StartsWith("ValueError: no\n"));
}

// ---- The files

class SourceWatchTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fletbridge-watch-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    Write("app/app.py", "0");
  }
  void TearDown() override {
    watch_.reset();
    fs::remove_all(folder_);
  }
  void Write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void Watch(bool recursive, std::vector<std::string> ignored = {}) {
    WatchOptions options;
    options.folder = (folder_ / "app").string();
    options.script = (folder_ / "app/app.py").string();
    options.recursive = recursive;
    options.ignored = std::move(ignored);
    options.looks = GetParam();
    options.look_every = 5ms;
    watch_ = std::make_unique<SourceWatch>(std::move(options), [this](const std::string& path) {
      const std::lock_guard lock(mutex_);
      told_.insert(path.substr(folder_.string().size() + 1));
      changed_.notify_all();
    });
    // The watch stands once it tells of something.
    for (int i = 0; !Waits("app/sentinel.py", 20ms); ++i) {
      ASSERT_LT(i, 500);
      Write("app/sentinel.py", std::string(static_cast<std::size_t>(i), 'x'));
    }
    Forget();
  }
  // What comes late of before is taken first.
  void Forget() {
    const std::string name = "app/sentinel" + std::to_string(++sentinels_) + ".py";
    Write(name, "");
    ASSERT_TRUE(Waits(name));
    const std::lock_guard lock(mutex_);
    told_.clear();
  }
  bool Waits(const std::string& path, std::chrono::milliseconds time = 10s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return told_.contains(path); });
  }
  bool Told(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return told_.contains(path);
  }

  fs::path folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> told_;
  int sentinels_ = 0;
  std::unique_ptr<SourceWatch> watch_;
};

TEST_P(SourceWatchTest, TellsOfFilesThatAreWrittenRenamedMadeAndRemoved) {
  Watch(false);
  Write("app/new.py", "1");
  EXPECT_TRUE(Waits("app/new.py"));
  Write("else/app.py", "other");
  fs::rename(folder_ / "else/app.py", folder_ / "app/app.py");
  EXPECT_TRUE(Waits("app/app.py"));
  Forget();
  fs::remove(folder_ / "app/new.py");
  EXPECT_TRUE(Waits("app/new.py"));
}

TEST_P(SourceWatchTest, SeesFoldersBelowOnlyWhereItIsToAndSkipsThoseOfTools) {
  Write("app/lib/part.py", "1");
  Write("app/env/pyvenv.cfg", "");
  Write("app/env/x.py", "1");
  Write("app/data/x.py", "1");
  Watch(true, {"data"});
  for (const char* name :
       {"app/env/x.py", "app/data/x.py", "app/.git/x.py", "app/__pycache__/x.py"})
    Write(name, "22");
  Write("app/lib/part.py", "22");
  EXPECT_TRUE(Waits("app/lib/part.py"));
  for (const char* name :
       {"app/env/x.py", "app/data/x.py", "app/.git/x.py", "app/__pycache__/x.py"})
    EXPECT_FALSE(Told(name)) << name;
  watch_.reset();
  Watch(false);
  Write("app/lib/part.py", "333");
  Forget();
  Write("app/lib/more/x.py", "333");
  Forget();
  EXPECT_FALSE(Told("app/lib/part.py"));
}

TEST_P(SourceWatchTest, FollowsFoldersThatComeAndAreRenamed) {
  Watch(true);
  // At once: of one that is made step by step any step may be the one that is told.
  Write("else/a/b/x.py", "1");
  fs::rename(folder_ / "else/a", folder_ / "app/a");
  EXPECT_TRUE(Waits(GetParam() ? "app/a/b/x.py" : "app/a"));
  Forget();
  Write("app/a/b/x.py", "22");
  EXPECT_TRUE(Waits("app/a/b/x.py"));
  fs::rename(folder_ / "app/a", folder_ / "app/z");
  Forget();
  for (int i = 0; !Waits("app/z/b/x.py", 20ms); ++i) {
    ASSERT_LT(i, 500);
    Write("app/z/b/x.py", std::string(static_cast<std::size_t>(i), 'x'));
  }
}

TEST_P(SourceWatchTest, FollowsTheScriptWhereItIsALinkTo) {
  Write("else/real.py", "1");
  fs::remove(folder_ / "app/app.py");
  fs::create_symlink(folder_ / "else/real.py", folder_ / "app/app.py");
  Watch(false);
  Write("else/real.py", "22");
  EXPECT_TRUE(Waits(GetParam() ? "app/app.py" : "else/real.py"));
}

TEST_P(SourceWatchTest, LinksInACircleEnd) {
  Write("app/a/x.py", "1");
  fs::create_directory_symlink(folder_ / "app", folder_ / "app/a/again");
  Write("other/x.py", "1");
  fs::create_directory_symlink(folder_ / "other", folder_ / "app/link");
  Watch(true);
  Write("other/x.py", "22");
  EXPECT_TRUE(Waits("app/link/x.py"));
}

TEST_P(SourceWatchTest, TheFolderItselfMayGoAndComeBack) {
  Watch(true);
  fs::rename(folder_ / "app", folder_ / "away");
  for (int i = 0; i < 20; ++i) std::this_thread::yield();
  fs::rename(folder_ / "away", folder_ / "app");
  for (int i = 0; !Waits("app/app.py", 50ms); ++i) {
    ASSERT_LT(i, 200);
    Write("app/app.py", std::string(static_cast<std::size_t>(i), 'y'));
  }
}

TEST_P(SourceWatchTest, EndsWhileThousandsOfFilesAreThere) {
  for (int i = 0; i < 1000; ++i)
    Write("app/many/" + std::to_string(i % 50) + "/" + std::to_string(i) + ".py", "1");
  Watch(true);
  Write("app/many/7/7.py", "22");
  EXPECT_TRUE(Waits("app/many/7/7.py"));
}

INSTANTIATE_TEST_SUITE_P(ByWatchingAndByLooking, SourceWatchTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "Looking" : "Watching"; });

}  // namespace
}  // namespace fletbridge::reload
