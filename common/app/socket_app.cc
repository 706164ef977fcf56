#include "common/app/socket_app.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"

namespace fletbridge {
namespace asio = boost::asio;

namespace {

// What a dead app still has in its socket is read in less; a socket that another process or a
// thread holds open has no end.
constexpr std::chrono::milliseconds kDrain{200};
constexpr StopDeadlines kAfterFailure{std::chrono::milliseconds(500),
                                      std::chrono::milliseconds(500), false};
// What the shim writes.
constexpr char kReady = '1';
constexpr char kListens = '2';

std::string EndText(int code) {
  if (code > 128) return "the app was killed by signal " + std::to_string(code - 128);
  return "the app ended with exit code " + std::to_string(code);
}

// One that the interpreter inherits: it outlives an exec.
UniqueFd Inherited(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD, 3)); }

}  // namespace

struct SocketApp::Watch {
  explicit Watch(asio::io_context& io) : word(io), folder(io), deadline(io) {}
  asio::posix::stream_descriptor word;    // what the shim says
  asio::posix::stream_descriptor folder;  // inotify, on the private folder
  asio::steady_timer deadline;            // for the app to listen
};

SocketApp::SocketApp(EventLoop& loop, AppSpec spec, AppSocket socket)
    : loop_(loop),
      spec_(std::move(spec)),
      watch_(std::make_unique<Watch>(loop.io())),
      socket_(std::move(socket)) {
  if (spec_.direct) return;
  leg_ = std::make_unique<SocketLeg>(
      loop, spec_.limits, socket_.app, [this](int fd) { return Verify(fd); },
      static_cast<SocketLegSink&>(*this), spec_.generation);
}

SocketApp::~SocketApp() = default;

std::string SocketApp::direct_address() const {
  return spec_.direct ? PageUrl(socket_.client) : std::string();
}
SendResult SocketApp::Send(Packet&& packet) {
  return leg_ ? leg_->port().Send(std::move(packet)) : SendResult::kClosed;
}
std::size_t SocketApp::queued_bytes() const { return leg_ ? leg_->port().queued_bytes() : 0; }
void SocketApp::PauseReceiving() {
  if (leg_) leg_->port().PauseReceiving();
}
void SocketApp::ResumeReceiving() {
  if (leg_) leg_->port().ResumeReceiving();
}

void SocketApp::NewSession() {
  if (!leg_) return;
  leg_->MarkNewSession();
  const auto begin = [this] {
    if (!finished_ && !stopping_) leg_->NewSession(spec_.connect_deadline);
  };
  if (loop_.InLoop()) {
    begin();
  } else {
    loop_.Post(begin);
  }
}

void SocketApp::Stop(const StopDeadlines& deadlines) {
  loop_.Post([this, deadlines] { StopInLoop(deadlines); });
}

SocketAddress::Kind SocketApp::kind() const { return socket_.app.kind; }
const RuntimeDir& SocketApp::folder() const { return socket_.dir; }

Environment SocketApp::TakeEnvironment(std::vector<UniqueFd>& inherited) {
  Environment environment = kind() == SocketAddress::Kind::kUnix
                                ? FletOnUnixSocket(socket_.app.path)
                                : FletOnTcp(socket_.app.port);
  const auto give = [&](const char* name, int fd) {
    inherited.push_back(Inherited(fd));
    environment.emplace_back(name, std::to_string(inherited.back().get()));
  };
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) == 0) {
    const UniqueFd theirs(ends[1]);
    watch_->word.assign(ends[0]);
    give("FLETBRIDGE_READY_FD", theirs.get());
  }
  if (socket_.listener) give("FLETBRIDGE_LISTENER_FD", socket_.listener.get());
  environment.insert(environment.end(), spec_.environment.begin(), spec_.environment.end());
  return environment;
}

void SocketApp::TellStarting(AppSink& sink) {
  sink_ = &sink;
  loop_.Post([this] { sink_->OnAppEvent({AppState::kStarting, {}, 0}); });
}

void SocketApp::Begin() {
  if (finished_) return;
  AwaitWord();
  if (leg_) {
    leg_->Connect(spec_.connect_deadline);
  } else {
    AwaitListening();
  }
}

