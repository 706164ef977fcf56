#include "common/base/error.h"

#include <gtest/gtest.h>

#include "common/base/cause.h"
#include "common/base/counted.h"

namespace fletbridge {
namespace {

TEST(Error, SpeaksItsContextAndElseItsCode) {
  EXPECT_EQ(MakeError(Errc::kSetup, "no flet; pip install flet").Line(),
            "no flet; pip install flet");
  EXPECT_EQ(MakeError(Errc::kPeerGone, "").Line(), "the other side is gone");
}

TEST(Error, ComparesByCode) {
  const Error error = MakeError(Errc::kLimit, "x");
  EXPECT_EQ(error.code, Errc::kLimit);
  EXPECT_NE(error.code, Errc::kClosed);
}

TEST(Result, CarriesAnErrorWithItsContext) {
  const Result<int> result = MakeError(Errc::kUsage, "no such stage");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().context, "no such stage");
}

TEST(Cause, NamesWhatIsShortAndWhatHelps) {
  EXPECT_EQ(CauseAndRemedy(EACCES, "name another one"), "Permission denied; name another one");
  EXPECT_EQ(CauseAndRemedy(EMFILE, "name another one"),
            "Too many open files; this process may open no more: raise its limit with ulimit -n");
  for (const int number : {EMFILE, ENFILE, EAGAIN, ENOMEM, EFBIG, ENOSPC, EDQUOT})
    EXPECT_EQ(CauseAndRemedy(number, "another").find("another"), std::string::npos) << number;
}

TEST(Cause, IsReadOffAnException) {
  const boost::system::system_error full(EMFILE, boost::system::system_category(), "epoll");
  EXPECT_EQ(CauseOf(full), CauseAndRemedy(EMFILE, {}));
  EXPECT_EQ(CauseOf(std::system_error(EAGAIN, std::generic_category())),
            CauseAndRemedy(EAGAIN, {}));
  EXPECT_EQ(CauseOf(std::bad_alloc()), CauseAndRemedy(ENOMEM, {}));
  EXPECT_EQ(CauseOf(std::runtime_error("what it says")), "what it says");
}

TEST(Counted, KnowsOneFromMany) {
  EXPECT_EQ(Counted(0, "start"), "0 starts");
  EXPECT_EQ(Counted(1, "start"), "1 start");
  EXPECT_EQ(Counted(2, "byte follows", "bytes follow"), "2 bytes follow");
}

}  // namespace
}  // namespace fletbridge
