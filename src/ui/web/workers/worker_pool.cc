#include "src/ui/web/workers/worker_pool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <set>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/platform/signals.h"
#include "common/process/surroundings.h"
#include "src/ui/web/figures.h"
#include "src/ui/web/peer_name.h"
#include "src/ui/web/status_server.h"
#include "src/ui/web/visitors.h"
#include "src/ui/web/workers/worker_line.h"

namespace fletbridge::web {
namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kFailureCode = 70;
constexpr auto kHeadPatience = 10s;
constexpr auto kAnswerPatience = 5s;
constexpr auto kNextAccept = 100ms;
constexpr auto kMetricsPatience = 2s;
// A worker that has run for so long has not failed at its start.
constexpr auto kSteady = 10s;
constexpr int kMostFailures = 6;
constexpr auto kFirstPause = 250ms;

// A connection whose first request is on its way.
class Arrival final : public std::enable_shared_from_this<Arrival> {
 public:
  Arrival(EventLoop& loop, UniqueFd fd, std::string ip)
      : socket_(loop.io(), fd.release()), timer_(loop.io()), ip_(std::move(ip)) {}

  // `done` is called once: with the head, or without it if none comes.
  void Read(std::function<void(bool has_head)> done) {
    done_ = std::move(done);
    timer_.expires_after(kHeadPatience);
    timer_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) self->Tell(false);
    });
    ReadOn();
  }
  [[nodiscard]] const std::string& ip() const { return ip_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] LineMessage Give(const std::string& cookie) {
    UniqueFd fd(socket_.release());
    return {LineWord::kConnection, cookie + '\0' + std::move(bytes_), std::move(fd)};
  }
  // No worker can take it: says so and closes.
  void Refuse() {
    static constexpr std::string_view kBody = "this app takes no new sessions now\n";
    static const std::string kAnswer =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
        "Cache-Control: no-store\r\nContent-Type: text/plain\r\nContent-Length: " +
        std::to_string(kBody.size()) + "\r\n\r\n" + std::string(kBody);
    timer_.expires_after(kAnswerPatience);
    timer_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) self->Close();
    });
    asio::async_write(socket_, asio::buffer(kAnswer),
                      [self = shared_from_this()](error_code, std::size_t) { self->Close(); });
  }
  void Close() {
    done_ = nullptr;
    timer_.cancel();
    if (!socket_.is_open()) return;
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void ReadOn() {
    socket_.async_read_some(
        asio::buffer(part_), [self = shared_from_this()](error_code error, std::size_t size) {
          if (!self->done_) return;
          if (error) return self->Tell(false);
          // The end may lie across two parts.
          const std::size_t from = self->bytes_.size() < 3 ? 0 : self->bytes_.size() - 3;
          self->bytes_.append(self->part_.data(), size);
          const bool is_whole = EndOfHead(std::string_view(self->bytes_).substr(from)).has_value();
          // A worker says what is wrong with one that is too long.
          if (is_whole || self->bytes_.size() > kMostHead) return self->Tell(true);
          self->ReadOn();
        });
  }
  void Tell(bool has_head) {
    timer_.cancel();
    if (done_) std::exchange(done_, nullptr)(has_head);
  }

  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  const std::string ip_;
  std::function<void(bool)> done_;
  std::array<char, 4096> part_{};
  std::string bytes_;
};

struct Worker {
  explicit Worker(EventLoop& loop) : pause(loop.io()) {}
  std::unique_ptr<Child> child;
  std::unique_ptr<WorkerLine> line;  // null: it takes no connections
  bool is_wanted = false;            // its start is ordered, or it runs
  bool is_ready = false;             // its app listens
  bool is_given_up = false;
  std::optional<int> early_code;  // it has ended before its start was told
  std::size_t sessions = 0;
  std::size_t expected = 0;  // browsers without a session that it has been given
  int failures = 0;          // in a row
  Clock::time_point started{};
  asio::steady_timer pause;  // until it is started again
};

class Pool final : private StatusSource {
 public:
  explicit Pool(PoolOptions options)
      : options_(std::move(options)),
        visitors_(options_.proxies),
        listener_(loop_.io()),
        accept_later_(loop_.io()),
        metrics_timer_(loop_.io()),
        signals_(loop_.io()) {
    for (int i = 0; i < options_.workers; ++i) workers_.push_back(std::make_unique<Worker>(loop_));
  }

