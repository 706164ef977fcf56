#include "src/ui/web/keyed_hash.h"

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

using testing::HasSubstr;

// RFC 4231, test cases 2 and 6.
TEST(KeyedHash, IsHmacOfSha256) {
  EXPECT_EQ(KeyedHash("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      KeyedHash(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(KeyedHash, TakesNoKeyThatOthersCanReadAndNoneThatIsShort) {
  const std::string path = testing::TempDir() + "fletbridge-key-" + std::to_string(::getpid());
  std::ofstream(path) << std::string(32, 'k');
  ::chmod(path.c_str(), 0600);
  const Result<std::string> key = ReadKey(path);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, std::string(32, 'k'));
  ::chmod(path.c_str(), 0604);
  EXPECT_THAT(ReadKey(path).error().Line(), HasSubstr("chmod 600"));
  ::chmod(path.c_str(), 0600);
  std::ofstream(path) << "short";
  EXPECT_THAT(ReadKey(path).error().Line(), HasSubstr("less than 32 bytes"));
  std::ofstream(path) << std::string(5000, 'k');
  EXPECT_THAT(ReadKey(path).error().Line(), HasSubstr("more than 4096 bytes"));
  ::unlink(path.c_str());
  EXPECT_THAT(ReadKey(path).error().Line(), HasSubstr("urandom"));
  EXPECT_THAT(ReadKey(testing::TempDir()).error().Line(), HasSubstr("no file"));
}

}  // namespace
}  // namespace fletbridge::web
