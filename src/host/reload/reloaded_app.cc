#include "src/host/reload/reloaded_app.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/net/app_connection.h"
#include "common/process/runtime_dir.h"
#include "common/wire/codec.h"
#include "common/wire/control_tree.h"
#include "src/host/reload/debounce.h"
#include "src/host/reload/error_tail.h"

namespace fletbridge::reload {
namespace {

using namespace std::chrono_literals;

// How long the next start waits for the last one, and how many may still be ending.
constexpr auto kBesideAfter = 10s;
constexpr std::size_t kMostLeaving = 8;
// What an app has written comes at once; a process that it has left may write for ever.
constexpr auto kLastWords = 500ms;
constexpr auto kLookForLastWords = 5ms;
constexpr auto kFlush = 500ms;
// It is the child that says whether the app takes too long.
constexpr std::chrono::hours kForEver{24 * 365};
// An app that writes a file where its sources are is started again for ever.
constexpr int kSuspiciousReloads = 5;
constexpr auto kSuspiciousTime = 1s;
constexpr int kFailureCode = 70;
constexpr std::size_t kMostSources = 1000;
constexpr std::uint64_t kNumbers = 100'000;  // so that a socket's path stays short

// Python takes its own cached code for that of a source which has the same size and was saved in
// the same second, so a person who saves twice in one would not see the second.
void ForgetBytecode(const std::string& source) {
  namespace fs = std::filesystem;
  const fs::path path = source;
  const std::string begin = path.stem().string() + ".";
  std::error_code error;
  for (fs::directory_iterator at(path.parent_path() / "__pycache__", error), end;
       !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(begin) && name.ends_with(".pyc")) ::unlink(at->path().c_str());
  }
}

struct Launched {
  std::uint64_t number = 0;
  std::unique_ptr<Child> child;  // null until it has been started
  UniqueFd life_line;
  bool answers = false;  // its app has said something
  bool beside = false;   // the next one does not wait for its end any more
  std::chrono::steady_clock::time_point begun;
};

// What the main thread has made of an order to start.
struct Made {
  std::unique_ptr<Child> child;
  UniqueFd life_line;
  Error why;  // it could not be
};

class ReloadedApp final : public AppHost {
 public:
  ReloadedApp(EventLoop& loop, ReloadOptions options, RuntimeDir dir)
      : loop_(loop),
        options_(std::move(options)),
        dir_(std::move(dir)),
        errors_(ErrorTail::Make()),
        saved_(loop.io()),
        beside_(loop.io()),
        last_words_(loop.io()) {}
  ~ReloadedApp() override { *alive_ = false; }

  Capabilities capabilities() const override { return options_.capabilities; }
  Generation generation() const override { return options_.generation; }
  std::vector<ProcessInfo> processes() const override {
    std::vector<ProcessInfo> all{{"host", ::getpid()}};
    const std::lock_guard lock(mutex_);
    if (app_pid_ != 0) all.push_back({"app", app_pid_});
    return all;
  }

