// Room: tests/extend. A UI without a screen: brings as many clients as it is told, one after the
// other; each registers, clicks once, and goes when both have been answered. What a new UI has to
// implement, and no more.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/local_client.h"
#include "common/wire/codec.h"

namespace fletbridge {

class ToyUi final : public UiSurface {
 public:
  ToyUi(EventLoop& loop, int clients, bool comes_later = false)
      : loop_(loop),
        left_(clients),
        comes_later_(comes_later),
        client_(std::make_shared<LocalClient>(
            loop, FlowLimits{},
            LocalClient::Hooks{[this] {
                                 Say(wire::Register{{}, {}, wire::Value::MapOf({})});
                               },
                               [this](Packet&& packet) { Hear(std::move(packet)); },
                               {},
                               [this] { loop_.Post([this] { NextClient(); }); }})) {}

  std::string name() const override { return "toy"; }
  bool serves_another() const override { return true; }
  void Start(UiSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      sink.OnReady();
      if (!comes_later_) NextClient();
    });
  }
  void Close(const Error& why) override {
    loop_.Post([this, why] { End(why); });
  }
  // For a client that `comes_later`.
  void Come() {
    loop_.Post([this] { NextClient(); });
  }

  std::vector<std::string> heard;  // loop's thread

 private:
  void NextClient() {
    if (ended_) return;
    patches_ = 0;
    sink_->OnClient(client_->Session());
  }
  void Say(const wire::Message& message) {
    client_->ToApp({PacketType::kControl, wire::Newest().EncodeOne(message)});
  }
  void Hear(Packet&& packet) {
    heard.emplace_back(packet.payload.text());
    if (wire::Newest().Peek(packet) != Action::kPatchControl) return;
    if (++patches_ == 1) return Say(wire::ControlEvent{1, "click", {}});
    if (--left_ == 0) return End({});
    client_->Leave({});
    NextClient();
  }
  void End(const Error& why) {
    if (std::exchange(ended_, true)) return;
    client_->Close();
    sink_->OnClosed({why, 0});
  }

  EventLoop& loop_;
  UiSink* sink_ = nullptr;
  int left_;
  const bool comes_later_;
  int patches_ = 0;
  bool ended_ = false;
  const std::shared_ptr<LocalClient> client_;
};

}  // namespace fletbridge
