// Room: src/host. One session of the app, the client that it is bound to, and the pipeline between
// them. A run has one such object that serves one client after another, or one for each client
// where the UI has several at a time (session.cc). Knows nothing of the app's life cycle.
//
// Threads: the EventLoop's; traffic() and the samples also after the loop has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"
#include "common/transport/ui_surface.h"
#include "src/host/pipeline/meter.h"
#include "src/host/pipeline/pipeline.h"

namespace fletbridge {

class BoundSession final {
 public:
  // None of them is called again once the session has been told of its end (EndApp(),
  // SendClientAway()).
  class Events {
   public:
    virtual ~Events() = default;
    // The app has answered the client's registration.
    virtual void OnRegistered(BoundSession& session) = 0;
    virtual void OnFirstFrame(BoundSession& session) = 0;
    // An input has been answered after so long (common/transport/answers.h).
    virtual void OnLatency(std::uint64_t nanoseconds) = 0;
    // The app has ended the session.
    virtual void OnLost(BoundSession& session, const Error& why) = 0;
    // The client has disconnected.
    virtual void OnClientGone(BoundSession& session, const Error& why) = 0;
    // The client has sent what the app must not get.
    virtual void OnClientUnclear(BoundSession& session, const Error& why) = 0;
    // The app has no session for it.
    virtual void OnNoSession(BoundSession& session, const Error& why) = 0;
  };

  // `filters`: in order from the app's side; the translation and the meter follow. `loop`, `app`
  // and `events` must outlive this object.
  BoundSession(EventLoop& loop, AppHost& app, Events& events, Generation app_generation,
               std::vector<std::unique_ptr<Filter>> filters, std::size_t max_packet);
  BoundSession(const BoundSession&) = delete;
  BoundSession& operator=(const BoundSession&) = delete;

  // Opens the app's session, unless there is one. Before the loop runs, or on its thread.
  void OpenApp();
  // Begins with a client; opens the app's session if there is none.
  void Take(std::unique_ptr<ClientSession> client);
  // In a task of its own, since a session may not be destroyed inside its sink. No effect if there
  // is no client.
  void SendClientAway();
  // Ends the app's session and drops packets in flight, in a task of its own. With `next` it then
  // opens the next one, so that the app is connected when the next client comes.
  void EndApp(bool next);
  // Destroys what is left, when the loop has ended.
  void DropApp() { app_end_.reset(); }
  void DropClient() { client_end_.reset(); }

  [[nodiscard]] bool has_client() const { return client_end_ != nullptr; }
  // The client has sent a packet.
  [[nodiscard]] bool client_speaks() const { return client_speaks_; }
  [[nodiscard]] Generation client_generation() const { return client_generation_; }
  [[nodiscard]] Pipeline& pipeline() { return pipeline_; }
  [[nodiscard]] const Pipeline& pipeline() const { return pipeline_; }
  [[nodiscard]] LatencySamples samples() const { return meter_->samples(); }

 private:
  struct AppEnd;
  struct ClientEnd;

  std::vector<std::unique_ptr<Filter>> WithOurs(std::vector<std::unique_ptr<Filter>> filters);
  void OnClientSpeaks();

  EventLoop& loop_;
  AppHost& app_;
  Events& events_;
  const Generation app_generation_;
  const Meter* meter_ = nullptr;  // owned by the pipeline
  Pipeline pipeline_;
  std::shared_ptr<AppEnd> app_end_;
  std::shared_ptr<ClientEnd> client_end_;
  bool app_ends_ = false;  // its destruction is under way
  bool client_speaks_ = false;
  Generation client_generation_ = Generation::kUnknown;
  const std::shared_ptr<void> life_ = std::make_shared<char>();  // for tasks that come later
};

}  // namespace fletbridge
