// Room: common/transport. A base class for a ClientSession that wraps another one, to observe or
// change its packets: it forwards everything, and a derived class overrides what it needs. Header
// only.
//
// Threads, ownership and errors: as ClientSession (ui_surface.h). Owns the wrapped session.
#pragma once

#include <memory>
#include <utility>

#include "common/transport/ui_surface.h"

namespace fletbridge {

class WrappedClient : public ClientSession, protected ClientSessionSink {
 public:
  void Start(ClientSessionSink& sink) override {
    sink_ = &sink;
    client_->Start(*this);
  }
  [[nodiscard]] Generation generation() const override { return client_->generation(); }
  [[nodiscard]] SendResult Send(Packet&& packet) override {
    return client_->Send(std::move(packet));
  }
  [[nodiscard]] std::size_t queued_bytes() const override { return client_->queued_bytes(); }
  void PauseReceiving() override { client_->PauseReceiving(); }
  void ResumeReceiving() override { client_->ResumeReceiving(); }

 protected:
  explicit WrappedClient(std::unique_ptr<ClientSession> client) : client_(std::move(client)) {}

  void OnPacket(Packet&& packet) override { sink_->OnPacket(std::move(packet)); }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnGone(const Error& why) override { sink_->OnGone(why); }

  [[nodiscard]] ClientSession& client() noexcept { return *client_; }
  [[nodiscard]] ClientSessionSink& sink() noexcept { return *sink_; }  // since Start()

 private:
  const std::unique_ptr<ClientSession> client_;
  ClientSessionSink* sink_ = nullptr;
};

}  // namespace fletbridge
