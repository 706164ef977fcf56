#include "src/ui/web/workers/worker_line.h"

#include <array>
#include <future>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

using namespace std::chrono_literals;

constexpr auto kDeadline = 60s;

struct Ends {
  Ends() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()), 0);
    first.reset(fds[0]);
    second.reset(fds[1]);
  }
  UniqueFd first, second;
};

TEST(WorkerLine, CarriesMessagesInOrderAndDescriptorsWithThem) {
  Ends ends;
  EventLoop loop;
  std::string heard;
  std::promise<std::string> all;
  std::promise<void> ended;
  WorkerLine to(
      loop, std::move(ends.second),
      [&](LineMessage message) {
        char byte = '-';
        if (message.fd) {
          EXPECT_EQ(::read(message.fd.get(), &byte, 1), 1);
        }
        heard += message.text.substr(0, 3) + byte;
        if (message.word == LineWord::kReady) all.set_value(heard);
      },
      [&] { ended.set_value(); });
  auto from = std::make_unique<WorkerLine>(
      loop, std::move(ends.first), [](LineMessage) {}, [] {});
  loop.Start();
  loop.Post([&] {
    // More than the system holds for a reader that has not come to them.
    for (int i = 100; i < 200; ++i) {
      std::array<int, 2> pipe{};
      ASSERT_EQ(::pipe(pipe.data()), 0);
      ASSERT_EQ(::write(pipe[1], "x", 1), 1);
      ::close(pipe[1]);
      EXPECT_TRUE(from->Send(
          {LineWord::kConnection, std::to_string(i) + std::string(8000, '.'), UniqueFd(pipe[0])}));
    }
    EXPECT_TRUE(from->Send({LineWord::kReady, "end", {}}));
    EXPECT_FALSE(from->Send({LineWord::kReady, std::string(100'000, 'x'), {}})) << "too long";
  });
  std::future<std::string> text = all.get_future();
  ASSERT_EQ(text.wait_for(kDeadline), std::future_status::ready);
  std::string expected;
  for (int i = 100; i < 200; ++i) expected += std::to_string(i) + "x";
  EXPECT_EQ(text.get(), expected + "end-");
  loop.Post([&] { from.reset(); });
  EXPECT_EQ(ended.get_future().wait_for(kDeadline), std::future_status::ready);
  loop.Stop();
  loop.Join();
}

TEST(WorkerLine, KeepsNoMoreThanItsBoundForOneThatDoesNotRead) {
  Ends ends;
  EventLoop loop;
  WorkerLine line(
      loop, std::move(ends.first), [](LineMessage) {}, [] {});
  int taken = 0;
  while (taken < 5000 && line.Send({LineWord::kTellMetrics, "?", {}})) ++taken;
  EXPECT_GE(taken, 256);
  EXPECT_LT(taken, 5000);
}

}  // namespace
}  // namespace fletbridge::web
