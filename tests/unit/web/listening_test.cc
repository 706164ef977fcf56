#include "src/ui/web/listening.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

TEST(ListenAddress, IsAPortOrAnAddressWithOne) {
  const auto read = [](std::string_view text) {
    const Result<ListenAddress> address = ParseListenAddress(text);
    return address ? address->host + " " + std::to_string(address->port) : std::string("none");
  };
  EXPECT_EQ(read("9550"), "127.0.0.1 9550");
  EXPECT_EQ(read("*:9550"), "* 9550");
  EXPECT_EQ(read("localhost:0"), "localhost 0");
  EXPECT_EQ(read("10.0.0.1:1"), "10.0.0.1 1");
  EXPECT_EQ(read("[::1]:9550"), "::1 9550");
  for (const char* bad : {"", ":", "*", "a.example:1", "1:65536", "127.0.0.1:", "127.0.0.1:-1"})
    EXPECT_EQ(read(bad), "none") << bad;
}

TEST(ListenAt, GivesTheFreePortAndSaysWhyNot) {
  const Result<Listening> first = ListenAt({"127.0.0.1", 0}, "--port");
  ASSERT_TRUE(first);
  EXPECT_NE(first->address.port, 0);
  const Result<Listening> second = ListenAt(first->address, "--metrics-address");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().Line().find("--metrics-address"), std::string::npos);
}

}  // namespace
}  // namespace fletbridge::web
