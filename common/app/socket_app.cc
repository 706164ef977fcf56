#include "common/app/socket_app.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/app/app_note.h"
#include "common/base/log.h"
#include "common/platform/file_watch.h"

namespace fletbridge {
namespace asio = boost::asio;

namespace {

// After this long without data nothing more is expected from an ended app, though its socket may be
// held open by another process or a thread.
constexpr std::chrono::milliseconds kDrain{200};
// The start's deadline is Life's (src/host/life.h).
constexpr std::chrono::hours kForEver{24 * 365};
// For a further session; the app already listens.
constexpr std::chrono::seconds kReconnect{60};
// Polling interval where the system cannot watch the folder.
constexpr std::chrono::milliseconds kLookEvery{50};

// A duplicate for the interpreter, above the numbers of the standard streams.
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
  asio::posix::stream_descriptor folder;  // watches the private folder
  asio::steady_timer look;                // polls it where there is no watch
};

// One connection to the app.
class SocketApp::Session final : public AppSession, private AppConnectionSink {
 public:
  Session(SocketApp& app, AppSessionSink& sink)
      : app_(app),
        sink_(sink),
        connection_(
            app.loop_, app.spec_.limits, app.socket_.app, [&app](int fd) { return app.Verify(fd); },
            static_cast<AppConnectionSink&>(*this), app.spec_.generation) {}
  ~Session() override { app_.OnSessionClosed(*this); }

  AppConnection& connection() { return connection_; }

  SendResult Send(Packet&& packet) override { return connection_.port().Send(std::move(packet)); }
  std::size_t queued_bytes() const override { return connection_.port().queued_bytes(); }
  void PauseReceiving() override { connection_.port().PauseReceiving(); }
  void ResumeReceiving() override { connection_.port().ResumeReceiving(); }

 private:
  void OnPacket(Packet&& packet) override { sink_.OnPacket(std::move(packet)); }
  void OnWritable() override { sink_.OnWritable(); }
  void OnRefused(const Error& why) override { sink_.OnRefused(why); }
  void OnConnected() override { app_.OnConnected(); }
  void OnSessionLost(const Error& why) override {
    if (!app_.finished_ && !app_.left_) sink_.OnLost(why);
  }
  void OnConnectFailed(const Error& why) override {
    if (app_.spec_.sessions == 1 || !app_.listens_) return app_.OnConnectFailed(why);
    if (!app_.finished_ && !app_.left_) sink_.OnLost(why);  // the others stay
  }

  SocketApp& app_;
  AppSessionSink& sink_;
  AppConnection connection_;
};

SocketApp::SocketApp(EventLoop& loop, AppSpec spec, AppSocket socket)
    : loop_(loop),
      spec_(std::move(spec)),
      watch_(std::make_unique<Watch>(loop.io())),
      socket_(std::move(socket)),
      channel_(loop) {}

SocketApp::~SocketApp() = default;

std::string SocketApp::direct_address() const {
  return spec_.direct ? PageUrl(socket_.client) : std::string();
}

Result<std::unique_ptr<AppSession>> SocketApp::OpenSession(AppSessionSink& sink) {
  if (sessions_.size() >= static_cast<std::size_t>(spec_.sessions)) {
    return MakeError(Errc::kLimit, spec_.sessions == 1
                                       ? "the app has a session already"
                                       : "the app has as many sessions as it may have, " +
                                             std::to_string(spec_.sessions));
  }
  auto session = std::make_unique<Session>(*this, sink);
  sessions_.push_back(session.get());
  if (finished_ || left_ || spec_.direct) {
    session->connection().Close();
  } else if (begun_) {
    session->connection().Connect(listens_ ? kReconnect : kForEver);
  }
  return std::unique_ptr<AppSession>(std::move(session));
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
  if (spec_.sessions > 1) environment.emplace_back(kSessionsVariable, "1");
  if (spec_.host_holds_sigterm) environment.emplace_back(kHeldVariable, "1");
  if (spec_.note_fd >= 0) give(kNoteVariable, Given(spec_.note_fd, for_exec));
  environment.insert(environment.end(), spec_.environment.begin(), spec_.environment.end());
  return environment;
}

void SocketApp::Begin() {
  if (finished_) return;
  begun_ = true;
  channel_.Start([this](AppWord word, int number) { OnWord(word, number); });
  if (spec_.direct) {
    AwaitListening();
  } else {
    for (Session* session : sessions_) session->connection().Connect(kForEver);
  }
}

void SocketApp::OnWord(AppWord word, int number) {
  if (word == AppWord::kListens) {
    if (!left_) OnListening();
  } else {
    sink_->OnWord(word, number);
  }
}

// Direct mode: the shim sends kListens if Flet takes our socket; else the socket's file appears.
void SocketApp::AwaitListening() {
  if (kind() != SocketAddress::Kind::kUnix) return;
  UniqueFd fd = platform::WatchFile(socket_.dir.path(), platform::FileEvent::kMadeInFolder);
  if (fd) {
    watch_->folder.assign(fd.release());
  } else {
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
  if (watch_->folder.is_open()) platform::TakeFileEvents(watch_->folder.native_handle());
  if (::access(socket_.app.path.c_str(), F_OK) != 0) {
    WatchFolder();
    return;
  }
  // Flet has bound the path itself, in a process that the shim does not reach, such as one that the
  // app has started. Link the client's path to it, and disconnect a client that waits on our
  // socket: it connects again.
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

void SocketApp::OnConnected() {
  if (listens_) return;
  // No second connection will follow: without the files nothing is left behind by a SIGKILL.
  if (spec_.single_session) socket_.dir.Remove();
  OnListening();
  sink_->OnConnected();
}

void SocketApp::OnConnectFailed(const Error& why) {
  if (!finished_ && !left_) sink_->OnUnreachable(why);
}

// First the message, then the disconnection that Flet sees when its window is closed: an app that
// then does work of its own may not read the channel for a while.
void SocketApp::Leave() {
  if (finished_ || std::exchange(left_, true)) return;
  channel_.Say(HostWord::kClosed);
  watch_->Close();
  for (Session* session : sessions_) session->connection().Close();
  if (!spec_.direct) return;
  socket_.dir.Remove();  // first, so that the client cannot connect again
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
  at_end_ = [this, code, done = std::move(done)] {
    Finish(code, {});
    done();
  };
  drained_ = sessions_;
  for (Session* session : sessions_)
    session->connection().Drain(kDrain, [this, session] { OnDrained(*session); });
  if (drained_.empty()) EndNow();
}

void SocketApp::EndNow() {
  if (at_end_) std::exchange(at_end_, nullptr)();
}

void SocketApp::OnSessionClosed(Session& session) {
  std::erase(sessions_, &session);
  OnDrained(session);  // nobody reads the app's last packets
}

void SocketApp::OnDrained(Session& session) {
  if (std::erase(drained_, &session) != 0 && drained_.empty()) EndNow();
}

void SocketApp::Fail(const Error& why) { Finish(70, why); }

void SocketApp::Finish(int code, const Error& why) {
  if (std::exchange(finished_, true)) return;
  for (Session* session : sessions_) session->connection().Close();
  watch_->Close();
  channel_.Close();
  socket_.dir.Remove();
  sink_->OnExited(code, why);
}

}  // namespace fletbridge
