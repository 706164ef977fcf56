#include "common/base/event_loop.h"

#include <atomic>
#include <new>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/support/mailbox.h"

namespace fletbridge {
namespace {

TEST(EventLoop, RunsTasksInTheOrderOfTheCalls) {
  EventLoop loop;
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) loop.Post([&order, i] { order.push_back(i); });
  loop.Start();
  OnLoop(loop, [] {});
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(EventLoop, KnowsItsOwnThread) {
  EventLoop loop;
  loop.Start();
  EXPECT_FALSE(loop.InLoop());
  EXPECT_TRUE(OnLoop(loop, [&loop] { return loop.InLoop(); }));
}

TEST(EventLoop, NeverRunsATaskInsideTheCallThatPostsIt) {
  EventLoop loop;
  loop.Start();
  const bool ran_inside = OnLoop(loop, [&loop] {
    auto ran = std::make_shared<bool>(false);
    loop.Post([ran] { *ran = true; });
    return *ran;
  });
  EXPECT_FALSE(ran_inside);
}

TEST(EventLoop, LeavesSignalsToOtherThreads) {
  EventLoop loop;
  loop.Start();
  const bool blocked = OnLoop(loop, [] {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    return sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
  });
  sigset_t ours;
  pthread_sigmask(SIG_BLOCK, nullptr, &ours);
  EXPECT_TRUE(blocked);
  EXPECT_EQ(sigismember(&ours, SIGTERM), 0);
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  EventLoop loop;
  loop.Start();
  int ran = 0;  // the loop's thread only
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) loop.Post([&ran] { ++ran; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(OnLoop(loop, [&ran] { return ran; }), 4000);
}

TEST(EventLoop, TellsOfAnExceptionAndGoesOn) {
  EventLoop loop;
  Mailbox<std::string> told;
  loop.OnFailure([&](const std::string& what) {
    EXPECT_TRUE(loop.InLoop());
    told.Put(what);
  });
  loop.Start();
  loop.Post([] { throw std::bad_alloc(); });
  loop.Post([] { throw std::runtime_error("broken"); });
  loop.Post([] { throw 1; });
  EXPECT_EQ(told.Take(), "std::bad_alloc");
  EXPECT_EQ(told.Take(), "broken");
  EXPECT_EQ(told.Take(), "an unknown exception");
  EXPECT_TRUE(OnLoop(loop, [] { return true; }));
}

TEST(EventLoop, SurvivesAnExceptionThatNobodyIsToldOf) {
  testing::internal::CaptureStderr();
  EventLoop loop;
  loop.Start();
  loop.Post([] { throw std::runtime_error("nobody asked"); });
  OnLoop(loop, [] {});
  OnLoop(loop, [&loop] {
    loop.OnFailure([](const std::string&) { throw std::runtime_error("fails as well"); });
  });
  loop.Post([] { throw std::runtime_error("the first of two"); });
  OnLoop(loop, [] {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "fletbridge: nobody asked\nfletbridge: the first of two\n");
}

TEST(EventLoop, MayBeStoppedAndJoinedTwice) {
  EventLoop loop;
  loop.Start();
  loop.Stop();
  loop.Stop();
  loop.Join();
  loop.Join();
}

}  // namespace
}  // namespace fletbridge