  void Start(AppSink& sink) override {
    Post([this, &sink] {
      sink_ = &sink;
      if (ending_) return EndIfDone();
      watch_ = std::make_unique<SourceWatch>(options_.sources,
                                             [this, alive = alive_](const std::string& path) {
                                               loop_.Post([this, alive, path] {
                                                 if (*alive) OnSaved(path);
                                               });
                                             });
      Begin();
    });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !orders_.empty() || end_code_.has_value(); });
      if (orders_.empty()) {
        const int code = *end_code_;
        lock.unlock();
        if (errors_) errors_->Flush(kFlush);
        return at_end(code);
      }
      const std::function<void()> order = std::move(orders_.front());
      orders_.pop_front();
      lock.unlock();
      order();
    }
  }

  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override;

  void Leave() override {
    Stop();
    for (const auto& start : All()) start->life_line.reset();
    // The starts have deadlines of their own.
    if (sink_ != nullptr) sink_->OnWord(AppWord::kHeeds, 0);
    EndIfDone();
  }
  void PassSignal(int signal, bool app_has_it) override {
    Stop();
    if (!app_has_it && current_ && current_->child) current_->child->Signal(signal);
    // Those that end already are at their own work.
    if (!app_has_it && std::exchange(signalled_, true)) SignalAll(signal);
    if (!current_) code_ = 128 + signal;
    if (sink_ != nullptr) sink_->OnWord(AppWord::kOwnsSignal, signal);
    EndIfDone();
  }
  void Interrupt() override { SignalAll(SIGTERM); }
  void Kill() override { SignalAll(SIGKILL); }

 private:
  // One session of whichever start is there when it is opened, or will be next.
  class Session : public AppSession {
   public:
    Session(ReloadedApp& app, AppSessionSink& sink) : app_(app), sink_(sink) {}
    ~Session() override {
      if (app_.session_ == this) app_.session_ = nullptr;
    }
    virtual void Connect() {}
    [[nodiscard]] virtual bool is_of(const Launched*) const { return false; }
    void Lose(const Error& why) {
      if (std::exchange(lost_, true)) return;
      Close();
      sink_.OnLost(why);
    }

   protected:
    virtual void Close() {}
    ReloadedApp& app_;
    AppSessionSink& sink_;
    bool lost_ = false;
  };
  class Relayed;
  class Told;

  void Post(std::function<void()> what) {
    loop_.Post([what = std::move(what), alive = alive_] {
      if (*alive) what();
    });
  }
  void Order(std::function<void()> what) {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(what));
    changed_.notify_all();
  }
  [[nodiscard]] SocketAddress AddressOf(std::uint64_t number) const {
    SocketAddress address;
    address.path = dir_.File(std::to_string(number % kNumbers));
    return address;
  }
  [[nodiscard]] std::vector<std::shared_ptr<Launched>> All() const {
    std::vector<std::shared_ptr<Launched>> all = leaving_;
    if (current_) all.push_back(current_);
    return all;
  }

  // ---- Starts

  // The next one, by the main thread: the kernel ties a child's life to the thread that starts it.
  void Begin() {
    starting_ = true;
    wanted_ = false;
    beside_.cancel();
    told_.reset();
    current_ = std::make_shared<Launched>();
    current_->number = next_++;
    current_->begun = std::chrono::steady_clock::now();
    if (errors_) errors_->Begin();
    // A told session has nothing more to say, and its client comes back to this start.
    if (session_ != nullptr && !session_->is_of(current_.get()))
      session_->Lose(MakeError(Errc::kPeerGone, "the app starts again"));
    Order([this, number = current_->number, sources = std::exchange(sources_, {})] {
      for (const std::string& source : sources) ForgetBytecode(source);
      const auto made = std::make_shared<Made>(StartChild(number));
      Post([this, made] { OnStarted(*made); });
    });
  }

  // Main thread.
  Made StartChild(std::uint64_t number) {
    Made made;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      made.why = MakeError(
          Errc::kSetup, "cannot start the app: " + CauseAndRemedy(errno, "close other programs"));
      return made;
    }
    const UniqueFd app_end(ends[0]);
    made.life_line.reset(ends[1]);
    const UniqueFd errors(errors_ ? ::fcntl(errors_->fd(), F_DUPFD, 0) : -1);
    ::fcntl(app_end.get(), F_SETFD, 0);
    Result<std::unique_ptr<Child>> child =
        options_.start({AddressOf(number).path, app_end.get(), errors.get()},
                       [this, alive = alive_, number](int code) {
                         if (*alive) OnExit(number, code);
                       });
    if (child) {
      made.child = std::move(*child);
    } else {
      made.why = child.error();
    }
    return made;
  }

  // Of current_, which stays while the main thread has the order.
  void OnStarted(Made& made) {
    starting_ = false;
    current_->child = std::move(made.child);
    if (!ending_) current_->life_line = std::move(made.life_line);
    if (made.why.code) {
      Log(LogLevel::kError, made.why.Line());
      early_exit_ = kFailureCode;
    }
    SetPid(current_->child ? current_->child->pid() : 0);
    if (early_exit_) OnExit(current_->number, *std::exchange(early_exit_, std::nullopt));
    if (!ending_ && std::exchange(again_, false)) Reload();
  }

  void SetPid(pid_t pid) {
    const std::lock_guard lock(mutex_);
    app_pid_ = pid;
  }

  void OnExit(std::uint64_t number, int code) {
    // One that was killed leaves it.
    ::unlink(AddressOf(number).path.c_str());
    if (current_ && current_->number == number) {
      if (starting_) {  // that is told first
        early_exit_ = code;
        return;
      }
      SetPid(0);
      current_.reset();
      code_ = code;
      if (ending_) {
        LoseSession();
        return EndIfDone();
      }
      last_words_until_ = std::chrono::steady_clock::now() + kLastWords;
      return AwaitLastWords(code);
    }
    std::erase_if(leaving_, [&](const auto& start) { return start->number == number; });
    if (ending_) return EndIfDone();
    if (wanted_ && !MustWait()) Begin();
  }

  // An app that has ended by itself has mostly said why, and that is on its way.
  void AwaitLastWords(int code) {
    const bool read = !errors_ || errors_->IsRead();
    if (read || std::chrono::steady_clock::now() >= last_words_until_) return TellEnd(code);
    last_words_.expires_after(kLookForLastWords);
    last_words_.async_wait([this, code, alive = alive_](boost::system::error_code error) {
      if (!error && *alive && !current_ && !ending_) AwaitLastWords(code);
    });
  }

  void TellEnd(int code) {
    Log(code == 0 ? LogLevel::kInfo : LogLevel::kError,
        "the app has ended with exit code " + std::to_string(code) +
            "; it starts again when a file is saved");
    told_ = CrashMessage(errors_ ? errors_->Text() : std::string(), code);
    LoseSession();
    // The UI has a client that waits.
    if (!std::exchange(listening_told_, true)) sink_->OnListening();
    if (!std::exchange(connected_told_, true)) sink_->OnConnected();
  }

  void LoseSession() {
    if (session_ != nullptr) session_->Lose(MakeError(Errc::kPeerGone, "the app has ended"));
  }

  // ---- Saves

  void OnSaved(const std::string& path) {
    if (ending_) return;
    changed_path_ = path;
    if (path.ends_with(".py") && sources_.size() < kMostSources) sources_.insert(path);
    burst_.Saved(std::chrono::steady_clock::now());
    AwaitBurst();
  }

  void AwaitBurst() {
    const auto due = burst_.due();
    if (!due) return;
    saved_.expires_at(*due);
    saved_.async_wait([this, alive = alive_](boost::system::error_code error) {
      if (error || !*alive || ending_) return;
      if (burst_.Take(std::chrono::steady_clock::now())) {
        Reload();
      } else {
        AwaitBurst();
      }
    });
  }

  void Reload() {
    const std::string& script = options_.sources.script;
    std::error_code error;
    if (!script.empty() && !std::filesystem::exists(script, error)) {
      if (!std::exchange(missed_, true) && !options_.quiet)
        Log(LogLevel::kInfo, script + " has gone; the app starts again when it is back");
      return;
    }
    missed_ = false;
    if (starting_) {
      again_ = true;
      return;
    }
    if (wanted_) return;  // the start that is to come will see it
    if (!options_.quiet) Log(LogLevel::kInfo, ShortPath() + " was saved: the app starts again");
    if (options_.reloads) options_.reloads->fetch_add(1);
    Suspect();
    last_words_.cancel();
    if (current_) LetGo();
    if (!MustWait()) return Begin();
    wanted_ = true;
    beside_.expires_after(kBesideAfter);
    beside_.async_wait([this, alive = alive_](boost::system::error_code cancelled) {
      if (cancelled || !*alive || !wanted_ || ending_ || leaving_.size() >= kMostLeaving) return;
      Log(LogLevel::kWarning,
          "the app of before the save has not finished its own work; the new one starts beside it");
      for (const auto& start : leaving_) start->beside = true;
      Begin();
    });
  }

  [[nodiscard]] bool MustWait() const {
    return std::any_of(leaving_.begin(), leaving_.end(),
                       [](const auto& start) { return !start->beside; });
  }

  [[nodiscard]] std::string ShortPath() const {
    const std::string& folder = options_.sources.folder;
    if (changed_path_.size() > folder.size() + 1 && changed_path_.starts_with(folder + "/"))
      return changed_path_.substr(folder.size() + 1);
    return changed_path_;
  }

  void Suspect() {
    const auto age = current_ ? std::chrono::steady_clock::now() - current_->begun : kBesideAfter;
    if (age > kSuspiciousTime || changed_path_ == options_.sources.script ||
        changed_path_.ends_with(".py") || suspect_ != changed_path_) {
      suspect_ = changed_path_;
      suspicions_ = 0;
      return;
    }
    if (++suspicions_ == kSuspiciousReloads)
      Log(LogLevel::kWarning, ShortPath() +
                                  " changes at each start: if the app writes it, have it "
                                  "do so elsewhere, or leave its folder out with "
                                  "--ignore-dirs");
  }

  // As when its window is closed; one that has no UI yet has nothing to save either.
  void LetGo() {
    if (current_->answers) {
      current_->life_line.reset();
    } else if (current_->child) {
      current_->child->Signal(SIGTERM);
    }
    SetPid(0);
    leaving_.push_back(std::move(current_));
    current_.reset();
    LoseSession();
  }

  // ---- The end

  void Stop() {
    ending_ = true;
    wanted_ = again_ = false;
    for (boost::asio::steady_timer* timer : {&saved_, &beside_, &last_words_}) timer->cancel();
  }
  void SignalAll(int signal) {
    for (const auto& start : All()) {
      if (start->child) start->child->Signal(signal);
    }
  }
  void EndIfDone() {
    if (!ending_ || starting_ || current_ || !leaving_.empty() || sink_ == nullptr ||
        std::exchange(ended_, true)) {
      return;
    }
    sink_->OnExited(code_, {});
    const std::lock_guard lock(mutex_);
    end_code_ = code_;
    changed_.notify_all();
  }

  EventLoop& loop_;
  const ReloadOptions options_;
  RuntimeDir dir_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  const std::unique_ptr<ErrorTail> errors_;
  // loop's thread only
  AppSink* sink_ = nullptr;  // since Start()
  std::unique_ptr<SourceWatch> watch_;
  std::shared_ptr<Launched> current_;
  std::vector<std::shared_ptr<Launched>> leaving_;  // the oldest first
  std::uint64_t next_ = 1;
  Session* session_ = nullptr;
  std::optional<std::string> told_;  // what the last start came to, while there is none
  bool starting_ = false;            // the main thread has the order
  bool again_ = false;               // a save came meanwhile
  std::optional<int> early_exit_;    // the start has ended meanwhile
  bool wanted_ = false;              // a start, once the last has ended
  bool ending_ = false;
  bool signalled_ = false;
  bool ended_ = false;
  bool listening_told_ = false, connected_told_ = false;
  bool missed_ = false;
  int code_ = 0;  // of the last start that ended by itself or with everything
  Debounce burst_;
  std::string changed_path_, suspect_;
  std::set<std::string> sources_;  // saved since the last start
  int suspicions_ = 0;
  std::chrono::steady_clock::time_point last_words_until_;
  boost::asio::steady_timer saved_, beside_, last_words_;
  // under mutex_
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> orders_;
  std::optional<int> end_code_;
  pid_t app_pid_ = 0;
};

