#include "src/ui/headless/live_steps.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <sstream>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "common/base/event_loop.h"

namespace fletbridge::headless {
namespace asio = boost::asio;

namespace {

// Bounds on what a driver may have us store.
constexpr std::size_t kMaxLine = 1 << 20;
constexpr std::size_t kMaxText = 1 << 20;                 // of the steps before one `run`
constexpr std::size_t kMostInputs = 1000;                 // that are named
constexpr std::size_t kMostAnswers = 16;                  // that wait to be read
constexpr std::int64_t kLongestDelay_ns = 1'000'000'000;  // the loop spins for so long

}  // namespace

struct LiveSteps::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& loop, std::string where, Calls what)
      : path(std::move(where)), calls(std::move(what)), socket(loop.io()) {}

  void Start() {
    socket.async_connect(
        asio::local::stream_protocol::endpoint(path),
        [self = shared_from_this()](boost::system::error_code error) {
          if (self->stopped) return;
          if (error) {
            return self->HangUp(MakeError(Errc::kSetup, "cannot reach whoever gives the steps at " +
                                                            self->path + ": " + error.message()));
          }
          self->connected = true;
          if (!self->output.empty()) self->WriteNext();
          self->Read();
        });
  }

  void Read() {
    if (stopped || reading || output.size() >= kMostAnswers) return;
    reading = true;
    asio::async_read_until(
        socket, asio::dynamic_buffer(input, kMaxLine), '\n',
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          self->reading = false;
          if (self->stopped) return;
          if (error == asio::error::not_found) {
            return self->HangUp(TooMuch("a line of more than " + std::to_string(kMaxLine)));
          }
          if (error) return self->HangUp({});
          const std::string line = self->input.substr(0, size - 1);
          self->input.erase(0, size);
          self->Handle(line);
          self->Read();
        });
  }

  static Error TooMuch(const std::string& what) {
    return MakeError(Errc::kLimit, "whoever gives the steps sent " + what + " bytes");
  }

  // Nothing if it is invalid: then the connection is closed.
  std::optional<Finder> FinderIn(const std::string& finder) {
    Result<Steps> one = ParseSteps("expect " + finder);
    if (one && one->steps.size() == 1 && one->steps[0].kind == StepKind::kExpect)
      return std::move(one->steps[0].finder);
    HangUp(MakeError(Errc::kPeerMisbehaved,
                     "whoever gives the steps sent no finder: " + finder.substr(0, 100)));
    return std::nullopt;
  }

  void Handle(const std::string& line) {
    if (constexpr std::string_view kClickables = "clickables"; line.starts_with(kClickables)) {
      std::optional<Finder> finder;
      if (line.size() > kClickables.size()) {
        finder = FinderIn(line.substr(kClickables.size()));
        if (!finder) return;
      }
      nlohmann::json all = nlohmann::json::array();
      for (const Clickable& one : calls.clickables(finder)) {
        all.push_back({{"finder", one.finder},
                       {"type", one.type},
                       {"key", one.key},
                       {"words", one.words},
                       {"icons", one.icons}});
      }
      return Write({{"clickables", std::move(all)}});
    }
    if (constexpr std::string_view kRead = "read "; line.starts_with(kRead)) {
      const std::optional<Finder> finder = FinderIn(line.substr(kRead.size()));
      if (!finder) return;
      const std::optional<std::string> found = calls.read(*finder);
      return Write({{"read", found ? nlohmann::json(*found) : nlohmann::json()}});
    }
    constexpr std::string_view kRun = "run delay=";
    if (!line.starts_with(kRun)) {
      text += line + "\n";
      if (text.size() > kMaxText) HangUp(TooMuch("steps of more than " + std::to_string(kMaxText)));
      return;
    }
    if (busy) {
      return HangUp(MakeError(Errc::kPeerMisbehaved,
                              "whoever gives the steps sent more while the last were being done"));
    }
    std::int64_t delay = 0;
    const auto [end, error] =
        std::from_chars(line.data() + kRun.size(), line.data() + line.size(), delay);
    // Behind the number, each a word.
    std::istringstream words(error == std::errc() ? std::string(end, line.data() + line.size())
                                                  : std::string());
    LiveRun how;
    for (std::string word; words >> word;) {
      how.names = how.names || word == "names";
      how.all_answer = how.all_answer || word == "all-answer";
    }
    how.delay = std::chrono::nanoseconds(std::min(delay, kLongestDelay_ns));
    Result<Steps> steps = ParseSteps(std::exchange(text, {}));
    if (!steps) return HangUp(steps.error());
    busy = true;
    calls.run(std::move(*steps), how);
  }

  void Write(const nlohmann::json& message) {
    output.push_back(message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    if (output.size() == 1 && connected) WriteNext();
  }

  void WriteNext() {
    asio::async_write(socket, asio::buffer(output.front()),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (self->stopped) return;
                        if (error) return self->HangUp({});
                        self->output.pop_front();
                        if (!self->output.empty()) self->WriteNext();
                        self->Read();
                      });
  }

  void HangUp(const Error& why) {
    if (std::exchange(stopped, true)) return;
    boost::system::error_code ignored;
    socket.close(ignored);
    calls.hung_up(why);
  }

  const std::string path;
  const Calls calls;
  asio::local::stream_protocol::socket socket;
  std::string input;
  std::string text;  // steps that wait for `run`
  std::deque<std::string> output;
  bool connected = false;
  bool reading = false;
  bool busy = true;  // with the start, or with the last steps
  bool stopped = false;
};

LiveSteps::LiveSteps(EventLoop& loop, std::string socket, Calls calls)
    : impl_(std::make_shared<Impl>(loop, std::move(socket), std::move(calls))) {}

LiveSteps::~LiveSteps() {
  impl_->stopped = true;
  boost::system::error_code ignored;
  impl_->socket.close(ignored);
}

void LiveSteps::Start() { impl_->Start(); }

void LiveSteps::TellFirstFrame(std::chrono::steady_clock::time_point at,
                               std::chrono::nanoseconds made_in) {
  if (impl_->stopped) return;
  impl_->busy = false;
  impl_->Write({{"first_frame_ns", at.time_since_epoch() / std::chrono::nanoseconds(1)},
                {"made_in_ns", made_in.count()}});
}

void LiveSteps::TellResult(int exit_code, const StepRunner& runner) {
  if (impl_->stopped) return;
  impl_->busy = false;
  nlohmann::json inputs = nlohmann::json::array();
  for (const auto& [number, input] : runner.inputs()) {
    if (inputs.size() == kMostInputs) break;
    inputs.push_back({{"of", number},
                      {"name", input.name},
                      {"line", input.line},
                      {"type", input.control.type},
                      {"key", input.control.key},
                      {"words", input.control.words},
                      {"icons", input.control.icons}});
  }
  const StepRunner::Restless restless = runner.restless();
  const std::vector<std::uint64_t> samples_ns = runner.latencies();
  impl_->Write({{"exit", exit_code},
                {"samples_ns", samples_ns},
                {"of", runner.latencies_of()},
                {"between", restless.between},
                {"unclear", restless.unclear},
                {"restless", restless.inputs},
                {"unanswered", restless.unanswered},
                {"inputs", std::move(inputs)}});
}

}  // namespace fletbridge::headless
