#include "src/ui/web/web_ui.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <set>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/user_folder.h"
#include "common/platform/self.h"
#include "common/platform/threads.h"
#include "common/site/site.h"
#include "src/ui/web/access.h"
#include "src/ui/web/figures.h"
#include "src/ui/web/http_connection.h"
#include "src/ui/web/open_browser.h"
#include "src/ui/web/peer_name.h"
#include "src/ui/web/status_server.h"
#include "src/ui/web/visitors.h"
#include "src/ui/web/web_session.h"
#include "src/ui/web/workers/sticky.h"
#include "src/ui/web/workers/worker_line.h"

namespace fletbridge::web {
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kPatience{100};

// Finds files on a thread of its own, since the disk may be slow and compressing takes its time.
class Librarian {
 public:
  Librarian(EventLoop& loop, std::unique_ptr<Site> site) : loop_(loop), site_(std::move(site)) {}
  ~Librarian() { Stop(); }

  void Start() {
    thread_ = platform::StartWithoutSignals([this] {
      platform::NameThread("fletbridge-web");
      Work();
    });
  }
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
      wanted_.clear();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  // One for each connection at most, so their number is bounded.
  void Find(std::string path, std::string prefix, std::function<void(Site::Found)> found) {
    {
      const std::lock_guard lock(mutex_);
      wanted_.push_back({std::move(path), std::move(prefix), std::move(found)});
    }
    changed_.notify_all();
  }
  [[nodiscard]] const SiteOptions& options() const { return site_->options(); }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ends_ || !wanted_.empty(); });
      if (ends_) return;
      auto [path, prefix, found] = std::move(wanted_.front());
      wanted_.pop_front();
      lock.unlock();
      Site::Found what;
      try {
        what = site_->Find(path, prefix);
      } catch (const std::exception& error) {  // no memory, most likely
        Log(LogLevel::kError, "cannot serve " + path + ": " + CauseOf(error));
      }
      loop_.Post([found = std::move(found), what = std::move(what)] { found(what); });
      lock.lock();
    }
  }

  EventLoop& loop_;
  const std::unique_ptr<Site> site_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  struct Wanted {
    std::string path, prefix;
    std::function<void(Site::Found)> found;
  };
  std::deque<Wanted> wanted_;
  bool ends_ = false;
};

class WebUi final : public UiSurface, private Front, private StatusSource {
 public:
  WebUi(EventLoop& loop, WebOptions options, Access access, TrustedProxies proxies,
        std::string login_path, std::unique_ptr<Site> site)
      : loop_(loop),
        options_(std::move(options)),
        access_(std::move(access)),
        visitors_(std::move(proxies)),
        sticky_(options_.worker.key, WorkerCookie(options_.cookie, options_.port)),
        login_path_(std::move(login_path)),
        uploads_(loop),
        librarian_(loop, std::move(site)),
        listener_(loop.io()),
        patience_(loop.io()) {}

  ~WebUi() override {
    for (WebSession* session : sessions_) session->HangUp();
    for (const auto& connection : connections_) connection->Close();
  }

  std::string name() const override { return "web"; }
  std::string client_transport() const override { return "ws"; }
  bool serves_another() const override { return true; }
  int clients() const override { return kMostClients; }

