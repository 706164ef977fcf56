#include "src/ui/web/workers/sticky.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

std::string Pair(const Sticky& sticky, int worker) {
  const std::string cookie = sticky.SetCookie(worker);
  return cookie.substr(0, cookie.find(';'));
}

TEST(StickyCookie, LeadsBackToItsWorker) {
  const Sticky sticky("key", WorkerCookie("", 8550));
  for (const int worker : {0, 1, 63})
    EXPECT_EQ(sticky.WorkerOf("a=b; " + Pair(sticky, worker) + "; c=d"), worker);
  EXPECT_EQ(Pair(sticky, 1), Pair(Sticky("key", WorkerCookie("", 8550)), 1)) << "of another run";
}

TEST(StickyCookie, OfSomebodyElseLeadsNowhere) {
  const Sticky sticky("key", WorkerCookie("", 8550));
  const std::string one = Pair(sticky, 1);
  const std::string name = one.substr(0, one.find('=') + 1);
  for (const std::string& cookies :
       {std::string(), one.substr(0, one.size() - 1), name + "2" + one.substr(name.size() + 1),
        Pair(Sticky("another key", WorkerCookie("", 8550)), 1),
        Pair(Sticky("key", WorkerCookie("", 8551)), 1), name, name + ".", name + "-1.",
        name + "99999999999.", name + std::string(5000, '1')})
    EXPECT_EQ(sticky.WorkerOf(cookies), std::nullopt) << cookies;
  EXPECT_EQ(Sticky().WorkerOf(one), std::nullopt);
}

TEST(RequestHead, IsReadAsFarAsItsEmptyLine) {
  const std::string head = "GET / HTTP/1.1\r\nhost: a\r\nCOOKIE:  x=1 \r\nX-Cookie: no\r\n\r\n";
  EXPECT_EQ(EndOfHead(head + "body"), head.size());
  EXPECT_EQ(EndOfHead(head.substr(0, head.size() - 1)), std::nullopt);
  EXPECT_EQ(HeaderIn(head, "cookie"), "x=1");
  EXPECT_EQ(HeaderIn(head, "Host"), "a");
  EXPECT_EQ(HeaderIn(head, "origin"), "");
}

}  // namespace
}  // namespace fletbridge::web
