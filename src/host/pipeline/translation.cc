#include "src/host/pipeline/translation.h"

#include <string>
#include <utility>

#include "common/base/log.h"

namespace fletbridge {

void Translation::OnClient(const Spoken& spoken) {
  const wire::Codec* app = wire::CodecOf(spoken.app, codecs_);
  const wire::Codec* client = wire::CodecOf(spoken.client, codecs_);
  if (spoken.client == Generation::kUnknown && app != nullptr && !app->WritesAs(wire::Newest()))
    client = &wire::Newest();
  translator_.emplace(app, client, [](const std::string& line) { Log(LogLevel::kWarning, line); });
  if (translator_->active() && spoken.client != Generation::kUnknown) {
    // With hot reload the same client comes again and again.
    Log(std::exchange(said_, true) ? LogLevel::kDebug : LogLevel::kInfo,
        std::string("the client speaks as ") + client->flet() + ", the app as " + app->flet() +
            ": translating");
  }
}

void Translation::FromApp(Packet&& packet, Onward& onward) {
  if (!translator_) return onward.ToUi(std::move(packet));
  const Result<> passed = translator_->ToClient(
      std::move(packet), [&onward](Packet&& other) { onward.ToUi(std::move(other)); });
  if (!passed) Log(LogLevel::kError, passed.error().Line());
}

void Translation::FromUi(Packet&& packet, Onward& onward) {
  if (!translator_) return onward.ToApp(std::move(packet));
  const Result<> passed = translator_->ToApp(
      std::move(packet), [&onward](Packet&& other) { onward.ToApp(std::move(other)); });
  if (!passed) onward.Fail(passed.error());
}

}  // namespace fletbridge