  int Run() {
    const sigset_t taken = HoldSignals();
    signal_reader_.emplace(taken);
    if (signal_reader_->fd() < 0)
      return Failed("cannot watch for signals: " + CauseAndRemedy(errno, "try again"));
    Result<Listening> listening = ListenAt(options_.address, "--port");
    if (!listening) return Failed(listening.error().Line());
    signals_.assign(signal_reader_->fd());
    options_.address = listening->address;
    port_ = listening->address.port;
    listener_.assign(listening->fd.release());
    sticky_ = Sticky(options_.key, WorkerCookie(options_.cookie, port_));
    if (options_.metrics) {
      Result<std::unique_ptr<StatusServer>> status =
          ServeStatus(loop_, *options_.metrics, static_cast<StatusSource&>(*this));
      if (!status) return End(Failed(status.error().Line()));
      status_ = std::move(*status);
    }
    loop_.OnFailure([this](const std::string& what) {
      Log(LogLevel::kError, "fletbridge itself has failed: " + what);
      Stop(SIGTERM);
    });
    ReadSignals();
    Accept();
    Want(0);
    loop_.Start();
    Log(LogLevel::kInfo, "the app is at " + UrlOf(options_.address) + options_.path + " (" +
                             std::to_string(options_.workers) + " workers)");
    return End(RunOrders());
  }

 private:
  static int Failed(const std::string& line) {
    Log(LogLevel::kError, line);
    return kFailureCode;
  }

