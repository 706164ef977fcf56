// Room: src/host/pipeline. Lets an app of one wire generation and a client of another understand
// each other, where both are known and differ (common/wire/translator.h); else every packet passes
// as it is. A client in this process, which says nothing of its generation, speaks the newest.
//
// A packet of the app's that is no message is dropped, and said in the log; one of the client's
// ends its session.
//
// Threads: as every filter (filter.h).
#pragma once

#include <optional>

#include "common/wire/translator.h"
#include "src/host/pipeline/filter.h"

namespace fletbridge {

class Translation final : public Filter {
 public:
  explicit Translation(wire::CodecList codecs = wire::Codecs()) : codecs_(codecs) {}
  void FromApp(Packet&& packet, Onward& onward) override;
  void FromUi(Packet&& packet, Onward& onward) override;
  void OnClient(const Spoken& spoken) override;
  void OnSessionEnd() override { translator_.reset(); }

 private:
  const wire::CodecList codecs_;
  std::optional<Translator> translator_;  // of the client that is here
  bool said_ = false;                     // that it translates
};

}  // namespace fletbridge
