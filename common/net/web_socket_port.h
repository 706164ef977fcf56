// Room: common/net. One end of a WebSocket (RFC 6455) on a connected stream socket, as a
// PacketPort: a binary message is a packet, [type][payload] since Flet 0.86 and the payload alone
// before; before 0.70 it is a text. Used by whoever serves or reaches Flet clients over HTTP; knows
// nothing of URLs beyond what OnRequest() is asked.
//
// Bounds: a request's header has 16 KiB, a message FlowLimits::max_packet (a longer one is read
// and dropped, which OnRefused() says), the queue FlowLimits' marks. A peer that does not finish
// the handshake in time, or answers no ping, is disconnected.
//
// Threads: Send(), PauseReceiving(), ResumeReceiving() and queued_bytes() any; the others the
// EventLoop's, on which the sink is called too.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/net/stream_port.h"

namespace fletbridge {

// What a client asks for: the target, such as "/ws?a=1", and the headers.
struct WebSocketRequest {
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;

  // The first header of this name, in any case; empty if there is none.
  [[nodiscard]] std::string_view Header(std::string_view name) const;
};

struct WebSocketPatience {
  std::chrono::milliseconds handshake{10'000};
  // A peer that has been silent for so long, or up to a quarter longer, is pinged, and disconnected
  // after twice that again. 0: never.
  std::chrono::milliseconds ping{20'000};
  // How long the end waits for what is queued to be written, and for the peer's answer.
  std::chrono::milliseconds farewell{1'000};
  // How long what the peer has sent before its end waits to be read while receiving is paused.
  std::chrono::milliseconds last_words{0};
};

// Why a WebSocket is closed (RFC 6455, 7.4.1).
enum class WebSocketClose : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocol = 1002,
  kUnsupported = 1003,
  kPolicy = 1008,
  kTooBig = 1009,
  kFailure = 1011,
  kTryAgain = 1013,
};

// OnDisconnected() is the last call, also for a handshake that has failed.
class WebSocketSink : public StreamSink {
 public:
  // A server is asked; an error refuses the client, whose answer is 403 and the error's line.
  virtual Result<> OnRequest(const WebSocketRequest& /*request*/) { return {}; }
  // The handshake is done.
  virtual void OnOpen() {}
};

class WebSocketPort final : public PacketPort {
 public:
  // `generation`: as of StreamPort. `loop` must outlive this object, `sink` too.
  WebSocketPort(EventLoop& loop, const FlowLimits& limits, WebSocketSink& sink,
                Generation generation = Generation::kG3, WebSocketPatience patience = {});
  // As Disconnect(kGoingAway).
  ~WebSocketPort() override;

  // Takes over a connected socket, as a server or as a client; one of them, once. `read`: what has
  // been read from the socket already, such as the request that asks for the upgrade.
  void Accept(UniqueFd socket, std::string read = {});
  // `request`: its header "Host" is required.
  void Connect(UniqueFd socket, WebSocketRequest request);

  // Writes what is queued, says goodbye and closes, within `farewell`, also after this object's
  // end. The sink is not called any more. Idempotent.
  void Disconnect(WebSocketClose code = WebSocketClose::kNormal);
  [[nodiscard]] bool open() const;

  [[nodiscard]] SendResult Send(Packet&& packet) override;
  [[nodiscard]] std::size_t queued_bytes() const override;
  void PauseReceiving() override;
  void ResumeReceiving() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with pending handlers
};

}  // namespace fletbridge
