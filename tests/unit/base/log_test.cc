#include "common/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

class Log : public testing::Test {
 protected:
  ~Log() override { SetLogLevel(LogLevel::kInfo); }

  static std::string Written(LogLevel level, std::string_view text) {
    testing::internal::CaptureStderr();
    fletbridge::Log(level, text);
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, WritesOneLineWithOurName) {
  EXPECT_EQ(Written(LogLevel::kInfo, "waiting"), "fletbridge: waiting\n");
}

TEST_F(Log, HidesWhatIsBelowTheLevel) {
  EXPECT_EQ(Written(LogLevel::kDebug, "detail"), "");
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Written(LogLevel::kWarning, "hm"), "");
  EXPECT_EQ(Written(LogLevel::kError, "no"), "fletbridge: no\n");
}

TEST_F(Log, ShowsControlCharactersOfAPeerAsEscapes) {
  EXPECT_EQ(Written(LogLevel::kInfo, "a\x1b[2Jb\r"), "fletbridge: a\\x1b[2Jb\\x0d\n");
}

TEST_F(Log, StampsDebugLinesWithTheirTime) {
  SetLogLevel(LogLevel::kDebug);
  EXPECT_THAT(Written(LogLevel::kDebug, "x"),
              testing::MatchesRegex("fletbridge: \\[ *[0-9.]+ ms\\] x\n"));
}

}  // namespace
}  // namespace fletbridge