  // Main thread: the kernel ties the workers' lives to it.
  int RunOrders() {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !orders_.empty() || code_.has_value(); });
      if (orders_.empty()) return *code_;
      const std::function<void()> order = std::move(orders_.front());
      orders_.pop_front();
      lock.unlock();
      order();
    }
  }
  int End(int code) {
    loop_.Stop();
    loop_.Join();
    signals_.release();
    return code;
  }
  void Order(std::function<void()> order) {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
    changed_.notify_all();
  }
  void EndWith(int code) {
    const std::lock_guard lock(mutex_);
    if (!code_) code_ = code;
    changed_.notify_all();
  }

  // ---- Workers

  void Want(int number) {
    Worker& worker = *workers_[static_cast<std::size_t>(number)];
    worker.is_wanted = true;
    worker.started = Clock::now();
    worker.expected = 0;
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      Log(LogLevel::kError,
          "cannot start a worker: " + CauseAndRemedy(errno, "close other programs"));
      return OnOver(number, kFailureCode);
    }
    worker.line = std::make_unique<WorkerLine>(
        loop_, UniqueFd(ends[0]),
        [this, number](LineMessage message) { OnMessage(number, std::move(message)); },
        [this, number] { workers_[static_cast<std::size_t>(number)]->line.reset(); });
    Order([this, number, fd = ends[1]] {
      const UniqueFd line(fd);
      ::fcntl(line.get(), F_SETFD, 0);
      auto made = std::make_shared<Result<std::unique_ptr<Child>>>(options_.start(
          loop_, {line.get(), number, port_}, [this, number](int code) { OnExit(number, code); }));
      loop_.Post([this, number, made] {
        if (!*made) {
          Log(LogLevel::kError, made->error().Line());
          return OnOver(number, kFailureCode);
        }
        Worker& started = *workers_[static_cast<std::size_t>(number)];
        started.child = std::move(**made);
        if (started.early_code) return OnOver(number, *std::exchange(started.early_code, {}));
        if (stops_) started.child->Signal(first_signal_);
      });
    });
  }

  void OnExit(int number, int code) {
    Worker& worker = *workers_[static_cast<std::size_t>(number)];
    if (worker.child) return OnOver(number, code);
    worker.early_code = code;  // its start is told first
  }

  void OnOver(int number, int code) {
    Worker& worker = *workers_[static_cast<std::size_t>(number)];
    worker.child.reset();
    worker.line.reset();
    worker.is_wanted = false;
    const bool was_ready = std::exchange(worker.is_ready, false);
    worker.sessions = 0;
    last_code_ = code;
    if (stops_) {
      if (exit_code_ == 0) exit_code_ = code;
      if (NoneRuns()) EndWith(exit_code_);
      return;
    }
    // An app that does not even come up once: the reason is on the screen.
    if (!was_ready_) return EndWith(code != 0 ? code : kFailureCode);
    const bool was_steady = was_ready && Clock::now() - worker.started >= kSteady;
    worker.failures = was_steady ? 1 : worker.failures + 1;
    Replace(number, code);
  }

  void Replace(int number, int code) {
    Worker& worker = *workers_[static_cast<std::size_t>(number)];
    const std::string what = "worker " + std::to_string(number + 1) + " has ended with exit code " +
                             std::to_string(code) + ", and its sessions with it";
    if (worker.failures >= kMostFailures) {
      worker.is_given_up = true;
      Log(LogLevel::kError, what + "; it has ended " + std::to_string(worker.failures) +
                                " times in a row soon after its start, and is not started again");
      if (NoneRuns() && std::all_of(workers_.begin(), workers_.end(),
                                    [](const auto& one) { return one->is_given_up; }))
        EndWith(last_code_ != 0 ? last_code_ : kFailureCode);
      return;
    }
    ++replaced_;
    const auto pause = worker.failures < 2 ? 0ms : kFirstPause * (1 << (worker.failures - 2));
    Log(LogLevel::kWarning,
        what + (pause.count() == 0
                    ? std::string("; another takes its place")
                    : "; another takes its place in " + std::to_string(pause.count()) + " ms"));
    worker.pause.expires_after(pause);
    worker.pause.async_wait([this, number](error_code cancelled) {
      if (!cancelled && !stops_) Want(number);
    });
  }

  bool NoneRuns() const {
    return std::none_of(workers_.begin(), workers_.end(),
                        [](const auto& one) { return one->is_wanted; });
  }

  void OnMessage(int number, LineMessage message) {
    Worker& worker = *workers_[static_cast<std::size_t>(number)];
    switch (message.word) {
      case LineWord::kReady:
        worker.is_ready = true;
        if (!std::exchange(was_ready_, true) && !stops_) {
          for (int i = 0; i < options_.workers; ++i) {
            if (i != number) Want(i);
          }
        }
        return;
      case LineWord::kSessions: {
        const auto now = static_cast<std::size_t>(std::strtoul(message.text.c_str(), nullptr, 10));
        if (now > worker.sessions && worker.expected > 0) --worker.expected;
        worker.sessions = now;
        return;
      }
      case LineWord::kMetrics:
        if (metrics_due_.erase(number) != 0) told_.push_back(std::move(message.text));
        if (metrics_due_.empty()) TellSum();
        return;
      case LineWord::kBack:
        if (message.fd) Dispatch(std::move(message.fd), message.text);
        return;
      default:
        return;
    }
  }

  // ---- Connections

  void Accept() {
    listener_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
      if (error || !listener_.is_open()) return;
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      UniqueFd fd(::accept4(listener_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                            SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        accept_later_.expires_after(kNextAccept);
        accept_later_.async_wait([this](error_code cancelled) {
          if (!cancelled) Accept();
        });
        return;
      }
      if (fd) Admit(std::move(fd), NameOfPeer(peer));
      Accept();
    });
  }

  void Admit(UniqueFd fd, const std::string& ip) {
    if (!visitors_.Enter(ip)) {
      figures_.Refused(Refusal::kConnections);
      Log(LogLevel::kWarning, "refused a connection of " + ip + ": there are too many");
      return;
    }
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const auto arrival = std::make_shared<Arrival>(loop_, std::move(fd), ip);
    arrivals_.insert(arrival);
    arrival->Read([this, arrival = arrival.get()](bool has_head) { OnRead(*arrival, has_head); });
  }

  void OnRead(Arrival& arrival, bool has_head) {
    const std::shared_ptr<Arrival> kept = arrival.shared_from_this();
    arrivals_.erase(kept);
    visitors_.Leave(kept->ip());
    if (!has_head) return kept->Close();
    const auto [worker, is_sticky] = Choose(kept->bytes());
    if (worker < 0) {
      figures_.Refused(stops_ ? Refusal::kDraining : Refusal::kSessions);
      return kept->Refuse();
    }
    if (!Give(worker, kept->Give(is_sticky ? std::string() : sticky_.SetCookie(worker))))
      figures_.Refused(Refusal::kConnections);
  }

  // From a worker, which has read it.
  void Dispatch(UniqueFd fd, const std::string& bytes) {
    const auto [worker, is_sticky] = Choose(bytes);
    if (worker < 0) return;
    LineMessage message{LineWord::kConnection,
                        (is_sticky ? std::string() : sticky_.SetCookie(worker)) + '\0' + bytes,
                        std::move(fd)};
    if (!Give(worker, std::move(message))) figures_.Refused(Refusal::kConnections);
  }

  bool Give(int worker, LineMessage message) {
    return workers_[static_cast<std::size_t>(worker)]->line->Send(std::move(message));
  }

  // The worker, and whether the browser's cookie has named it; -1: there is none.
  std::pair<int, bool> Choose(std::string_view bytes) {
    const std::string_view head = bytes.substr(0, EndOfHead(bytes).value_or(bytes.size()));
    const std::optional<int> named = sticky_.WorkerOf(HeaderIn(head, "cookie"));
    if (named && *named < options_.workers && workers_[static_cast<std::size_t>(*named)]->line)
      return {*named, true};
    int best = -1;
    for (int i = 0; i < options_.workers; ++i) {
      const Worker& worker = *workers_[static_cast<std::size_t>(i)];
      if (worker.line &&
          (best < 0 || Rank(worker) < Rank(*workers_[static_cast<std::size_t>(best)])))
        best = i;
    }
    if (best >= 0) {
      ++workers_[static_cast<std::size_t>(best)]->expected;
      Level();
    }
    return {best, false};
  }
  static std::pair<bool, std::size_t> Rank(const Worker& worker) {
    return {!worker.is_ready, worker.sessions + worker.expected};
  }
  // Whoever comes without a cookie and opens no session is expected for ever; the difference alone
  // counts, so a worker that is new does not get all that follow.
  void Level() {
    std::size_t least = ~std::size_t{0};
    for (const auto& worker : workers_) {
      if (worker->line) least = std::min(least, worker->expected);
    }
    for (const auto& worker : workers_) worker->expected -= std::min(worker->expected, least);
  }

  // ---- Signals

  void ReadSignals() {
    signals_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
      if (error) return;
      while (const auto signal = signal_reader_->Take()) Stop(signal->number);
      ReadSignals();
    });
  }

  void Stop(int signal) {
    if (!std::exchange(stops_, true)) first_signal_ = signal;
    if (!options_.drains || signal != SIGTERM) StopListening();
    for (const auto& worker : workers_) {
      worker->pause.cancel();
      if (worker->child) worker->child->Signal(signal);
    }
    if (NoneRuns()) EndWith(128 + signal);
  }

  void StopListening() {
    error_code ignored;
    accept_later_.cancel();
    listener_.close(ignored);
    for (const auto& arrival : std::exchange(arrivals_, {})) arrival->Close();
  }

  // ---- StatusSource

  bool is_ready() const override {
    return !stops_ && std::any_of(workers_.begin(), workers_.end(),
                                  [](const auto& one) { return one->line && one->is_ready; });
  }

  void TellMetrics(std::function<void(std::string)> told) override {
    listeners_.push_back(std::move(told));
    if (listeners_.size() > 1) return;  // the same answer
    told_.clear();
    for (int i = 0; i < options_.workers; ++i) {
      Worker& worker = *workers_[static_cast<std::size_t>(i)];
      if (worker.is_ready && worker.line && worker.line->Send({LineWord::kTellMetrics, {}, {}}))
        metrics_due_.insert(i);
    }
    if (metrics_due_.empty()) return TellSum();
    metrics_timer_.expires_after(kMetricsPatience);
    metrics_timer_.async_wait([this](error_code cancelled) {
      if (!cancelled) TellSum();
    });
  }

  void TellSum() {
    metrics_timer_.cancel();
    metrics_due_.clear();
    std::vector<std::string> texts = std::exchange(told_, {});
    // No gauge of ours is one of a worker's.
    texts.push_back(ToPrometheus(figures_, {0, arrivals_.size(), 0, false, false}));
    std::string text = prometheus::SumOf(texts);
    prometheus::Head(text, "fletbridge_workers", "gauge", "Processes of the app that are ready.");
    const auto ready = std::count_if(workers_.begin(), workers_.end(),
                                     [](const auto& one) { return one->is_ready; });
    prometheus::Sample(text, "fletbridge_workers", {}, static_cast<double>(ready));
    prometheus::Head(text, "fletbridge_workers_replaced_total", "counter",
                     "Workers that have ended by themselves and were started again.");
    prometheus::Sample(text, "fletbridge_workers_replaced_total", {},
                       static_cast<double>(replaced_));
    for (const auto& told : std::exchange(listeners_, {})) told(text);
  }

  PoolOptions options_;
  Visitors visitors_;  // whose requests are not read yet; loop's thread only
  EventLoop loop_;
  // set before the loop runs
  std::uint16_t port_ = 0;
  Sticky sticky_;
  std::optional<platform::SignalReader> signal_reader_;
  // loop's thread only
  asio::posix::stream_descriptor listener_;
  asio::steady_timer accept_later_;
  asio::steady_timer metrics_timer_;
  asio::posix::stream_descriptor signals_;  // owned by signal_reader_
  std::vector<std::unique_ptr<Worker>> workers_;
  std::set<std::shared_ptr<Arrival>> arrivals_;
  Figures figures_;
  std::set<int> metrics_due_;  // workers that have not answered yet
  std::vector<std::string> told_;
  std::vector<std::function<void(std::string)>> listeners_;
  std::uint64_t replaced_ = 0;
  bool was_ready_ = false;  // some worker has been
  bool stops_ = false;
  int first_signal_ = 0;
  int exit_code_ = 0;
  int last_code_ = 0;
  std::unique_ptr<StatusServer> status_;
  // under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> orders_;
  std::optional<int> code_;
};

}  // namespace

int RunWorkers(PoolOptions options) { return Pool(std::move(options)).Run(); }

}  // namespace fletbridge::web
