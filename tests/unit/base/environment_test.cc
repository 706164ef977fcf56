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

std::size_t Places() {
  std::size_t count = 0;
  while (environ[count] != nullptr) ++count;
  return count;
}

TEST(Environment, TakesNoPlaceFromOneWhoHasCounted) {
  for (const char* name : {"FLETBRIDGE_TEST_1", "FLETBRIDGE_TEST_2"}) SetVariable(name, "value");
  const std::size_t counted = Places();
  UnsetVariable("FLETBRIDGE_TEST_1");
  UnsetVariable("FLETBRIDGE_TEST_2");
  // As the Dart VM does it, from the start of the list at each place.
  for (std::size_t i = 0; i < counted; ++i) EXPECT_NE(environ[i], nullptr);
}

TEST(Environment, GivesThePlaceOfARemovedVariableToANewOne) {
  SetVariable("FLETBRIDGE_TEST_OLD", "value");
  const std::size_t before = Places();
  for (int i = 0; i < 1000; ++i) {
    UnsetVariable("FLETBRIDGE_TEST_OLD");
    SetVariable("FLETBRIDGE_TEST_NEW", "value");
    UnsetVariable("FLETBRIDGE_TEST_NEW");
    SetVariable("FLETBRIDGE_TEST_OLD", "value");
  }
  EXPECT_EQ(Places(), before);
}

TEST(Environment, LivesWithTheCLibrarysOwnClearing) {
  char** const before = environ;
  for (const char* name : {"FLETBRIDGE_TEST_1", "FLETBRIDGE_TEST_2"}) SetVariable(name, "value");
  ::clearenv();
  SetVariable("FLETBRIDGE_TEST_2", "alone");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_1"), "(none)");
  EXPECT_EQ(Variable("FLETBRIDGE_TEST_2"), "alone");
  environ = before;
}

// With setenv() and unsetenv() this crashes: the list moves as it grows, and loses its last place.
TEST(Environment, GrowsAndShrinksWhileAnotherThreadReads) {
  SetVariable("FLETBRIDGE_TEST_LAST", "here");
  std::atomic<bool> done{false};
  std::thread reader([&done] {
    while (!done.load()) {
      EXPECT_EQ(Variable("FLETBRIDGE_TEST_LAST"), "here");
      const std::size_t count = Places();
      for (std::size_t i = 0; i < count; ++i) EXPECT_NE(environ[i], nullptr);
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
