#include "common/base/environment.h"

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "(none)";
}

TEST(Environment, SetsChangesAndUnsets) {
  SetVariable("FLETBRIDGE_TEST_A", "1");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_A"), "1");
  SetVariable("FLETBRIDGE_TEST_A", "two=2");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_A"), "two=2");
  SetVariable("FLETBRIDGE_TEST", "");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST"), "");
  UnsetVariable("FLETBRIDGE_TEST_A");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_A"), "(none)");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST"), "");
  UnsetVariable("FLETBRIDGE_TEST");
  UnsetVariable("FLETBRIDGE_TEST");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST"), "(none)");
}

TEST(Environment, LivesWithTheCLibrarysOwnChanges) {
  SetVariable("FLETBRIDGE_TEST_OURS", "1");
  ::setenv("FLETBRIDGE_TEST_THEIRS", "2", 1);
  SetVariable("FLETBRIDGE_TEST_MORE", "3");
  ::setenv("FLETBRIDGE_TEST_OURS", "4", 1);
  ::unsetenv("FLETBRIDGE_TEST_MORE");
  SetVariable("FLETBRIDGE_TEST_THEIRS", "5");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_OURS"), "4");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_THEIRS"), "5");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_MORE"), "(none)");
}

// With setenv() and unsetenv() this crashes: the list moves as it grows, and loses its last place.
TEST(Environment, GrowsAndShrinksWhileAnotherThreadReads) {
  SetVariable("FLETBRIDGE_TEST_LAST", "here");
  std::atomic<bool> done{false};
  std::thread reader([&done] {
    while (!done.load()) {
      EXPECT_EQ(Variable("FLETBRIDGE_TEST_LAST"), "here");
      char** list = environ;
      std::size_t count = 0;
      while (list[count] != nullptr) ++count;
      for (std::size_t i = 0; i < count; ++i) EXPECT_NE(list[i], nullptr);
    }
  });
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 300; ++i) SetVariable("FLETBRIDGE_TEST_" + std::to_string(i), "value");
    for (int i = 0; i < 300; ++i) UnsetVariable("FLETBRIDGE_TEST_" + std::to_string(i));
  }
  done.store(true);
  reader.join();
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_299"), "(none)");
}

}  // namespace
}  // namespace fletbridge
