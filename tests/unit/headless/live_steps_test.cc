#include "src/ui/headless/live_steps.h"

#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge::headless {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto kDeadline = 20s;

// Whoever gives the steps, on its end of the connection.
class LiveStepsTest : public testing::Test {
 protected:
  LiveStepsTest() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
  }
  ~LiveStepsTest() override {
    loop_.Stop();
    loop_.Join();
  }

  void Start() {
    steps_ = std::make_unique<LiveSteps>(
        loop_, path_,
        LiveSteps::Calls{
            .run =
                [this](const Steps&, const LiveRun& how) {
                  runs_.push_back(how.delay);
                  all_answer_ = how.all_answer;
                  names_ = how.names;
                },
            .clickables =
                [this](const std::optional<Finder>&) {
                  ++asked_;
                  return std::vector<Clickable>(1000, {"type=Button index=0", "Button", ""});
                },
            .read = [](const Finder& finder) -> std::optional<std::string> {
              if (finder.key == "number") return "42";
              return std::nullopt;
            },
            .hung_up = [this](const Error& why) { hung_up_.set_value(why); }});
    loop_.Start();
    loop_.Post([this] { steps_->Start(); });
    driver_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    ASSERT_TRUE(driver_);
  }
  // Until all is written, or the other side stands still or has hung up.
  std::size_t Write(std::string_view text) {
    const std::size_t all = text.size();
    while (!text.empty()) {
      pollfd ready{driver_.get(), POLLOUT, 0};
      if (::poll(&ready, 1, 500) <= 0 || (ready.revents & POLLHUP) != 0) break;
      const ssize_t n = ::send(driver_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return all - text.size();
  }
  void OnLoop(const std::function<void()>& what) {
    std::promise<void> done;
    loop_.Post([&] {
      what();
      done.set_value();
    });
    ASSERT_EQ(done.get_future().wait_for(kDeadline), std::future_status::ready);
  }
  std::string WhyHungUp() {
    std::future<Error> why = hung_up_.get_future();
    if (why.wait_for(kDeadline) != std::future_status::ready) return "nobody hung up";
    return why.get().context;
  }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/steps.sock";
  const UniqueFd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  EventLoop loop_;
  std::unique_ptr<LiveSteps> steps_;  // on the loop
  std::vector<std::chrono::nanoseconds> runs_;
  bool all_answer_ = false, names_ = false;
  std::size_t asked_ = 0;
  std::promise<Error> hung_up_;
  UniqueFd driver_;
};

TEST_F(LiveStepsTest, HangsUpOnALineWithoutAnEnd) {
  Start();
  Write(std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(WhyHungUp(), HasSubstr("a line of more than 1048576 bytes"));
}

TEST_F(LiveStepsTest, HangsUpOnStepsThatNeverBegin) {
  Start();
  std::string lines;
  while (lines.size() <= 1 << 20) lines += "click text=plus\n";
  Write(lines);
  EXPECT_THAT(WhyHungUp(), HasSubstr("steps of more than 1048576 bytes"));
}

TEST_F(LiveStepsTest, HangsUpOnWhoDoesNotWaitForTheResult) {
  Start();
  OnLoop([this] { steps_->TellFirstFrame(std::chrono::steady_clock::now(), {}); });
  Write("close\nrun delay=9999999999999\nclose\nrun delay=0\n");
  EXPECT_THAT(WhyHungUp(), HasSubstr("sent more while the last were being done"));
  ASSERT_EQ(runs_.size(), 1u);
  EXPECT_LE(runs_[0], 1s);  // for which the loop spins
}

TEST_F(LiveStepsTest, TakesFromTheWordsBehindARunHowItIsDone) {
  Start();
  OnLoop([this] { steps_->TellFirstFrame(std::chrono::steady_clock::now(), {}); });
  Write("click key=a\nrun delay=5 names all-answer\nread key=number\n");
  std::string answers;
  while (answers.find("{\"read\":\"42\"}") == std::string::npos) {
    pollfd ready{driver_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 20'000), 1) << answers;
    char part[256];
    const ssize_t n = ::read(driver_.get(), part, sizeof part);
    ASSERT_GT(n, 0);
    answers.append(part, static_cast<std::size_t>(n));
  }
  OnLoop([this] {
    EXPECT_TRUE(all_answer_);
    EXPECT_TRUE(names_);
    EXPECT_EQ(runs_, std::vector<std::chrono::nanoseconds>{5ns});
  });
}

TEST_F(LiveStepsTest, TellsTheTextOfAControl) {
  Start();
  Write("read key=number\nread key=nothing\n");
  std::string answers;
  while (std::count(answers.begin(), answers.end(), '\n') < 2) {
    pollfd ready{driver_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 20'000), 1);
    char part[256];
    const ssize_t n = ::read(driver_.get(), part, sizeof part);
    ASSERT_GT(n, 0);
    answers.append(part, static_cast<std::size_t>(n));
  }
  EXPECT_EQ(answers, "{\"read\":\"42\"}\n{\"read\":null}\n");
}

TEST_F(LiveStepsTest, HangsUpOnAReadOfNothing) {
  Start();
  Write("read the number\n");
  EXPECT_THAT(WhyHungUp(), HasSubstr("no finder: the number"));
}

TEST_F(LiveStepsTest, ReadsNoMoreWhileItsAnswersAreNotRead) {
  Start();
  constexpr std::size_t kQuestions = 100'000;
  std::string questions;
  for (std::size_t i = 0; i < kQuestions; ++i) questions += "clickables\n";
  EXPECT_LT(Write(questions), questions.size());
  OnLoop([this] { EXPECT_LT(asked_, 200u); });
  // Then goes on.
  std::size_t lines = 0;
  for (char part[65536]; lines < 250;) {
    pollfd ready{driver_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 20'000), 1);
    const ssize_t n = ::read(driver_.get(), part, sizeof part);
    ASSERT_GT(n, 0);
    lines += static_cast<std::size_t>(std::count(part, part + n, '\n'));
  }
}

}  // namespace
}  // namespace fletbridge::headless