// To a start's socket.
class ReloadedApp::Relayed final : public Session, private AppConnectionSink {
 public:
  Relayed(ReloadedApp& app, AppSessionSink& sink, std::uint64_t number)
      : Session(app, sink),
        number_(number),
        connection_(
            app.loop_, app.options_.limits, app.AddressOf(number),
            [](int fd) -> Result<> {
              if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
              return {};
            },
            static_cast<AppConnectionSink&>(*this), app.options_.generation) {}

  void Connect() override { connection_.Connect(kForEver); }
  bool is_of(const Launched* start) const override { return start->number == number_; }
  SendResult Send(Packet&& packet) override { return connection_.port().Send(std::move(packet)); }
  std::size_t queued_bytes() const override { return connection_.port().queued_bytes(); }
  void PauseReceiving() override { connection_.port().PauseReceiving(); }
  void ResumeReceiving() override { connection_.port().ResumeReceiving(); }

 private:
  void Close() override { connection_.Close(); }
  void OnPacket(Packet&& packet) override {
    if (lost_) return;
    if (app_.current_ && is_of(app_.current_.get())) app_.current_->answers = true;
    sink_.OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_.OnWritable(); }
  void OnRefused(const Error& why) override { sink_.OnRefused(why); }
  void OnConnected() override {
    if (!std::exchange(app_.listening_told_, true)) app_.sink_->OnListening();
    if (!std::exchange(app_.connected_told_, true)) app_.sink_->OnConnected();
  }
  void OnSessionLost(const Error& why) override { Lose(why); }
  void OnConnectFailed(const Error& why) override { Lose(why); }

