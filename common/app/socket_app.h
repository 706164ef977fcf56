// Room: common/app. What stages 1 and 2 have in common: an app whose Flet listens on a socket, in
// another process or in this one. Either we connect to it as its client and carry the packets, or,
// in direct mode, Flet's own client connects to it and no packet passes through us. Derived from by
// the stages, which know where the interpreter runs. Contract and threads: app_transport.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/app/app_channel.h"
#include "common/app/app_socket.h"
#include "common/base/event_loop.h"
#include "common/net/socket_leg.h"
#include "common/python/flet_environment.h"

namespace fletbridge {

class SocketApp : public AppTransport, private SocketLegSink {
 public:
  ~SocketApp() override;

  Generation generation() const override { return spec_.generation; }
  std::string direct_address() const override;
  SendResult Send(Packet&& packet) override;
  std::size_t queued_bytes() const override;
  void PauseReceiving() override;
  void ResumeReceiving() override;
  void NewSession() override;
  void Leave() override;
  void PassSignal(int signal, bool app_has_it) override;
  void Acknowledge() override;

 protected:
  SocketApp(EventLoop& loop, AppSpec spec, AppSocket socket);

  // Whether a connected socket leads to our app.
  virtual Result<> Verify(int fd) = 0;
  // Has the app get a signal that it does not have by itself. Loop's thread.
  virtual void Deliver(int signal) = 0;

  // What the interpreter is given besides the spec's own, and descriptors that it takes over, which
  // are named in there; they outlive an exec if it is `for_exec`. Once.
  Environment TakeEnvironment(std::vector<UniqueFd>& given, bool for_exec);
  // Before the app is started, on the thread that starts it: whom the facts are told.
  void SetSink(AppSink& sink) { sink_ = &sink; }
  // It is being started. Loop's thread.
  void Begin();
  // The app has ended with this code: delivers what it still said, tells OnExited(), then calls
  // `done`. Loop's thread, once.
  void End(int code, std::function<void()> done);
  // The same for one that was not even started.
  void Fail(const Error& why);

  EventLoop& loop() { return loop_; }
  const AppSpec& spec() const { return spec_; }
  AppSink& sink() { return *sink_; }
  SocketAddress::Kind kind() const;
  // The private folder, for what else the interpreter needs. Before Begin().
  const RuntimeDir& folder() const;

 private:
  void OnPacket(Packet&& packet) override;
  void OnWritable() override;
  void OnRefused(const Error& why) override;
  void OnConnected() override;
  void OnSessionLost(const Error& why) override;
  void OnConnectFailed(const Error& why) override;
  void Finish(int code, const Error& why);
  void OnWord(AppWord word, int number);
  void AwaitListening();
  void WatchFolder();
  void LookForSocket();
  void OnListening();

  EventLoop& loop_;
  const AppSpec spec_;
  std::unique_ptr<SocketLeg> leg_;  // none in direct mode
  AppSink* sink_ = nullptr;         // set before the start
  // loop's thread only
  struct Watch;
  std::unique_ptr<Watch> watch_;
  AppSocket socket_;
  AppChannel channel_;
  bool listens_ = false;
  bool left_ = false;
  bool finished_ = false;
};

}  // namespace fletbridge
