// Room: tests. The reference implementation of an AppHost: an app that is code in this process, on
// a thread of its own, behind a pipe (memory_pipe.h) for each session. What real stages do by
// processes, signals and interpreters is done by calls, so each step can be held up or made to
// fail.
//
// Threads: as of any AppHost; the app's code runs on its own thread.
#pragma once

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/transport/app_host.h"
#include "tests/unit/support/memory_pipe.h"

namespace fletbridge {

class PipeHost;

// An app: what it does at each step, on its own thread. PipeHost::Exit() ends it from anywhere
// there.
class PipeApp {
 public:
  virtual ~PipeApp() = default;
  // Its program up to ft.run(). It may wait by PipeHost::WaitForByte().
  virtual void Begin(PipeHost& /*host*/) {}
  // A client's session, one at a time; `port` until OnSessionEnd().
  virtual void OnSession(PipeHost& host, int number, PacketPort& port) = 0;
  virtual void OnPacket(PipeHost& host, Packet&& packet) = 0;
  virtual void OnWritable(PipeHost& /*host*/) {}
  virtual void OnSessionEnd(PipeHost& /*host*/, int /*number*/) {}
  // ft.run() has returned, since it was asked to.
  virtual void AfterRun(PipeHost& /*host*/) {}
  // Signals do not end its program before ft.run().
  [[nodiscard]] virtual bool ignores_signals() const { return false; }
};

class PipeHost final : public AppHost {
 public:
  struct Options {
    FlowLimits limits{};
    FailPoints to_app{};
    FailPoints to_host{};
  };

