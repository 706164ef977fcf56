#include "common/process/runtime_dir.h"

#include <chrono>
#include <filesystem>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;
using testing::StartsWith;

class RuntimeDirTest : public testing::Test {
 protected:
  static RuntimeDir Make() {
    Result<RuntimeDir> dir = RuntimeDir::Create();
    EXPECT_TRUE(dir);
    return dir ? std::move(*dir) : RuntimeDir();
  }
  // Leaves what a killed run leaves; returns the folder's path.
  static std::string LeaveByKilledRun() {
    int fds[2];
    EXPECT_EQ(::pipe(fds), 0);
    const pid_t run = ::fork();
    if (run == 0) {
      const RuntimeDir dir = Make();
      if (::write(fds[1], dir.path().data(), dir.path().size()) > 0) ::close(fds[1]);
      for (;;) ::pause();
    }
    ::close(fds[1]);
    std::string path(200, '\0');
    const ssize_t n = ::read(fds[0], path.data(), path.size());
    path.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    ::close(fds[0]);
    ::kill(run, SIGKILL);
    ::waitpid(run, nullptr, 0);
    return path;
  }

  const TempFolder base_;
  const ScopedVariable runtime_{"XDG_RUNTIME_DIR", base_.path()};
};

TEST_F(RuntimeDirTest, IsForItsUserAlone) {
  const RuntimeDir dir = Make();
  struct stat info {};
  ASSERT_EQ(::stat(dir.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
  EXPECT_THAT(dir.path(), StartsWith(base_.path() + "/fletbridge-"));
}

TEST_F(RuntimeDirTest, GoesWithItsContent) {
  std::string path;
  {
    const RuntimeDir dir = Make();
    path = dir.path();
    fs::create_directory(dir.File("shim"));
    std::ofstream(dir.File("shim/a.py")) << "x";
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::is_empty(base_.path()));
}

TEST_F(RuntimeDirTest, MayBeRemovedTwice) {
  RuntimeDir dir = Make();
  dir.Remove();
  EXPECT_TRUE(fs::is_empty(base_.path()));
  dir.Remove();
}

TEST_F(RuntimeDirTest, MovesAndIsRemovedOnce) {
  RuntimeDir first = Make();
  const std::string path = first.path();
  RuntimeDir second = std::move(first);
  first.Remove();  // NOLINT(bugprone-use-after-move): a moved one is empty
  EXPECT_TRUE(fs::exists(path));
  second = Make();
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(RuntimeDirTest, SweepsWhatAKilledRunLeft) {
  const std::string left = LeaveByKilledRun();
  ASSERT_TRUE(fs::exists(left)) << left;
  const RuntimeDir dir = Make();
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(dir.path()));
}

TEST_F(RuntimeDirTest, LeavesALivingRunAlone) {
  const RuntimeDir living = Make();
  const RuntimeDir next = Make();
  EXPECT_NE(living.path(), next.path());
  EXPECT_TRUE(fs::exists(living.File("lock")));
}

// Each start sweeps what it takes for a dead one's.
TEST_F(RuntimeDirTest, KeepsItsFolderWhileOthersStart) {
  constexpr int kProcesses = 4;
  constexpr int kTurns = 1500;
  std::vector<pid_t> runs;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t run = ::fork();
    if (run == 0) {
      ::alarm(100);
      for (int turn = 0; turn < kTurns; ++turn) {
        Result<RuntimeDir> dir = RuntimeDir::Create();
        if (!dir) ::_exit(1);
        ::usleep(20);
        if (!fs::exists(dir->File("lock"))) ::_exit(2);
      }
      ::_exit(0);
    }
    runs.push_back(run);
  }
  for (const pid_t run : runs) {
    int status = 0;
    ASSERT_EQ(::waitpid(run, &status, 0), run);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(fs::is_empty(base_.path()));
}

TEST_F(RuntimeDirTest, SweepsWhatARunLeftThatWasKilledBeforeItHadALock) {
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  const std::string empty = base_.path() + "/fletbridge-aaaaaa";
  const std::string unlocked = base_.path() + "/fletbridge-bbbbbb";
  const std::string young = base_.path() + "/fletbridge-cccccc";
  for (const std::string& folder : {empty, unlocked, young}) fs::create_directory(folder);
  base_.Write("fletbridge-bbbbbb/lock.new", "");
  base_.Write("fletbridge-cccccc/lock.new", "");
  fs::last_write_time(unlocked + "/lock.new", long_ago);
  fs::last_write_time(empty, long_ago);
  const RuntimeDir dir = Make();
  EXPECT_FALSE(fs::exists(empty));
  EXPECT_FALSE(fs::exists(unlocked));
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(RuntimeDirTest, SweepsNothingThatIsNotOurs) {
  fs::create_directory(base_.path() + "/fletbridge-notes");
  base_.Write("fletbridge-file", "x");
  base_.Write("other/lock", "x");
  fs::create_directory_symlink(base_.path() + "/other", base_.path() + "/fletbridge-link");
  const RuntimeDir dir = Make();
  for (const char* name :
       {"fletbridge-notes", "fletbridge-file", "other/lock", "fletbridge-link"}) {
    EXPECT_TRUE(fs::exists(base_.path() + "/" + name)) << name;
  }
}

TEST_F(RuntimeDirTest, GoesElsewhereWhereNothingCanBeWritten) {
  const TempFolder other;
  const ScopedVariable temporary("TMPDIR", other.path());
  for (const std::string& useless :
       {base_.path() + "/missing", base_.Write("file"), base_.path() + "/" + std::string(80, 'l'),
        base_.path() + "/with blank", std::string("relative"), std::string()}) {
    if (!useless.ends_with("missing") && !useless.ends_with("file") && !useless.empty() &&
        useless.front() == '/') {
      fs::create_directory(useless);
    }
    const ScopedVariable runtime("XDG_RUNTIME_DIR", useless);
    EXPECT_THAT(Make().path(), StartsWith(other.path() + "/fletbridge-")) << useless;
  }
}

TEST_F(RuntimeDirTest, GoesToTmpWithoutAnyVariable) {
  const ScopedVariable runtime("XDG_RUNTIME_DIR", std::nullopt);
  const ScopedVariable temporary("TMPDIR", std::nullopt);
  EXPECT_THAT(Make().path(), StartsWith("/tmp/fletbridge-"));
}

TEST_F(RuntimeDirTest, GivesPathsShortEnoughForASocket) {
  const std::string longest = base_.path() + "/" + std::string(80 - base_.path().size() - 1, 'l');
  fs::create_directory(longest);
  const ScopedVariable runtime("XDG_RUNTIME_DIR", longest);
  const RuntimeDir dir = Make();
  EXPECT_THAT(dir.path(), StartsWith(longest));
  EXPECT_LE(dir.File("app.sock").size(), 107u);
}

}  // namespace
}  // namespace fletbridge
