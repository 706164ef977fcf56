// Room: tests/extend. A stage without a process: an app that lives in this one, on the EventLoop,
// and answers what a client says. What a new stage has to implement, and no more.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"
#include "common/wire/codec.h"
#include "common/wire/control_tree.h"

namespace fletbridge {

class ToyHost final : public AppHost {
 public:
  explicit ToyHost(EventLoop& loop, const wire::Codec& speaks = wire::Newest())
      : loop_(loop), speaks_(speaks) {}

  Capabilities capabilities() const override { return {"toy", "memory", false}; }
  Generation generation() const override { return speaks_.generation(); }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }
  void Start(AppSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      sink.OnListening();
      sink.OnConnected();
      if (session_ != nullptr && loses_sessions) session_->Lose();
    });
  }
  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }
  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override {
    if (session_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
    ++sessions;
    auto session = std::make_unique<Session>(*this, sink);
    session_ = session.get();
    if (sink_ != nullptr && loses_sessions)
      loop_.Post([this] {
        if (session_ != nullptr) session_->Lose();
      });
    return std::unique_ptr<AppSession>(std::move(session));
  }
  void Leave() override { End(0); }
  void PassSignal(int signal, bool) override { End(128 + signal); }
  void Interrupt() override { End(130); }
  void Kill() override { End(137); }

  std::atomic<int> sessions{0};             // opened so far
  std::atomic<bool> loses_sessions{false};  // ends each as soon as it has begun

 private:
  class Session final : public AppSession {
   public:
    Session(ToyHost& app, AppSessionSink& sink) : app_(app), sink_(sink) {}
    ~Session() override { app_.session_ = nullptr; }
    SendResult Send(Packet&& packet) override {
      if (app_.ended_) return SendResult::kClosed;
      const Action action = app_.speaks_.Peek(packet);
      const int number = app_.sessions;
      app_.loop_.Post([&app = app_, action, number] {
        if (app.session_ != nullptr && app.sessions == number) app.session_->Answer(action);
      });
      return SendResult::kAccepted;
    }
    std::size_t queued_bytes() const override { return 0; }
    void PauseReceiving() override {}
    void ResumeReceiving() override {}
    void Lose() { sink_.OnLost(MakeError(Errc::kPeerGone, "the toy has had enough")); }

   private:
    void Answer(Action action) {
      const std::string session = std::to_string(app_.sessions);
      if (action == Action::kRegisterClient)
        Say(wire::RegisterAnswer{
            session, wire::Value::MapOf({{"_c", "Page"}, {"_i", wire::kPageId}}), {}});
      Say(wire::Patch{{{wire::Place::kControl, wire::kPageId, {}}},
                      {{.key = "title", .value = "session-" + session}}});
    }
    void Say(const wire::Message& message) {
      for (Packet& packet : app_.speaks_.Encode(message)) sink_.OnPacket(std::move(packet));
    }

    ToyHost& app_;
    AppSessionSink& sink_;
  };

  void End(int code) {
    if (std::exchange(ended_, true)) return;
    sink_->OnExited(code, {});
    exited_.set_value(code);
  }

  EventLoop& loop_;
  const wire::Codec& speaks_;
  AppSink* sink_ = nullptr;
  Session* session_ = nullptr;
  std::promise<int> exited_;
  bool ended_ = false;
};

}  // namespace fletbridge
