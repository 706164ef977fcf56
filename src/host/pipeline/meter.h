// Room: src/host/pipeline. A filter at the client's end that measures a session by its packets:
// when the app has answered the registration, when the first frame comes, and the latency of each
// input (common/transport/answers.h).
//
// Threads: as Filter; samples() on the loop's thread, or after the loop has ended.
#pragma once

#include <cstdint>
#include <functional>

#include "common/transport/answers.h"
#include "common/transport/latency_samples.h"
#include "common/wire/codec.h"
#include "src/host/pipeline/filter.h"

namespace fletbridge {

class Meter final : public Filter {
 public:
  // The first two are called once in a session, after their packet has been forwarded.
  struct Events {
    std::function<void()> registered;
    std::function<void()> first_frame;
    std::function<void(std::uint64_t nanoseconds)> latency = {};  // of each input; may be empty
  };
  explicit Meter(Events events);

  void FromApp(Packet&& packet, Onward& onward) override;
  void FromUi(Packet&& packet, Onward& onward) override;
  void OnClient(const Spoken& spoken) override { codec_ = &wire::CodecOrNewest(spoken.client); }
  void OnSessionEnd() override;

  // In nanoseconds, from an input to the first patch that answers it, over all sessions.
  [[nodiscard]] LatencySamples samples() const { return answers_.samples(); }

 private:
  const Events events_;
  const wire::Codec* codec_ = &wire::Newest();  // the client's
  Answers answers_;
  bool registered_ = false;
  bool first_frame_ = false;
};

}  // namespace fletbridge
