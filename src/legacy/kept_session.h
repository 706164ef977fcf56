// Room: src/legacy. What the broker keeps of a session, so that a UI which comes back finds it as
// it was while the app notices nothing: the control tree, the app's calls that nobody has answered,
// the last exception. Called by the broker with each packet on its way. Knows the wire's codecs;
// independent of sockets and processes.
//
// Bounds: the tree has those of the wire's decoder; of calls kMostCalls are known, and their
// packets are kept up to kMostCallBytes in all. A session that does not fit is passed on and not
// kept.
//
// For one thread at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/transport/packet.h"
#include "common/wire/codec.h"
#include "common/wire/flat_copy.h"
#include "common/wire/session.h"

namespace fletbridge::legacy {

class KeptSession {
 public:
  static constexpr std::size_t kMostCalls = 1024;
  static constexpr std::size_t kMostCallBytes = std::size_t{1} << 20;

  // The app's codec, which the UI speaks as well. It lives for ever.
  explicit KeptSession(const wire::Codec& codec) : codec_(&codec) {}

  // A packet that goes to the other side. `ui_is_there`: else nobody gets it but this object.
  // Returns what the app has to be told at once: that nobody can answer its call.
  std::vector<Packet> FromApp(const Packet& packet, bool ui_is_there);
  void FromUi(const Packet& packet);

  // The UI has gone. Returns what the app is told.
  [[nodiscard]] std::vector<Packet> UiGone();
  // A client has registered and been answered, and all since is understood.
  [[nodiscard]] bool keepable() const noexcept { return session_.registered() && !is_lost_; }

  // A UI has come back and says this, its registration. None: it says anything else.
  struct Return {
    std::vector<Packet> to_ui;   // the page, then what it has missed
    std::vector<Packet> to_app;  // in what the new UI differs, such as its size
  };
  [[nodiscard]] std::optional<Return> Rejoin(const Packet& registration);

 private:
  struct Call {
    std::int64_t control_id = 0;
    std::string call_id;
    Buffer packet;  // none: too large to be kept
  };

  std::vector<Packet> OnCall(const wire::InvokeMethod& call, const Packet& packet,
                             bool ui_is_there);
  void EndCall(const std::string& call_id);
  std::vector<Packet> Unanswerable(const Call& call) const;

  const wire::Codec* codec_;
  wire::Session session_;
  wire::FlatCopy flat_;  // of a generation that speaks texts
  std::string session_id_;
  std::deque<Call> calls_;  // the oldest first
  std::size_t call_bytes_ = 0;
  Buffer crash_;          // the last exception, which no UI has seen; none: empty
  bool is_lost_ = false;  // something was not understood
};

}  // namespace fletbridge::legacy
