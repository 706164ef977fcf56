#include "src/clients/sha256.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

// The examples of FIPS 180-4, and lengths around the block's end.
TEST(Sha256, GivesTheDigestsOfTheStandardsExamples) {
  EXPECT_EQ(Sha256Of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesComeIn) {
  for (const std::size_t size : {55u, 56u, 63u, 64u, 65u, 119u, 120u, 128u}) {
    const std::string text(size, 'x');
    Sha256 sum;
    for (const char c : text) sum.Add({&c, 1});
    EXPECT_EQ(sum.Hex(), Sha256Of(text)) << size;
  }
}

TEST(Sha256, ReadsFilesAndNamesTheOneItCannotRead) {
  const TempFolder folder;
  EXPECT_EQ(*Sha256OfFile(folder.Write("abc", "abc")), Sha256Of("abc"));
  const Result<std::string> none = Sha256OfFile(folder.path() + "/none");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().Line(), testing::HasSubstr(folder.path() + "/none"));
}

}  // namespace
}  // namespace fletbridge
