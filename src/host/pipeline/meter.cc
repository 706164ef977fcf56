#include "src/host/pipeline/meter.h"

#include <utility>

namespace fletbridge {

Meter::Meter(Events events) : events_(std::move(events)) { answers_.Tell(events_.latency); }

void Meter::FromApp(Packet&& packet, Onward& onward) {
  const Action action = codec_->Peek(packet);
  onward.ToUi(std::move(packet));
  if (action == Action::kRegisterClient) {
    if (!std::exchange(registered_, true)) events_.registered();
  } else if (action == Action::kPatchControl) {
    if (!std::exchange(first_frame_, true)) events_.first_frame();
    answers_.Patch(Answers::Clock::now());
  }
}

void Meter::FromUi(Packet&& packet, Onward& onward) {
  if (codec_->Peek(packet) == Action::kControlEvent) answers_.Input(Answers::Clock::now());
  onward.ToApp(std::move(packet));
}

void Meter::OnSessionEnd() {
  registered_ = false;
  first_frame_ = false;
  answers_.Renew();
}

}  // namespace fletbridge