void SocketApp::AwaitWord() {
  if (!watch_->word.is_open()) return;
  watch_->word.async_wait(
      asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error || finished_) return;
        char said = 0;
        if (::read(watch_->word.native_handle(), &said, 1) != 1) {  // it has died, or has no more
          boost::system::error_code ignored;
          watch_->word.close(ignored);
          return;
        }
        if (said == kReady) sink_->OnPythonReady();
        if (said == kListens) OnListening();
        AwaitWord();
      });
}

// Direct mode: the shim tells it where Flet takes our socket; else a path shows it.
void SocketApp::AwaitListening() {
  if (kind() == SocketAddress::Kind::kUnix) {
    watch_->folder.assign(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ::inotify_add_watch(watch_->folder.native_handle(), socket_.dir.path().c_str(), IN_CREATE);
    ReadFolder();
  }
  watch_->deadline.expires_after(spec_.connect_deadline);
  watch_->deadline.async_wait([this](boost::system::error_code error) {
    if (error || listens_) return;
    OnConnectFailed(MakeError(Errc::kLimit, "the app did not listen at " + socket_.app.Text() +
                                                " in time; does it call ft.run(main)?"));
  });
}

void SocketApp::ReadFolder() {
  watch_->folder.async_wait(
      asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error || finished_ || listens_) return;
        alignas(inotify_event) char events[4096];
        while (::read(watch_->folder.native_handle(), events, sizeof events) > 0) {
        }
        if (::access(socket_.app.path.c_str(), F_OK) != 0) {
          ReadFolder();
          return;
        }
        // Flet has bound the path by itself, in a process that our shim does not reach, such as one
        // that the app has started: the client's path leads there from now on, and a client that
        // waits at ours is sent away, to come again.
        if (socket_.listener) {
          ::unlink(socket_.client.path.c_str());
          ::link(socket_.app.path.c_str(), socket_.client.path.c_str());
          while (UniqueFd(::accept4(socket_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC))) {
          }
        }
        OnListening();
      });
}

void SocketApp::OnListening() {
  if (std::exchange(listens_, true)) return;
  watch_->deadline.cancel();
  boost::system::error_code ignored;
  watch_->folder.close(ignored);
  socket_.listener.reset();
  sink_->OnAppEvent({AppState::kListening, {}, 0});
}

void SocketApp::OnPacket(Packet&& packet) { sink_->OnPacket(std::move(packet)); }
void SocketApp::OnWritable() { sink_->OnWritable(); }
void SocketApp::OnRefused(const Error& why) { sink_->OnRefused(why); }

void SocketApp::OnConnected() {
  if (listens_) return;
  // Nobody will come a second time: take the files away now, and a kill leaves none.
  if (spec_.single_session) socket_.dir.Remove();
  OnListening();
  sink_->OnAppEvent({AppState::kConnected, {}, 0});
}

void SocketApp::OnSessionLost(const Error& why) {
  if (!finished_ && !stopping_) sink_->OnSessionLost(why);
}

void SocketApp::OnConnectFailed(const Error& why) {
  if (finished_ || stopping_) return;
  cause_ = why;
  StopInLoop(kAfterFailure);
}

void SocketApp::StopInLoop(const StopDeadlines& deadlines) {
  if (finished_ || std::exchange(stopping_, true)) return;
  Leave();
  AskToEnd(deadlines);
}

// What Flet sees when its window is closed.
void SocketApp::Leave() {
  watch_->deadline.cancel();
  if (leg_) {
    leg_->Close();
    return;
  }
  socket_.dir.Remove();  // first: the client would come again
  socket_.listener.reset();
  HangUp(socket_.client);
}

void SocketApp::End(int code, std::function<void()> done) {
  const auto finish = [this, code, done = std::move(done)] {
    const Error why = cause_      ? *cause_
                      : stopping_ ? MakeError(Errc::kClosed, "")
                                  : MakeError(Errc::kPeerGone, EndText(code));
    Finish(why, code);
    done();
  };
  if (leg_) {
    leg_->Drain(kDrain, finish);
  } else {
    finish();
  }
}

void SocketApp::Fail(const Error& why) { Finish(why, 70); }

void SocketApp::Finish(const Error& why, int code) {
  finished_ = true;
  if (leg_) leg_->Close();
  watch_->deadline.cancel();
  socket_.dir.Remove();
  sink_->OnAppEvent({AppState::kClosed, why, 0});
  sink_->OnAppEvent({AppState::kExited, {}, code});
}

}  // namespace fletbridge