  void Start(UiSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      if (closed_) return sink_->OnClosed(*closed_);  // before Start()
      Listen();
    });
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (!closed_) End({why, 0});
    });
  }

  void OnAppReady() override {
    is_ready_ = true;
    if (line_) (void)line_->Send({LineWord::kReady, {}, {}});
  }
  void Drain() override {
    drains_ = true;
    TellIfDrained();
  }
  void OnLatency(std::uint64_t nanoseconds) override {
    figures_.clicks.Add(static_cast<double>(nanoseconds) / 1e9);
  }

 private:
  // ---- StatusSource

  bool is_ready() const override { return is_ready_ && !drains_ && !closed_; }
  void TellMetrics(std::function<void(std::string)> told) override { told(Metrics()); }
  std::string Metrics() const {
    Gauges now{sessions_.size(), connections_.size(), 0, is_ready_, drains_};
    for (const WebSession* session : sessions_) now.queue_bytes += session->queued_bytes();
    return ToPrometheus(figures_, now);
  }

  // ---- Front

  const Access& access() const override { return access_; }
  const std::string& mount() const override { return librarian_.options().mount; }
  const TrustedProxies& proxies() const override { return visitors_.proxies(); }
  void Find(std::string path, std::string prefix, std::function<void(Site::Found)> found) override {
    librarian_.Find(std::move(path), std::move(prefix), std::move(found));
  }
  Uploads& uploads() override { return uploads_; }
  const std::string& login_path() const override { return login_path_; }
  Logins& logins() override { return logins_; }
  // By any session: the answer says to which it belongs, and that one's line may be lost.
  void TellApp(const LoginAnswer& answer) override {
    for (WebSession* session : sessions_) {
      if (session->Tell(LoginPacket(answer))) return;
    }
    if (for_app_.size() < kMostLogins) for_app_.push_back(answer);  // for the next one
  }
  void Hear(AppSays says) {
    if (says.uploads) uploads_.SetTerms(std::move(*says.uploads));
    if (says.login) {
      logins_.Add(std::move(says.login->state), std::move(says.login->page_html),
                  std::move(says.login->page_url),
                  std::chrono::steady_clock::now() + says.login->patience);
    }
  }
  Figures& figures() override { return figures_; }
  std::optional<Refusal> no_sessions() const override {
    if (drains_) return Refusal::kDraining;
    if (sessions_.size() < static_cast<std::size_t>(kMostClients)) return std::nullopt;
    Log(LogLevel::kWarning, "refused a browser: " + std::to_string(kMostClients) +
                                " are connected, and more cannot be");
    return Refusal::kSessions;
  }
  bool belongs_elsewhere(std::string_view cookies) const override {
    const std::optional<int> worker = sticky_.WorkerOf(cookies);
    return line_ && worker && *worker != options_.worker.number;
  }
  void GiveBack(UniqueFd socket, std::string read) override {
    if (line_) (void)line_->Send({LineWord::kBack, std::move(read), std::move(socket)});
  }
  void TakeWebSocket(UniqueFd socket, std::string request, BrowserFacts facts) override {
    if (closed_) return;
    WebSessionEvents events;
    events.opened = [this](WebSession& session) {
      if (auto client = TakeOpening(session)) sink_->OnClient(std::move(client));
    };
    events.failed = [this](WebSession& session) {
      loop_.Post([over = std::shared_ptr<WebSession>(TakeOpening(session))] {});
    };
    events.gone = [this, life = std::weak_ptr<void>(life_)](WebSession& session) {
      if (life.expired()) return;
      sessions_.erase(&session);
      TellSessions();
      TellIfDrained();
    };
    events.input = [this] { ++figures_.inputs; };
    events.said = [this, life = std::weak_ptr<void>(life_)](AppSays says) {
      if (!life.expired()) Hear(std::move(says));
    };
    events.registered = [this](WebSession& session) {
      for (const LoginAnswer& answer : std::exchange(for_app_, {}))
        (void)session.Tell(LoginPacket(answer));
    };
    auto session = MakeWebSession(loop_, options_.limits, std::move(socket), std::move(request),
                                  std::move(facts), options_.registration, std::move(events));
    sessions_.insert(session.get());
    ++figures_.sessions;
    TellSessions();
    opening_.push_back(std::move(session));
  }

  std::unique_ptr<WebSession> TakeOpening(WebSession& session) {
    const auto found = std::find_if(opening_.begin(), opening_.end(),
                                    [&](const auto& one) { return one.get() == &session; });
    if (found == opening_.end()) return nullptr;
    std::unique_ptr<WebSession> taken = std::move(*found);
    opening_.erase(found);
    return taken;
  }

  // In a task of its own, since a session is being destroyed.
  void TellIfDrained() {
    if (!drains_ || !sessions_.empty() || closed_) return;
    loop_.Post([this, life = std::weak_ptr<void>(life_)] {
      if (!life.expired() && !closed_ && !std::exchange(is_drained_, true)) sink_->OnDrained();
    });
  }

  // ---- As a worker

  void TakeLine() {
    const int fd = options_.worker.line;
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    access_.cookie = CookieName(options_.port);
    line_ = std::make_unique<WorkerLine>(
        loop_, UniqueFd(fd), [this](LineMessage message) { OnLine(std::move(message)); },
        [this] {  // the process that listens has gone
          if (!closed_) End({});
        });
    librarian_.Start();
    sink_->OnReady();
  }

  void OnLine(LineMessage message) {
    if (message.word == LineWord::kTellMetrics)
      return (void)line_->Send({LineWord::kMetrics, Metrics(), {}});
    if (message.word != LineWord::kConnection || !message.fd || closed_) return;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(message.fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;
    const std::size_t end = message.text.find('\0');
    if (end == std::string::npos) return;
    Admit(std::move(message.fd), NameOfPeer(peer),
          {message.text.substr(end + 1), message.text.substr(0, end)});
  }

  void TellSessions() {
    if (line_) (void)line_->Send({LineWord::kSessions, std::to_string(sessions_.size()), {}});
  }

  std::string CookieName(std::uint16_t port) const {
    return options_.cookie.empty() ? "fletbridge_" + std::to_string(port) : options_.cookie;
  }

  // ---- Listening

  void Listen() {
    if (options_.worker.line >= 0) return TakeLine();
    Result<Listening> listening = ListenAt({options_.host, options_.port}, "--port");
    if (!listening) return End({listening.error(), 70});
    if (options_.metrics) {
      auto status = ServeStatus(loop_, *options_.metrics, static_cast<StatusSource&>(*this));
      if (!status) return End({status.error(), 70});
      status_ = std::move(*status);
    }
    listener_.assign(listening->fd.release());
    access_.cookie = CookieName(listening->address.port);
    librarian_.Start();
    Accept();
    const std::string url = UrlOf(listening->address) + PathOfApp(mount(), access_.token);
    Log(LogLevel::kInfo, "the app is at " + url);
    if (options_.opens_browser) opened_ = OpenBrowser(url, !access_.is_public());
    sink_->OnReady();
  }

  void Accept() {
    listener_.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [this, life = std::weak_ptr<void>(life_)](boost::system::error_code error) {
          if (error || life.expired() || closed_) return;
          sockaddr_storage peer{};
          socklen_t size = sizeof peer;
          UniqueFd fd(::accept4(listener_.native_handle(), reinterpret_cast<sockaddr*>(&peer),
                                &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
          const int number = errno;
          if (!fd && (IsShortOfDescriptors(number) || number == ENOBUFS || number == ENOMEM))
            return AcceptLater(number);
          if (fd) Admit(std::move(fd), NameOfPeer(peer));
          if (!closed_) Accept();
        });
  }

  // The browser stays in the backlog, so accepting at once would only fail again.
  void AcceptLater(int error) {
    if (!std::exchange(wants_, true)) {
      Log(LogLevel::kWarning, std::string("cannot take a browser: ") + std::strerror(error) +
                                  "; trying again until it goes");
    }
    patience_.expires_after(kPatience);
    patience_.async_wait(
        [this, life = std::weak_ptr<void>(life_)](boost::system::error_code cancelled) {
          if (!cancelled && !life.expired() && !closed_) Accept();
        });
  }

  void Admit(UniqueFd fd, const std::string& ip, const Begun& begun = {}) {
    wants_ = false;
    if (!visitors_.Enter(ip)) {
      figures_.Refused(Refusal::kConnections);
      Log(LogLevel::kWarning, "refused a connection of " + ip + ": there are too many");
      return;
    }
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto slot = std::make_shared<std::shared_ptr<HttpConnection>>();
    const auto ended = [this, slot, ip] {
      visitors_.Leave(ip);
      connections_.erase(*slot);
      slot->reset();
    };
    *slot = ServeHttp(loop_, std::move(fd), ip, *this, ended, begun);
    if (!*slot) ended();
    if (*slot) connections_.insert(*slot);
  }

  void End(UiEnd end) {
    closed_ = std::move(end);
    boost::system::error_code ignored;
    listener_.close(ignored);
    patience_.cancel();
    status_.reset();
    for (WebSession* session : sessions_) session->HangUp();
    loop_.Post([over = std::make_shared<std::vector<std::unique_ptr<WebSession>>>(
                    std::move(opening_))] {});
    opening_.clear();
    const auto connections = std::exchange(connections_, {});
    for (const auto& connection : connections) connection->Close();
    if (sink_ != nullptr) sink_->OnClosed(*closed_);
  }

  EventLoop& loop_;
  const WebOptions options_;
  Access access_;
  Visitors visitors_;  // on connections that are no WebSocket; the loop's thread only
  const Sticky sticky_;
  const std::string login_path_;
  Logins logins_;
  std::vector<LoginAnswer> for_app_;  // which no session could be told
  Uploads uploads_;
  Librarian librarian_;
  // loop's thread only
  UiSink* sink_ = nullptr;  // from Start() on
  asio::posix::stream_descriptor listener_;
  asio::steady_timer patience_;  // until the next attempt, without free descriptors
  std::unique_ptr<StatusServer> status_;
  std::unique_ptr<WorkerLine> line_;  // as a worker; in place of the listener
  Figures figures_;
  bool is_ready_ = false;  // the app listens
  bool drains_ = false;
  bool is_drained_ = false;
  std::set<std::shared_ptr<HttpConnection>> connections_;
  std::vector<std::unique_ptr<WebSession>> opening_;  // in the handshake
  std::set<WebSession*> sessions_;                    // all that are, whoever owns them
  bool wants_ = false;                                // no descriptor is free, and that is logged
  std::optional<UiEnd> closed_;
  RuntimeDir opened_;  // what the browser reads that was opened
  const std::shared_ptr<void> life_ = std::make_shared<char>();
};

std::string FromEnvironment(const char* name, std::initializer_list<std::string_view> allowed,
                            std::string_view otherwise) {
  const char* const given = std::getenv(name);
  if (given != nullptr && std::find(allowed.begin(), allowed.end(), given) != allowed.end())
    return given;
  return std::string(otherwise);
}

}  // namespace

