#include "src/host/asked_ui.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/base/log.h"

namespace fletbridge {
namespace {

BrowserWish ParseWish(const std::string& text) {
  BrowserWish wish;
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return wish;
  const auto read = [&json](const char* name, auto& into) {
    try {
      if (json.contains(name)) json.at(name).get_to(into);
    } catch (const nlohmann::json::exception&) {  // as if it had not said it
    }
  };
  std::int64_t port = 0;
  read("opens", wish.opens);
  read("host", wish.host);
  read("name", wish.name);
  read("port", port);
  if (port > 0 && port <= 65535) wish.port = static_cast<std::uint16_t>(port);
  return wish;
}

class AskedUi final : public UiSurface, private UiSink {
 public:
  using MakeWeb = std::function<Result<std::unique_ptr<UiSurface>>(const BrowserWish&)>;
  AskedUi(EventLoop& loop, PlannedUi planned, int most_clients, MakeWeb make_web)
      : loop_(loop),
        planned_(std::move(planned)),
        most_clients_(most_clients),
        make_web_(std::move(make_web)) {}

  std::string name() const override { return chosen().name(); }
  std::string client_transport() const override { return chosen().client_transport(); }
  bool serves_another() const override { return chosen().serves_another(); }
  // Known before the choice: the app is ready for so many.
  int clients() const override { return most_clients_; }
  std::optional<LatencySamples> latencies() const override { return chosen().latencies(); }

  // Clients may come once the app has spoken, so it can be started at once.
  void Start(UiSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      if (closed_) return sink_->OnClosed({*closed_, 0});
      sink_->OnReady();
    });
  }

  void OnAppRuns(const std::string& wish) override {
    if (has_chosen_ || closed_ || sink_ == nullptr) return;
    if (wish.empty()) {
      if (!planned_.refusal.empty()) return Refuse(MakeError(Errc::kSetup, planned_.refusal));
      if (!planned_.note.empty()) Log(LogLevel::kInfo, planned_.note);
    } else {
      Result<std::unique_ptr<UiSurface>> web = make_web_(ParseWish(wish));
      if (!web) return Refuse(web.error());
      web_ = std::move(*web);
    }
    has_chosen_ = true;
    chosen().Start(*this);
    chosen().OnAppRuns(wish);
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (has_chosen_) return chosen().Close(why);
      if (std::exchange(closed_, why) || sink_ == nullptr) return;
      sink_->OnClosed({why, 0});
    });
  }

 private:
  void Refuse(const Error& why) {
    closed_ = why;
    sink_->OnClosed({why, why.code == Errc::kUsage ? 2 : 70});
  }

  UiSurface& chosen() const { return web_ ? *web_ : *planned_.ui; }

  // ---- UiSink, of the chosen one
  void OnReady() override {}  // that the app may start has been said
  void OnClient(std::unique_ptr<ClientSession> client) override {
    sink_->OnClient(std::move(client));
  }
  void OnClosed(const UiEnd& end) override { sink_->OnClosed(end); }
  void OnWindowShown(std::chrono::steady_clock::time_point when) override {
    sink_->OnWindowShown(when);
  }
  void OnFrameDrawn(std::chrono::steady_clock::time_point when) override {
    sink_->OnFrameDrawn(when);
  }
  bool WaitsForPerson() override { return sink_->WaitsForPerson(); }

  EventLoop& loop_;
  const PlannedUi planned_;
  const int most_clients_;
  const MakeWeb make_web_;
  // loop's thread only
  UiSink* sink_ = nullptr;  // from Start() on
  std::unique_ptr<UiSurface> web_;
  bool has_chosen_ = false;
  std::optional<Error> closed_;  // before the choice
};

}  // namespace

std::unique_ptr<UiSurface> MakeAskedUi(
    EventLoop& loop, PlannedUi planned, int most_clients,
    std::function<Result<std::unique_ptr<UiSurface>>(const BrowserWish&)> make_web) {
  return std::make_unique<AskedUi>(loop, std::move(planned), most_clients, std::move(make_web));
}

}  // namespace fletbridge