  PipeHost(EventLoop& loop, const Options& options, std::unique_ptr<PipeApp> app)
      : loop_(loop), options_(options), app_(std::move(app)) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      killed_.reset(ends[0]);
      kill_.reset(ends[1]);
    }
  }
  ~PipeHost() override {
    EndFrom(137);
    app_loop_.Stop();
    app_loop_.Join();
    app_.reset();  // and its threads, before the pipe that they send through
  }

  Capabilities capabilities() const override { return {"reference", "pipe", false, 1}; }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }

  void Start(AppSink& sink) override {
    sink_ = &sink;
    app_loop_.Start();
    InApp([this] { Begin(); });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }

  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override {
    if (session_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
    auto pipe = std::make_shared<MemoryPipe>(
        TurnsOf(loop_), TurnsOf(app_loop_),
        MemoryPipe::Direction{.limits = options_.limits, .fails = options_.to_app},
        MemoryPipe::Direction{.limits = FromApp(),
                              .receives = options_.limits.max_packet,
                              .fails = options_.to_host});
    auto session = std::make_unique<Session>(*this, pipe, sink);
    session_ = session.get();
    const int number = ++sessions_;
    InApp([this, pipe, number] {
      waiting_ = std::make_unique<AppSide>(*this, pipe, number);
      if (running_) TakeSession();
    });
    if (listens_) Connected();
    return std::unique_ptr<AppSession>(std::move(session));
  }

  void Leave() override { Ask(); }
  void PassSignal(int /*signal*/, bool /*app_has_it*/) override { Ask(); }
  void Interrupt() override {
    if (running_) return Ask();
    if (!app_->ignores_signals()) EndFrom(143);
  }
  void Kill() override { EndFrom(137); }

  // ---- For the app, on its thread.

  [[noreturn]] void Exit(int code) { throw End{code}; }
  // As the last thing of this turn; any thread of the app's.
  void ExitSoon(int code) {
    InApp([this, code] { Exit(code); });
  }
  void InApp(std::function<void()> task) {
    app_loop_.Post([this, task = std::move(task)] { Guard(task); });
  }
  // Waits, as an app that hangs. False: its other end has gone.
  bool WaitForByte(int fd) {
    for (;;) {
      pollfd wait[2] = {{fd, POLLIN, 0}, {killed_.get(), POLLIN, 0}};
      if (::poll(wait, 2, -1) < 0 && errno != EINTR) return false;
      if (wait[1].revents != 0) Exit(end_code_.load());
      char byte = 0;
      if (wait[0].revents != 0) return ::read(fd, &byte, 1) == 1;
    }
  }

 private:
  struct End {
    int code;
  };

  // One session on the host's side. Host's loop.
  class Session final : public AppSession, private MemoryPipeSink {
   public:
    Session(PipeHost& host, std::shared_ptr<MemoryPipe> pipe, AppSessionSink& sink)
        : host_(host), pipe_(std::move(pipe)), sink_(sink) {
      pipe_->first().Open(*this);
    }
    ~Session() override {
      pipe_->first().Drop(MakeError(Errc::kPeerGone, "the client has gone"));
      if (host_.session_ == this) host_.session_ = nullptr;
    }
    SendResult Send(Packet&& packet) override { return pipe_->first().Send(std::move(packet)); }
    std::size_t queued_bytes() const override { return pipe_->first().queued_bytes(); }
    void PauseReceiving() override { pipe_->first().PauseReceiving(); }
    void ResumeReceiving() override { pipe_->first().ResumeReceiving(); }
    [[nodiscard]] bool is_over() const { return is_over_; }

   private:
    void OnPacket(Packet&& packet) override { sink_.OnPacket(std::move(packet)); }
    void OnWritable() override { sink_.OnWritable(); }
    void OnRefused(const Error& why) override { sink_.OnRefused(why); }
    void OnEnd(const Error& why) override {
      is_over_ = true;
      if (host_.ending_) return host_.TellExit();
      sink_.OnLost(why);
    }

    PipeHost& host_;
    const std::shared_ptr<MemoryPipe> pipe_;
    AppSessionSink& sink_;
    bool is_over_ = false;
  };

  // The same on the app's side.
  class AppSide final : public MemoryPipeSink {
   public:
    AppSide(PipeHost& host, std::shared_ptr<MemoryPipe> pipe, int session)
        : number(session), host_(host), pipe_(std::move(pipe)) {}
    void Open() { pipe_->second().Open(*this); }
    PacketPort& port() { return pipe_->second(); }
    void Close(const Error& why) { pipe_->second().Close(why); }

    int number;

   private:
    void OnPacket(Packet&& packet) override {
      host_.Guard([&] { host_.app_->OnPacket(host_, std::move(packet)); });
    }
    void OnWritable() override {
      host_.Guard([this] { host_.app_->OnWritable(host_); });
    }
    void OnRefused(const Error&) override {}
    void OnEnd(const Error&) override {
      PipeHost& host = host_;
      host.Guard([&] { host.app_->OnSessionEnd(host, number); });
      host.InApp([&host] {
        host.open_.reset();
        host.TakeSession();
      });
    }

    PipeHost& host_;
    std::shared_ptr<MemoryPipe> pipe_;
  };

  // What it may say has no limit of the host's.
  FlowLimits FromApp() const {
    FlowLimits limits = options_.limits;
    limits.max_packet = std::size_t{1} << 30;
    return limits;
  }

  void Tell(std::function<void()> event) { loop_.Post(std::move(event)); }

  // ---- The app's thread

  template <class Step>
  void Guard(const Step& step) {
    if (ended_) return;
    try {
      step();
    } catch (const End& end) {
      EndApp(end.code);
    }
  }

  void Begin() {
    // Whatever the host asks for, it asks after this: it is heard once the program is there.
    Tell([this] { sink_->OnWord(AppWord::kPythonReady, 0); });
    app_->Begin(*this);
    running_ = true;
    Tell([this] {
      listens_ = true;
      sink_->OnListening();
      if (session_ != nullptr) Connected();
      sink_->OnWord(AppWord::kRuns, 0);
    });
    TakeSession();
  }

  // The next one, once the one before has been seen to end.
  void TakeSession() {
    if (waiting_ == nullptr || open_ != nullptr) return;
    open_ = std::move(waiting_);
    app_->OnSession(*this, open_->number, open_->port());
    open_->Open();
  }

  void EndApp(int code) {
    ended_ = true;
    ending_ = true;
    const Error why = MakeError(Errc::kPeerGone, "the app has ended");
    if (waiting_ != nullptr) {
      waiting_->Open();  // nobody was there to hear it
      waiting_->Close(why);
    }
    if (open_ != nullptr) open_->Close(why);
    Tell([this, code] {
      exit_code_ = code;
      TellExit();
    });
  }

  // ---- The host's loop

  void Connected() {
    if (!std::exchange(connected_, true)) sink_->OnConnected();
  }

  // It is heard only by an app whose loop turns.
  void Ask() {
    InApp([this] {
      Tell([this] { sink_->OnWord(AppWord::kHeeds, 0); });
      Tell([this] { sink_->OnWord(AppWord::kReturned, 0); });
      app_->AfterRun(*this);
      Exit(0);
    });
  }

  // From outside, whatever it does.
  void EndFrom(int code) {
    int none = -1;
    if (!end_code_.compare_exchange_strong(none, code) && code != 137) return;
    end_code_.store(code);
    [[maybe_unused]] const ssize_t n = ::write(kill_.get(), "k", 1);
    ExitSoon(code);
  }

  void TellExit() {
    if (sink_ == nullptr || !exit_code_ || told_) return;
    if (session_ != nullptr && !session_->is_over()) return;  // all that it said comes before
    told_ = true;
    sink_->OnExited(*exit_code_, {});
    exited_.set_value(*exit_code_);
  }

  EventLoop& loop_;
  const Options options_;
  std::unique_ptr<PipeApp> app_;
  UniqueFd kill_;
  UniqueFd killed_;
  AppSink* sink_ = nullptr;
  std::promise<int> exited_;
  std::atomic<bool> running_{false};
  std::atomic<bool> ending_{false};
  std::atomic<int> end_code_{-1};
  // host's loop
  Session* session_ = nullptr;
  int sessions_ = 0;
  bool listens_ = false;
  bool connected_ = false;
  bool told_ = false;
  std::optional<int> exit_code_;
  // the app's thread
  bool ended_ = false;
  std::unique_ptr<AppSide> waiting_;
  std::unique_ptr<AppSide> open_;
  EventLoop app_loop_;  // the last: its tasks use the others
};

}  // namespace fletbridge