std::string PathOfApp(const std::string& mount, const std::string& token) {
  return mount + "/" + (token.empty() ? "" : "?token=" + token);
}

Result<std::string> MountOf(const std::string& name) {
  const std::optional<std::string> path = PlainPath(name);
  if (!path || !IsPlainMount(*path)) {
    return MakeError(Errc::kUsage, "no address can have the path " + name +
                                       "; --name has letters, digits and -._~/ alone");
  }
  return path->empty() ? std::string() : "/" + *path;
}

Result<std::unique_ptr<UiSurface>> MakeWebUi(EventLoop& loop, WebOptions options) {
  if (!IsListenHost(options.host)) {
    return MakeError(Errc::kUsage, "cannot listen at " + options.host +
                                       ": --host is an address of this machine, localhost, or * "
                                       "for all of its addresses");
  }
  const Result<std::string> mount = MountOf(options.name);
  if (!mount) return mount.error();
  SiteOptions site{options.client, options.assets, *mount};
  if (const std::string cache = UserCacheFolder(); !cache.empty())
    site.packed = cache + "/web-client";
  const std::string no_cdn =
      FromEnvironment("FLET_WEB_NO_CDN", {"false", "False", "FALSE", "0", "no"}, "true");
  site.no_cdn = no_cdn == "true";
  site.renderer = FromEnvironment("FLET_WEB_RENDERER", {"auto", "canvaskit", "skwasm"}, "auto");
  site.route_strategy = FromEnvironment("FLET_WEB_ROUTE_URL_STRATEGY", {"path", "hash"}, "path");
  Result<std::unique_ptr<Site>> made = MakeSite(std::move(site));
  if (!made) return made.error();
  Result<TrustedProxies> proxies = TrustedProxies::Of(options.trusted_proxies);
  if (!proxies) return proxies.error();
  const char* const login_path = std::getenv("FLET_OAUTH_CALLBACK_HANDLER_ENDPOINT");
  const std::string plain =
      PlainPath(login_path != nullptr ? login_path : "").value_or(std::string());
  Access access;
  if (!options.is_public) access.token = options.token.empty() ? MakeToken() : options.token;
  return std::unique_ptr<UiSurface>(
      std::make_unique<WebUi>(loop, std::move(options), std::move(access), std::move(*proxies),
                              "/" + (plain.empty() ? "oauth_callback" : plain), std::move(*made)));
}

}  // namespace fletbridge::web
