// Room: tests. The reference implementation of a UiSurface: its clients are code in this process,
// each at the far end of a pipe (memory_pipe.h) whose turns are the loop's.
//
// Threads: as of any UiSurface; Connect() and the hooks on the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/event_loop.h"
#include "common/transport/ui_surface.h"
#include "tests/unit/support/memory_pipe.h"

namespace fletbridge {

class PipeUi final : public UiSurface {
 public:
  struct Options {
    FlowLimits limits{};
    FailPoints to_client{};
    FailPoints to_app{};
    bool serves_another = true;
    std::function<void()> on_ready = [] {};  // for a client that comes at once
    std::function<void()> on_gone = [] {};   // its session is over, and another could come
  };
  PipeUi(EventLoop& loop, const Options& options) : core_(std::make_shared<Core>(loop, options)) {}
  ~PipeUi() override { core_->alive = false; }

  std::string name() const override { return "pipe"; }
  bool serves_another() const override { return core_->options.serves_another; }
  void Start(UiSink& sink) override {
    core_->loop.Post([core = core_, &sink] {
      if (!core->alive) return;
      core->sink = &sink;
      if (core->closed) return sink.OnClosed(*core->closed);
      sink.OnReady();
      if (!core->closed) core->options.on_ready();
    });
  }
  void Close(const Error& why) override { End({why, 0}); }
  // As if it had closed by itself.
  void End(const UiEnd& end) {
    core_->loop.Post([core = core_, end] { core->End(end); });
  }

  // A client comes; its end is the second one. Null: nobody can come.
  std::shared_ptr<MemoryPipe> Connect(MemoryPipeSink& client) {
    Core& core = *core_;
    if (core.sink == nullptr || core.closed || core.here != nullptr) return nullptr;
    auto pipe = std::make_shared<MemoryPipe>(
        TurnsOf(core.loop), TurnsOf(core.loop),
        MemoryPipe::Direction{.limits = core.options.limits, .fails = core.options.to_client},
        MemoryPipe::Direction{.limits = core.options.limits, .fails = core.options.to_app});
    pipe->second().Open(client);
    auto session = std::make_unique<Session>(core_, pipe);
    core.here = session.get();
    core.sink->OnClient(std::move(session));
    return pipe;
  }

 private:
  class Session;

  struct Core {
    Core(EventLoop& of, Options given) : loop(of), options(std::move(given)) {}
    void End(const UiEnd& end) {
      if (!alive || closed) return;
      closed = end;
      if (here != nullptr) here->SendAway();
      if (sink != nullptr) sink->OnClosed(end);
    }
    EventLoop& loop;
    const Options options;
    UiSink* sink = nullptr;
    std::optional<UiEnd> closed;
    Session* here = nullptr;
    bool alive = true;
  };

  class Session final : public ClientSession, private MemoryPipeSink {
   public:
    Session(std::shared_ptr<Core> core, std::shared_ptr<MemoryPipe> pipe)
        : core_(std::move(core)), pipe_(std::move(pipe)) {}
    ~Session() override {
      SendAway();
      if (core_->here == this) core_->here = nullptr;
      if (core_->alive && !core_->closed) core_->options.on_gone();
    }
    void SendAway() { pipe_->first().Drop(MakeError(Errc::kPeerGone, "the client is sent away")); }

    void Start(ClientSessionSink& sink) override {
      sink_ = &sink;
      pipe_->first().Open(*this);
    }
    Generation generation() const override { return Generation::kG3; }
    SendResult Send(Packet&& packet) override { return pipe_->first().Send(std::move(packet)); }
    std::size_t queued_bytes() const override { return pipe_->first().queued_bytes(); }
    void PauseReceiving() override { pipe_->first().PauseReceiving(); }
    void ResumeReceiving() override { pipe_->first().ResumeReceiving(); }

   private:
    void OnPacket(Packet&& packet) override { sink_->OnPacket(std::move(packet)); }
    void OnWritable() override { sink_->OnWritable(); }
    void OnRefused(const Error& why) override { sink_->OnRefused(why); }
    void OnEnd(const Error& why) override {
      if (core_->here == this) core_->here = nullptr;
      sink_->OnGone(why);
    }

    const std::shared_ptr<Core> core_;
    const std::shared_ptr<MemoryPipe> pipe_;
    ClientSessionSink* sink_ = nullptr;
  };

  const std::shared_ptr<Core> core_;
};

}  // namespace fletbridge
