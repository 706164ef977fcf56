// What may be told or not, by system: what is told must be true.
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/platform/file_watch.h"
#include "common/platform/peer.h"
#include "common/platform/self.h"

namespace fletbridge::platform {
namespace {

namespace fs = std::filesystem;

bool IsReadable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(UnixPeer, IsOurselvesOrCannotBeTold) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  const auto peer = PeerOf(one.get());
  if (peer) {
    EXPECT_EQ(peer->user, ::geteuid());
  } else {
    EXPECT_EQ(peer.error().value(), ENOTSUP) << "who asks must refuse";
  }
}

TEST(UnixPeer, ItsEndIsToldWhileWhatItHasSentIsUnread) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd one(ends[0]);
  UniqueFd other(ends[1]);
  const UniqueFd watch = WatchForPeerEnd(one.get());
  if (!watch) return;  // the system has nothing of the kind
  ASSERT_EQ(::write(other.get(), "x", 1), 1);
  EXPECT_FALSE(IsReadable(watch.get()));
  other.reset();
  EXPECT_TRUE(IsReadable(watch.get()));
}

TEST(FileWatch, TellsOfANewFileOrIsNotToBeHad) {
  std::string folder = fs::temp_directory_path() / "platform-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const UniqueFd watch = WatchFile(folder, FileEvent::kMadeInFolder);
  const std::string path = folder + "/new";
  { const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }
  if (watch) {
    EXPECT_TRUE(IsReadable(watch.get()));
    TakeFileEvents(watch.get());
    EXPECT_FALSE(IsReadable(watch.get()));
  }
  fs::remove_all(folder);
}

TEST(Self, TheOwnProgramIsAFileIfItIsTold) {
  const std::string program = OwnProgram();
  EXPECT_TRUE(program.empty() || fs::path(program).filename() == "unit_platform") << program;
}

TEST(Self, TheAgeGrowsIfItIsTold) {
  const auto before = Age();
  if (!before) return;
  EXPECT_GE(before->count(), 0);
  EXPECT_GE(Age()->count(), before->count());
}

TEST(Self, TwoThreadsHaveTwoNumbers) {
  unsigned long other = 0;
  std::thread([&] { other = ThreadNumber(); }).join();
  EXPECT_EQ(ThreadNumber(), ThreadNumber());
  EXPECT_NE(ThreadNumber(), other);
}

TEST(Self, TmpIsTheLastFolderForTemporaryOnes) { EXPECT_EQ(TemporaryFolders().back(), "/tmp"); }

}  // namespace
}  // namespace fletbridge::platform
