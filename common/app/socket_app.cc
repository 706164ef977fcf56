#include "common/app/socket_app.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/app/app_note.h"
#include "common/base/log.h"

namespace fletbridge {
namespace asio = boost::asio;

namespace {

// What a dead app still has in its socket is read in less; a socket that another process or a
// thread holds open has no end.
constexpr std::chrono::milliseconds kDrain{200};
// The app connects when it has come that far; how long that may take is not decided here.
constexpr std::chrono::hours kForEver{24 * 365};
// For a new session the app listens already.
constexpr std::chrono::seconds kReconnect{60};
// Where the kernel has no watch left for a folder, it is looked at so often.
constexpr std::chrono::milliseconds kLookEvery{50};

// One for the interpreter, above the standard streams.
UniqueFd Given(int fd, bool for_exec) {
  return UniqueFd(::fcntl(fd, for_exec ? F_DUPFD : F_DUPFD_CLOEXEC, 3));
}

}  // namespace

struct SocketApp::Watch {
  explicit Watch(asio::io_context& io) : folder(io), look(io) {}
  void Close() {
    boost::system::error_code ignored;
    folder.close(ignored);
    look.cancel();
  }
  asio::posix::stream_descriptor folder;  // inotify, on the private folder; or
  asio::steady_timer look;                // where there is none
};

SocketApp::SocketApp(EventLoop& loop, AppSpec spec, AppSocket socket)
    : loop_(loop),
      spec_(std::move(spec)),
      watch_(std::make_unique<Watch>(loop.io())),
      socket_(std::move(socket)),
      channel_(loop) {
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
    if (!finished_ && !left_) leg_->NewSession(kReconnect);
  };
  if (loop_.InLoop()) {
    begin();
  } else {
    loop_.Post(begin);
  }
}

SocketAddress::Kind SocketApp::kind() const { return socket_.app.kind; }
const RuntimeDir& SocketApp::folder() const { return socket_.dir; }

Environment SocketApp::TakeEnvironment(std::vector<UniqueFd>& given, bool for_exec) {
  Environment environment = kind() == SocketAddress::Kind::kUnix
                                ? FletOnUnixSocket(socket_.app.path)
                                : FletOnTcp(socket_.app.port);
  const auto give = [&](const char* name, UniqueFd fd) {
    if (!fd) return;
    given.push_back(std::move(fd));
    environment.emplace_back(name, std::to_string(given.back().get()));
  };
  AppChannel::AppEnds ends = channel_.TakeAppEnds(for_exec);
  if (const std::string text = ends.Text(); !text.empty()) {
    environment.emplace_back(kChannelVariable, text);
    given.push_back(std::move(ends.read));
    given.push_back(std::move(ends.write));
  }
  if (socket_.listener) give("FLETBRIDGE_LISTENER_FD", Given(socket_.listener.get(), for_exec));
  if (spec_.note_fd >= 0) give(kNoteVariable, Given(spec_.note_fd, for_exec));
  environment.insert(environment.end(), spec_.environment.begin(), spec_.environment.end());
  return environment;
}

void SocketApp::Begin() {
  if (finished_) return;
  channel_.Start([this](AppWord word, int number) { OnWord(word, number); });
  if (leg_) {
    leg_->Connect(kForEver);
  } else {
    AwaitListening();
  }
}

void SocketApp::OnWord(AppWord word, int number) {
  if (word == AppWord::kListens) {
    if (!left_) OnListening();
  } else {
    sink_->OnWord(word, number);
  }
}

// Direct mode: the shim tells it where Flet takes our socket; else a path shows it.
void SocketApp::AwaitListening() {
  if (kind() != SocketAddress::Kind::kUnix) return;
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd >= 0) watch_->folder.assign(fd);
  if (fd < 0 || ::inotify_add_watch(fd, socket_.dir.path().c_str(), IN_CREATE) < 0) {
    watch_->Close();
    Log(LogLevel::kDebug, "the system has no folder watch left: looking every 50 ms");
  }
  WatchFolder();
}

void SocketApp::WatchFolder() {
  const auto look = [this](boost::system::error_code error) {
    if (!error && !finished_ && !left_ && !listens_) LookForSocket();
  };
  if (watch_->folder.is_open()) {
    watch_->folder.async_wait(asio::posix::stream_descriptor::wait_read, look);
  } else {
    watch_->look.expires_after(kLookEvery);
    watch_->look.async_wait(look);
  }
}

void SocketApp::LookForSocket() {
  alignas(inotify_event) char events[4096];
  while (watch_->folder.is_open() &&
         ::read(watch_->folder.native_handle(), events, sizeof events) > 0) {
  }
  if (::access(socket_.app.path.c_str(), F_OK) != 0) {
    WatchFolder();
    return;
  }
  // Flet has bound the path by itself, in a process that our shim does not reach, such as one that
  // the app has started: the client's path leads there from now on, and a client that waits at ours
  // is sent away, to come again.
  if (socket_.listener) {
    ::unlink(socket_.client.path.c_str());
    ::link(socket_.app.path.c_str(), socket_.client.path.c_str());
    while (UniqueFd(::accept4(socket_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC))) {
    }
  }
  OnListening();
}

void SocketApp::OnListening() {
  if (std::exchange(listens_, true)) return;
  watch_->Close();
  socket_.listener.reset();
  sink_->OnListening();
}

void SocketApp::OnPacket(Packet&& packet) { sink_->OnPacket(std::move(packet)); }
void SocketApp::OnWritable() { sink_->OnWritable(); }
void SocketApp::OnRefused(const Error& why) { sink_->OnRefused(why); }

void SocketApp::OnConnected() {
  if (listens_) return;
  // Nobody will come a second time: take the files away now, and a kill leaves none.
  if (spec_.single_session) socket_.dir.Remove();
  OnListening();
  sink_->OnConnected();
}

void SocketApp::OnSessionLost(const Error& why) {
  if (!finished_ && !left_) sink_->OnSessionLost(why);
}

void SocketApp::OnConnectFailed(const Error& why) {
  if (!finished_ && !left_) sink_->OnUnreachable(why);
}

// What Flet sees when its window is closed; told by word first, since an app that then does its own
// work may hear nothing for a while.
void SocketApp::Leave() {
  if (finished_ || std::exchange(left_, true)) return;
  channel_.Say(HostWord::kClosed);
  watch_->Close();
  if (leg_) {
    leg_->Close();
    return;
  }
  socket_.dir.Remove();  // first: the client would come again
  socket_.listener.reset();
  HangUp(socket_.client);
}

void SocketApp::PassSignal(int signal, bool app_has_it) {
  if (finished_) return;
  if (!app_has_it) Deliver(signal);
  channel_.Say(HostWord::kSignal, signal);
}

void SocketApp::Acknowledge() { channel_.Say(HostWord::kKnown); }

void SocketApp::End(int code, std::function<void()> done) {
  const auto finish = [this, code, done = std::move(done)] {
    Finish(code, {});
    done();
  };
  if (leg_) {
    leg_->Drain(kDrain, finish);
  } else {
    finish();
  }
}

void SocketApp::Fail(const Error& why) { Finish(70, why); }

void SocketApp::Finish(int code, const Error& why) {
  if (std::exchange(finished_, true)) return;
  if (leg_) leg_->Close();
  watch_->Close();
  channel_.Close();
  socket_.dir.Remove();
  sink_->OnExited(code, why);
}

}  // namespace fletbridge