  const std::uint64_t number_;
  AppConnection connection_;
};

// Says to a client what the last start came to, in the app's place.
class ReloadedApp::Told final : public Session {
 public:
  Told(ReloadedApp& app, AppSessionSink& sink, std::string message)
      : Session(app, sink),
        codec_(wire::CodecOrNewest(app.options_.generation)),
        message_(std::move(message)) {}

  SendResult Send(Packet&& packet) override {
    const Packet taken = std::move(packet);
    if (codec_.Peek(taken) == Action::kRegisterClient) {
      app_.Post([this, life = std::weak_ptr<void>(life_)] {
        if (!life.expired() && !lost_) Answer();
      });
    }
    return SendResult::kAccepted;
  }
  std::size_t queued_bytes() const override { return 0; }
  void PauseReceiving() override {}
  void ResumeReceiving() override {}

 private:
  void Answer() {
    using wire::Value;
    for (const wire::Message& message :
         {wire::Message(wire::RegisterAnswer{
              "fletbridge", Value::MapOf({{"_i", wire::kPageId}, {"_c", "Page"}}), ""}),
          wire::Message(wire::SessionCrashed{message_})}) {
      for (Packet& packet : codec_.Encode(message)) sink_.OnPacket(std::move(packet));
    }
  }

  const wire::Codec& codec_;
  const std::string message_;
  const std::shared_ptr<void> life_ = std::make_shared<char>();
};

Result<std::unique_ptr<AppSession>> ReloadedApp::OpenSession(AppSessionSink& sink) {
  if (session_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
  std::unique_ptr<Session> session;
  if (told_) {
    session = std::make_unique<Told>(*this, sink, *told_);
  } else {
    session = std::make_unique<Relayed>(*this, sink, current_ ? current_->number : next_);
    session->Connect();
  }
  session_ = session.get();
  return std::unique_ptr<AppSession>(std::move(session));
}

}  // namespace

Result<std::unique_ptr<AppHost>> MakeReloadedApp(EventLoop& loop, ReloadOptions options) {
  Result<RuntimeDir> dir = RuntimeDir::Create();
  if (!dir) return dir.error();
  return std::unique_ptr<AppHost>(
      std::make_unique<ReloadedApp>(loop, std::move(options), std::move(*dir)));
}

}  // namespace fletbridge::reload
