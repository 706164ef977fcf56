// Room: src/host/pipeline. The interface of a filter: one step for packets between the app and its
// client, which translates, records, measures, or does what a feature needs. A pipeline
// (pipeline.h) has a list of filters, from the app to the client. A filter gets each packet once
// and forwards it, changed or not, or drops it. It lives as long as the run and serves one session
// after another. An exception ends the run.
//
// Threads: the EventLoop's, which must not wait; OnRunEnd() as stated there.
#pragma once

#include <chrono>
#include <string>

#include "common/base/error.h"
#include "common/transport/generation.h"
#include "common/transport/packet.h"

namespace fletbridge {

// The rest of the pipeline behind a filter, in both directions.
class Onward {
 public:
  virtual ~Onward() = default;
  virtual void ToUi(Packet&& packet) = 0;
  virtual void ToApp(Packet&& packet) = 0;
  // The client has sent invalid data: its session ends for this reason, after the current packet.
  virtual void Fail(const Error& why) = 0;
};

// The wire generations of a session's two ends.
struct Spoken {
  Generation app = Generation::kUnknown;
  Generation client = Generation::kUnknown;
};

class Filter {
 public:
  virtual ~Filter() = default;

  virtual void FromApp(Packet&& packet, Onward& onward) { onward.ToUi(std::move(packet)); }
  virtual void FromUi(Packet&& packet, Onward& onward) { onward.ToApp(std::move(packet)); }

  // A client has connected; before its first packet.
  virtual void OnClient(const Spoken& /*spoken*/) {}
  // The app has answered the client's registration; its generation is known now.
  virtual void OnRegistered(const Spoken& /*spoken*/) {}
  // The session has ended; later packets belong to the next one.
  virtual void OnSessionEnd() {}
  // The run ends with this exit code, for this reason. The last call, once, on the thread that ends
  // the process; may wait, for `patience` at most.
  virtual void OnRunEnd(int /*code*/, const std::string& /*reason*/,
                        std::chrono::milliseconds /*patience*/) {}
};

}  // namespace fletbridge
