#include "src/host/bound_session.h"

#include <utility>

#include "common/base/log.h"
#include "src/host/pipeline/translation.h"

namespace fletbridge {

// Sink of the app's session. Packets after its end are dropped.
struct BoundSession::AppEnd final : AppSessionSink {
  explicit AppEnd(BoundSession& its_owner) : owner(its_owner) {}
  [[nodiscard]] bool current() const { return !over && owner.app_end_.get() == this; }
  void OnPacket(Packet&& packet) override {
    if (current()) owner.pipeline_.FromApp(std::move(packet));
  }
  void OnWritable() override {
    if (current()) owner.pipeline_.AppWritable();
  }
  void OnRefused(const Error& why) override {
    Log(LogLevel::kError, "from the app: " + why.Line());
  }
  void OnLost(const Error& why) override {
    if (current()) owner.events_.OnLost(owner, why);
  }
  BoundSession& owner;
  bool over = false;  // and the owner perhaps gone
  std::unique_ptr<AppSession> port;
};

// Sink of the client.
struct BoundSession::ClientEnd final : ClientSessionSink {
  ClientEnd(BoundSession& its_owner, std::unique_ptr<ClientSession> client)
      : owner(its_owner), port(std::move(client)) {}
  [[nodiscard]] bool current() const { return !over && owner.client_end_.get() == this; }
  void OnPacket(Packet&& packet) override {
    if (!current()) return;
    owner.OnClientSpeaks();
    owner.pipeline_.FromClient(std::move(packet));
  }
  void OnWritable() override {
    if (current()) owner.pipeline_.ClientWritable();
  }
  void OnRefused(const Error& why) override { Log(LogLevel::kError, "from the UI: " + why.Line()); }
  void OnGone(const Error& why) override {
    if (current()) owner.events_.OnClientGone(owner, why);
  }
  BoundSession& owner;
  bool over = false;
  const std::unique_ptr<ClientSession> port;
};

BoundSession::BoundSession(EventLoop& loop, AppHost& app, Events& events, Generation app_generation,
                           std::vector<std::unique_ptr<Filter>> filters, std::size_t max_packet)
    : loop_(loop),
      app_(app),
      events_(events),
      app_generation_(app_generation),
      pipeline_(WithOurs(std::move(filters)), max_packet,
                [this](const Error& why) { events_.OnClientUnclear(*this, why); }) {}

// Recordings contain what the app sends and receives, the meter measures what the client sees.
std::vector<std::unique_ptr<Filter>> BoundSession::WithOurs(
    std::vector<std::unique_ptr<Filter>> filters) {
  filters.push_back(std::make_unique<Translation>());
  auto meter = std::make_unique<Meter>(
      Meter::Events{[this] {
                      pipeline_.OnRegistered({app_.generation(), client_generation_});
                      events_.OnRegistered(*this);
                    },
                    [this] { events_.OnFirstFrame(*this); },
                    [this](std::uint64_t nanoseconds) { events_.OnLatency(nanoseconds); }});
  meter_ = meter.get();
  filters.push_back(std::move(meter));
  return filters;
}

void BoundSession::OpenApp() {
  if (app_end_ || app_ends_) return;
  app_end_ = std::make_shared<AppEnd>(*this);
  Result<std::unique_ptr<AppSession>> opened = app_.OpenSession(*app_end_);
  if (!opened) {
    app_end_.reset();
    return events_.OnNoSession(*this, opened.error());
  }
  app_end_->port = std::move(*opened);
  pipeline_.BindApp(app_end_->port.get());
}

void BoundSession::Take(std::unique_ptr<ClientSession> client) {
  client_end_ = std::make_shared<ClientEnd>(*this, std::move(client));
  OpenApp();
  if (!client_end_) return;
  pipeline_.BindClient(client_end_->port.get());
  client_end_->port->Start(*client_end_);
}

// The client's generation is known before its first packet.
void BoundSession::OnClientSpeaks() {
  if (std::exchange(client_speaks_, true)) return;
  client_generation_ = client_end_->port->generation();
  pipeline_.OnClient({app_generation_, client_generation_});
}

void BoundSession::SendClientAway() {
  pipeline_.BindClient(nullptr);
  if (!client_end_) return;
  client_end_->over = true;
  loop_.Post([over = std::move(client_end_)] {});
}

void BoundSession::EndApp(bool next) {
  client_speaks_ = false;
  pipeline_.EndSession();
  pipeline_.BindApp(nullptr);
  if (app_end_) app_end_->over = true;
  app_ends_ = true;
  loop_.Post([this, next, life = std::weak_ptr<void>(life_), over = std::move(app_end_)]() mutable {
    over.reset();
    if (life.expired()) return;
    app_ends_ = false;
    if (next || client_end_) OpenApp();
  });
}

}  // namespace fletbridge
