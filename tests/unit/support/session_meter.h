// Room: tests. What the host sees of a UI's session by its packets: "registered" and "first frame",
// told on the loop once the packet of that meaning has been handed to the UI.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/event_loop.h"
#include "src/host/pipeline/meter.h"

namespace fletbridge {

class SessionMeter {
 public:
  SessionMeter(EventLoop& loop, std::function<void(const std::string& what)> tell)
      : loop_(loop), meter_({[tell] { tell("registered"); }, [tell] { tell("first frame"); }}) {}

  // A packet that is about to be sent to the UI; `accepted` hands it over. Any thread.
  template <class Give>
  SendResult Send(Packet&& packet, const Give& give) {
    Packet seen{
        packet.type,
        Buffer(packet.payload.span().first(std::min<std::size_t>(packet.payload.size(), kHead)))};
    const SendResult result = give(std::move(packet));
    if (result != SendResult::kAccepted) return result;
    if (loop_.InLoop()) {
      See(std::move(seen));
    } else {
      auto shared = std::make_shared<Packet>(std::move(seen));
      loop_.Post([this, shared] { See(std::move(*shared)); });
    }
    return result;
  }
  // The loop's thread. What was sent before a client was there has reached it now.
  void OnConnected() {
    connected_ = true;
    for (Packet& packet : std::exchange(early_, {})) See(std::move(packet));
  }
  void OnSessionEnd() {
    connected_ = false;
    meter_.OnSessionEnd();
  }

 private:
  struct Nowhere final : Onward {
    void ToUi(Packet&&) override {}
    void ToApp(Packet&&) override {}
    void Fail(const Error&) override {}
  };
  static constexpr std::size_t kHead = 2;  // tells the action

  void See(Packet&& packet) {
    if (connected_) {
      meter_.FromApp(std::move(packet), nowhere_);
    } else {
      early_.push_back(std::move(packet));
    }
  }

  EventLoop& loop_;
  Nowhere nowhere_;
  Meter meter_;
  bool connected_ = false;
  std::vector<Packet> early_;
};

}  // namespace fletbridge
