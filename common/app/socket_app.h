// Room: common/app. Base class of the transports of stages 1 and 2: an app whose Flet listens on a
// socket, in another process or in this one. In relayed mode a session connects to it as its
// client; in direct mode Flet's own client does, and no packet passes through us. The derived
// classes know where the interpreter runs.
//
// Threads, ownership and errors: as AppHost (app_host.h). The protected methods: the loop's thread,
// except where something else is stated.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/app/app_channel.h"
#include "common/app/app_socket.h"
#include "common/base/event_loop.h"
#include "common/net/app_connection.h"
#include "common/python/flet_environment.h"

namespace fletbridge {

class SocketApp : public AppHost {
 public:
  ~SocketApp() override;

  Generation generation() const override { return spec_.generation; }
  std::string direct_address() const override;
  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override;
  void Leave() override;
  void PassSignal(int signal, bool app_has_it) override;
  void Acknowledge() override;

 protected:
  SocketApp(EventLoop& loop, AppSpec spec, AppSocket socket);

  // Checks that a connected socket leads to our app; errors as AppConnection's `verify`.
  virtual Result<> Verify(int fd) = 0;
  // Sends the app a signal that it has not received itself.
  virtual void Deliver(int signal) = 0;

  // The interpreter's environment: Flet's variables, ours, and the spec's. Appends to `given` the
  // descriptors that these variables name; the interpreter takes them over, and they survive an
  // exec if `for_exec`. On the thread that starts the app, once.
  Environment TakeEnvironment(std::vector<UniqueFd>& given, bool for_exec);
  // On the thread that starts the app, before that.
  void SetSink(AppSink& sink) { sink_ = &sink; }
  // The app is being started: begins to connect.
  void Begin();
  // The app has ended with this exit code: delivers its last packets, calls OnExited(), then
  // `done`. Once.
  void End(int code, std::function<void()> done);
  // The app could not be started: calls OnExited().
  void Fail(const Error& why);

  EventLoop& loop() { return loop_; }
  const AppSpec& spec() const { return spec_; }
  AppSink& sink() { return *sink_; }
  SocketAddress::Kind kind() const;
  // The private folder, for other files that the interpreter needs. Before Begin().
  const RuntimeDir& folder() const;

 private:
  class Session;

  void OnConnected();
  void OnConnectFailed(const Error& why);
  void OnSessionClosed(Session& session);
  void OnDrained(Session& session);
  void EndNow();
  void Finish(int code, const Error& why);
  void OnWord(AppWord word, int number);
  void AwaitListening();
  void WatchFolder();
  void LookForSocket();
  void OnListening();

  EventLoop& loop_;
  const AppSpec spec_;
  AppSink* sink_ = nullptr;  // set before the start
  // loop's thread only
  std::vector<Session*> sessions_;  // the open ones
  std::vector<Session*> drained_;   // those of an ended app whose last packets are still read
  struct Watch;
  std::unique_ptr<Watch> watch_;
  AppSocket socket_;
  AppChannel channel_;
  std::function<void()> at_end_;  // set while the last packets of an ended app are read
  bool begun_ = false;
  bool listens_ = false;
  bool left_ = false;
  bool finished_ = false;
};

}  // namespace fletbridge
