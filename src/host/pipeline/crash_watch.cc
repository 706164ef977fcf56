#include "src/host/pipeline/crash_watch.h"

#include <utility>
#include <variant>

namespace fletbridge {

void CrashWatch::FromApp(Packet&& packet, Onward& onward) {
  if (raised_.empty() && codec_->Peek(packet) == Action::kSessionCrashed) {
    const Result<wire::Message> message = codec_->Decode(Sender::kApp, packet.payload.span());
    const auto* crash = message ? std::get_if<wire::SessionCrashed>(&*message) : nullptr;
    if (crash != nullptr) raised_ = wire::CrashLine(crash->message);
  }
  onward.ToUi(std::move(packet));
}

}  // namespace fletbridge
