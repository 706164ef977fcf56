// Room: src/host/pipeline. A filter that keeps the app's first unhandled exception (Flet's message
// session_crashed).
//
// Threads: as Filter; raised() on the loop's thread, or after the loop has ended.
#pragma once

#include <string>

#include "common/wire/codec.h"
#include "src/host/pipeline/filter.h"

namespace fletbridge {

class CrashWatch final : public Filter {
 public:
  void FromApp(Packet&& packet, Onward& onward) override;
  void OnClient(const Spoken& spoken) override { codec_ = &wire::CodecOrNewest(spoken.app); }

  // The exception in one line; empty: none.
  [[nodiscard]] const std::string& raised() const noexcept { return raised_; }

 private:
  const wire::Codec* codec_ = &wire::Newest();  // the app's
  std::string raised_;
};

}  // namespace fletbridge
