#include "common/site/packer.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "common/site/brotli.h"
#include "common/site/gzip.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge::web {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::string Script() {
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i)
    text += "function f" + std::to_string(i * 7919 % 1000) + "() {}\n";
  return text;
}

std::shared_ptr<Body> BodyOf(std::string bytes) {
  auto body = std::make_shared<Body>();
  body->gzip = Gzip(bytes);
  body->etag = "\"" + std::to_string(std::hash<std::string>()(bytes)) + "\"";
  body->bytes = std::move(bytes);
  return body;
}

bool HasBrotli(const Body& body, std::chrono::seconds within = 40s) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!body.brotli() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(5ms);  // nothing tells of it
  return body.brotli() != nullptr;
}

class PackerTest : public testing::Test {
 protected:
  [[nodiscard]] std::string folder() const { return temp_.path() + "/cache/web"; }
  [[nodiscard]] std::string FileOf(const Body& body) const {
    return folder() + "/" + body.etag.substr(1, body.etag.size() - 2) + ".br";
  }
  void MakeOne(const std::shared_ptr<Body>& body) const {
    Packer packer(folder(), 0ms);
    packer.Want(body);
    ASSERT_TRUE(HasBrotli(*body));
  }

  const TempFolder temp_;
  const std::atomic<bool> goes_on_{false};
};

TEST_F(PackerTest, AFormIsSmallerThanGzipAndOfTheSameBytes) {
  const auto body = BodyOf(Script());
  MakeOne(body);
  EXPECT_LT(body->brotli()->size(), body->gzip.size());
  EXPECT_TRUE(IsBrotliOf(*body->brotli(), body->bytes));
  EXPECT_FALSE(IsBrotliOf(*body->brotli(), body->bytes + "x"));
  EXPECT_FALSE(IsBrotliOf(*body->brotli(), body->bytes.substr(1)));
  EXPECT_FALSE(IsBrotliOf(*body->brotli() + "x", body->bytes));
  EXPECT_FALSE(IsBrotliOf(body->brotli()->substr(0, 100), body->bytes));
  EXPECT_FALSE(IsBrotliOf("no brotli", body->bytes));
}

TEST_F(PackerTest, AFormThatIsKeptIsThereAtOnce) {
  const auto body = BodyOf(Script());
  MakeOne(body);
  struct stat info {};
  ASSERT_EQ(::stat(folder().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  Packer another(folder(), 1h);
  const auto same = BodyOf(Script());
  another.Want(same);
  ASSERT_TRUE(same->brotli());
  EXPECT_EQ(*same->brotli(), *body->brotli());
}

TEST_F(PackerTest, AFileThatIsNoFormOfTheBytesIsNotBelieved) {
  const auto body = BodyOf(Script());
  MakeOne(body);
  for (const std::string& wrong :
       {std::string("x"), *Brotli(Script() + "evil()", goes_on_), std::string(1 << 20, 'x')}) {
    fs::remove(FileOf(*body));
    ASSERT_FALSE(UniqueFd(::open(FileOf(*body).c_str(), O_RDONLY)));
    std::ofstream(FileOf(*body)) << wrong;
    Packer another(folder(), 1h);
    const auto same = BodyOf(Script());
    another.Want(same);
    EXPECT_FALSE(same->brotli());
  }
}

TEST_F(PackerTest, OneProcessAtATimeMakesOne) {
  fs::create_directories(folder());
  const UniqueFd turn(::open((folder() + "/turn").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(turn.get(), LOCK_EX), 0);
  Packer packer(folder(), 0ms);
  const auto body = BodyOf(Script());
  packer.Want(body);
  EXPECT_FALSE(HasBrotli(*body, 1s));
  ::flock(turn.get(), LOCK_UN);
  EXPECT_TRUE(HasBrotli(*body));
}

TEST_F(PackerTest, WhereNothingCanBeKeptNothingIsMade) {
  std::ofstream(temp_.path() + "/cache") << "a file";
  Packer packer(folder(), 0ms);
  const auto body = BodyOf(Script());
  packer.Want(body);
  EXPECT_FALSE(HasBrotli(*body, 1s));
}

TEST_F(PackerTest, WhatIsSmallOrDoesNotPayIsLeft) {
  Packer packer(folder(), 0ms);
  const auto small = BodyOf(std::string(1000, 'a'));
  const auto packed = BodyOf(Script());
  packed->gzip.clear();
  packer.Want(small);
  packer.Want(packed);
  EXPECT_FALSE(HasBrotli(*small, 1s));
  EXPECT_FALSE(packed->brotli());
}

TEST_F(PackerTest, TheEndWaitsForNoForm) {
  std::string noise;
  for (std::uint32_t x = 1; noise.size() < (std::size_t{8} << 20); x = x * 1664525 + 1013904223)
    noise.push_back("abcdefgh"[x >> 29]);
  const auto body = BodyOf(noise);
  {
    Packer packer(folder(), 0ms);
    packer.Want(body);
    while (!fs::exists(folder() + "/turn")) std::this_thread::sleep_for(1ms);
  }
  EXPECT_FALSE(body->brotli());
}

}  // namespace
}  // namespace fletbridge::web
