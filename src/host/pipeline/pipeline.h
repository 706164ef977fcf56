// Room: src/host/pipeline. Connects a session of the app with a client: the packets of both go
// through an ordered list of filters (filter.h), with back-pressure from the receiving end to the
// sending one. Each end can be bound to another port, and may be unbound for a while: then packets
// for it are queued, and the other end is paused.
//
//   app's port -> FromApp() -> filter 1 -> ... -> filter n -> client's port
//   app's port <- filter 1 <- ... <- filter n <- FromUi() <- client's port
//
// Threads: the EventLoop's; to_app() and to_client() any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/transport/packet_port.h"
#include "src/host/pipeline/filter.h"

namespace fletbridge {

class Pipeline {
 public:
  // `limit_bytes`: the largest packet that the ports accept, for messages. `fail` is called when a
  // filter rejects the client's data (Onward::Fail()); it may unbind ports and end sessions.
  Pipeline(std::vector<std::unique_ptr<Filter>> filters, std::size_t limit_bytes,
           std::function<void(const Error& why)> fail);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Null unbinds. A port must outlive its binding. Packets that are queued for an unbound end go to
  // the port that is bound next, unless EndSession() drops them.
  void BindApp(PacketPort* port);
  void BindClient(PacketPort* port);

  // For the sinks of the two ends.
  void FromApp(Packet&& packet);
  void FromClient(Packet&& packet);
  void AppWritable();
  void ClientWritable();

  // Calls all filters.
  void OnClient(const Spoken& spoken);
  void OnRegistered(const Spoken& spoken);
  void OnRunEnd(int code, const std::string& reason, std::chrono::milliseconds patience);
  // The session has ended: drops its queued packets.
  void EndSession();

  // Packets that an end has accepted, and their payload bytes.
  struct Traffic {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Traffic to_app() const;
  [[nodiscard]] Traffic to_client() const;

 private:
  class Link;
  // One end, as a receiver of packets.
  class End;

  std::vector<std::unique_ptr<Filter>> filters_;
  std::vector<std::unique_ptr<Link>> links_;  // the Onward of each filter
  std::unique_ptr<End> app_;
  std::unique_ptr<End> client_;
  std::function<void(const Error&)> fail_;
  bool failed_ = false;  // from Onward::Fail() to the session's end
};

}  // namespace fletbridge
