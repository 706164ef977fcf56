// Room: common/wire. The messages of an app of one wire generation for a client of another: read by
// the codec of the one that says them, written by that of the other. Where both write alike, a
// packet passes as it is. What the other side has no word for is refused, with one warning for each
// kind. Called by a filter of the host; knows nothing of framing and sockets.
//
// Method calls pass whatever their name, since only the client knows which it has: it answers one
// that it does not know with an error, which the app's call raises. One warning names the call. A
// call that fails for another reason is the app's matter alone.
//
// `fletd`, the broker of generation 0, tells the app of a client before it answers the client, so
// that the app's first patches may come before that answer (registerWebClientCore in Flet 0.1's
// server/page/client.go). They wait here for it: to the clients of later generations the answer is
// the first thing that is said, and what it and they have in common is the same twice.
//
// For one thread at a time.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/wire/codec.h"
#include "common/wire/session.h"

namespace fletbridge {

class Translator {
 public:
  // `warn` is given one line for people. While one of the two is not known, everything passes.
  Translator(const wire::Codec* app, const wire::Codec* client,
             std::function<void(const std::string& line)> warn);

  // Hands on what the other side is to be given in the packet's place: the packet itself, others,
  // or nothing. An error if it is not exactly one message: its sender cannot be understood, and a
  // stream without lengths would lose its place.
  using Pass = std::function<void(Packet&&)>;
  [[nodiscard]] Result<> ToClient(Packet&& packet, const Pass& pass);
  [[nodiscard]] Result<> ToApp(Packet&& packet, const Pass& pass);

  // False: everything passes.
  [[nodiscard]] bool active() const noexcept { return active_; }

 private:
  [[nodiscard]] Result<> Take(Packet&& packet, Sender sender, const Pass& pass);
  [[nodiscard]] Result<> Rewrite(const Packet& packet, Sender sender, const Pass& pass);
  void WatchCall(const wire::Outline& message, Sender sender);
  void Refuse(const std::string& kind, Sender sender);

  const wire::Codec* const app_;
  const wire::Codec* const client_;
  const bool active_;
  const bool alike_;  // both write the same messages alike
  const std::function<void(const std::string&)> warn_;
  std::set<std::string> refused_;  // kinds that have been warned of
  wire::PendingCalls calls_;       // where packets pass as they are
  wire::Session session_;          // where they are written anew
  std::vector<Packet> held_;       // of an app of generation 0, until its answer comes
  std::size_t held_bytes_ = 0;
  bool is_registering_ = false;  // a client waits for the answer
};

}  // namespace fletbridge
