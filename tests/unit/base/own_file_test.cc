#include "common/base/own_file.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kSomebodyElse = 65534;

// Where everybody may write, as in /tmp.
class OwnFileTest : public testing::Test {
 protected:
  OwnFileTest() { EXPECT_EQ(::chmod(shared_.path().c_str(), 01777), 0); }

  std::string In(const std::string& name) const { return shared_.path() + "/" + name; }

  // Who may be somebody else is root alone.
  static bool CanBeSomebodyElse() { return ::geteuid() == 0; }
  static void AsSomebodyElse(const std::function<bool()>& done) {
    const pid_t child = ::fork();
    if (child == 0) {
      const bool good = ::setresuid(kSomebodyElse, kSomebodyElse, kSomebodyElse) == 0 && done();
      ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }

  static void Refuses(const std::string& path, const std::string& why) {
    const Result<OwnFile> seen = LookAtOwnFile(path);
    ASSERT_FALSE(seen) << path;
    EXPECT_EQ(seen.error().code, Errc::kUsage);
    EXPECT_THAT(seen.error().Line(), HasSubstr(why));
    const Result<UniqueFd> created = CreateOwnFile(path, 0600);
    ASSERT_FALSE(created) << path;
    EXPECT_THAT(created.error().Line(), HasSubstr(why));
    const Result<> written = WriteOwnFile(path, "text");
    ASSERT_FALSE(written) << path;
    EXPECT_THAT(written.error().Line(), HasSubstr(why));
  }

  const TempFolder shared_;
};

TEST_F(OwnFileTest, MakesAFileAnewInPlaceOfAnOlderOne) {
  const std::string path = shared_.Write("a.rec", "old");
  EXPECT_EQ(LookAtOwnFile(path)->kind, OwnFileKind::kFile);
  const UniqueFd old(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const Result<UniqueFd> fd = CreateOwnFile(path, 0600);
  ASSERT_TRUE(fd);
  ASSERT_EQ(::write(fd->get(), "new", 3), 3);
  EXPECT_EQ(shared_.Read("a.rec"), "new");
  char seen[4] = {};
  EXPECT_EQ(::read(old.get(), seen, 3), 3);
  EXPECT_STREQ(seen, "old");  // whoever had it open sees nothing of ours
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(LookAtOwnFile(In("new"))->kind, OwnFileKind::kNew);
}

TEST_F(OwnFileTest, WritesWholeAndLeavesNothingElse) {
  ASSERT_TRUE(WriteOwnFile(In("report"), "one"));
  ASSERT_TRUE(WriteOwnFile(In("report"), "two"));
  EXPECT_EQ(shared_.Read("report"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(shared_.path()), {}), 1);
}

TEST_F(OwnFileTest, RefusesWhatIsNoPlaceForAFile) {
  Refuses(shared_.path(), "it is a folder");
  Refuses(shared_.path() + "/", "it is a folder");
  Refuses("", "it has no name");
  Refuses(In("none/file"), "there is no folder " + In("none"));
  Refuses(shared_.Write("plain") + "/file", "there is no folder");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = In("socket");
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  Refuses(path, "it is no file");
}

TEST_F(OwnFileTest, FollowsOurOwnLinks) {
  fs::create_directory(In("real"));
  fs::create_symlink("real/report", In("link"));
  ASSERT_TRUE(WriteOwnFile(In("link"), "text"));
  EXPECT_EQ(shared_.Read("real/report"), "text");
  EXPECT_TRUE(fs::is_symlink(In("link")));
  fs::create_symlink(In("loop"), In("loop"));
  EXPECT_FALSE(WriteOwnFile(In("loop"), "text"));
}

TEST_F(OwnFileTest, RefusesAnotherUsersFileLinkAndFifoInASharedFolder) {
  const TempFolder victim;
  const std::string file = In("file"), link = In("link"), dangling = In("dangling"),
                    fifo = In("fifo");
  if (!CanBeSomebodyElse()) {  // then at least these, which another user's lead to
    Refuses("/etc/passwd", "Permission denied");
    return;
  }
  victim.Write("there", "kept");
  AsSomebodyElse([&] {
    const UniqueFd made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    return made && ::symlink((victim.path() + "/there").c_str(), link.c_str()) == 0 &&
           ::symlink((victim.path() + "/new").c_str(), dangling.c_str()) == 0 &&
           ::mkfifo(fifo.c_str(), 0666) == 0 && ::chmod(fifo.c_str(), 0666) == 0;
  });
  const UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Refuses(file, "it belongs to another user");
  Refuses(link, "it is a link that another user has made");
  Refuses(dangling, "it is a link that another user has made");
  Refuses(fifo, "it belongs to another user");
  EXPECT_EQ(victim.Read("there"), "kept");
  EXPECT_FALSE(fs::exists(victim.path() + "/new"));
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0);
}

TEST_F(OwnFileTest, ReplacesWhatAnotherUserHasLeftInAFolderOfOurOwn) {
  const TempFolder ours;
  const std::string path = ours.Write("report", "theirs");
  if (CanBeSomebodyElse()) {
    ASSERT_EQ(::chown(path.c_str(), kSomebodyElse, kSomebodyElse), 0);
  }
  ASSERT_TRUE(WriteOwnFile(path, "ours"));
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, ::geteuid());
}

TEST_F(OwnFileTest, WritesToAFifoThatIsReadAndDoesNotWaitForOneThatIsNot) {
  ASSERT_EQ(::mkfifo(In("fifo").c_str(), 0600), 0);
  EXPECT_EQ(LookAtOwnFile(In("fifo"))->kind, OwnFileKind::kStream);
  EXPECT_THAT(CreateOwnFile(In("fifo"), 0600).error().Line(), HasSubstr("nobody reads it"));
  EXPECT_THAT(WriteOwnFile(In("fifo"), "text").error().Line(), HasSubstr("nobody reads it"));
  UniqueFd reader(::open(In("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(WriteOwnFile(In("fifo"), "text"));
  char seen[5] = {};
  EXPECT_EQ(::read(reader.get(), seen, 4), 4);
  EXPECT_STREQ(seen, "text");
}

TEST_F(OwnFileTest, GivesUpOnAReaderThatStandsStillOrGoesAway) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const std::string path = "/dev/fd/" + std::to_string(writer.get());
  const std::string much(1 << 20, 'x');
  const auto from = std::chrono::steady_clock::now();
  EXPECT_FALSE(WriteOwnFile(path, much));
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(60));
  reader.reset();
  EXPECT_FALSE(WriteOwnFile(path, much));  // and the process lives on
}

// As of a shell's `>>`: what was written before stays.
TEST_F(OwnFileTest, GoesOnInOneOfOurDescriptors) {
  const std::string path = In("log");
  const UniqueFd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(log.get(), "one ", 4), 4);
  ASSERT_TRUE(WriteOwnFile("/proc/self/fd/" + std::to_string(log.get()), "two"));
  EXPECT_EQ(shared_.Read("log"), "one two");
  const UniqueFd input(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(WriteOwnFile("/dev/fd/" + std::to_string(input.get()), "text"));
  EXPECT_FALSE(WriteOwnFile("/dev/fd/9999", "text"));
}

TEST_F(OwnFileTest, SaysThatTheDiskIsFull) {
  const Result<> written = WriteOwnFile("/dev/full", "text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().Line(), "No space left on device");
  EXPECT_NE(written.error().code, Errc::kUsage);
}

}  // namespace
}  // namespace fletbridge
