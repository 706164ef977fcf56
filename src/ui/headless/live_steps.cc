#include "src/ui/headless/live_steps.h"

#include <charconv>
#include <deque>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "common/base/event_loop.h"

namespace fletbridge::headless {
namespace asio = boost::asio;

namespace {

// A driver is trusted no further than that it cannot fill our memory.
constexpr std::size_t kMaxLine = 1 << 20;

}  // namespace

struct LiveSteps::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& loop, std::string where, Calls what)
      : path(std::move(where)), calls(std::move(what)), socket(loop.io()) {}

  void Start() {
    boost::system::error_code error;
    socket.connect(asio::local::stream_protocol::endpoint(path), error);
    if (error) {
      return HangUp(MakeError(Errc::kSetup, "cannot reach whoever gives the steps at " + path +
                                                ": " + error.message()));
    }
    Read();
  }

  void Read() {
    asio::async_read_until(
        socket, asio::dynamic_buffer(input, kMaxLine), '\n',
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          if (self->stopped) return;
          if (error) return self->HangUp({});
          const std::string line = self->input.substr(0, size - 1);
          self->input.erase(0, size);
          self->Handle(line);
          if (!self->stopped) self->Read();
        });
  }

  void Handle(const std::string& line) {
    if (line == "clickables") {
      return Write({{"clickables", calls.clickables()}});
    }
    constexpr std::string_view kRun = "run delay=";
    if (!line.starts_with(kRun)) {
      text += line + "\n";
      return;
    }
    std::int64_t delay = 0;
    std::from_chars(line.data() + kRun.size(), line.data() + line.size(), delay);
    Result<Steps> steps = ParseSteps(std::exchange(text, {}));
    if (!steps) return HangUp(steps.error());
    calls.run(std::move(*steps), std::chrono::nanoseconds(delay));
  }

  void Write(const nlohmann::json& message) {
    output.push_back(message.dump() + "\n");
    if (output.size() == 1) WriteNext();
  }

  void WriteNext() {
    asio::async_write(socket, asio::buffer(output.front()),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (self->stopped) return;
                        if (error) return self->HangUp({});
                        self->output.pop_front();
                        if (!self->output.empty()) self->WriteNext();
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

void LiveSteps::TellFirstFrame(std::chrono::steady_clock::time_point at) {
  if (impl_->stopped) return;
  impl_->Write({{"first_frame_ns", at.time_since_epoch() / std::chrono::nanoseconds(1)}});
}

void LiveSteps::TellResult(int exit_code, const std::vector<std::uint64_t>& samples_ns) {
  if (impl_->stopped) return;
  impl_->Write({{"exit", exit_code}, {"samples_ns", samples_ns}});
}

}  // namespace fletbridge::headless
