// Room: common/wire. The messages of an app of one wire generation for a client of another: what
// both know passes as it is, since generations 2 and 3 write the same messages; what the other side
// has no word for is refused, with one warning for each kind. Called by ClientLeg; knows nothing of
// framing and sockets.
//
// Method calls pass whatever their name, since only the client knows which it has: it answers one
// that it does not know with an error, which the app's call raises. One warning names the call. A
// call that fails for another reason is the app's matter alone.
//
// For one thread at a time.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/base/error.h"
#include "common/transport/generation.h"
#include "common/transport/packet.h"

namespace fletbridge {

class Translator {
 public:
  // `warn` is given one line for people. Until both generations are known, everything passes.
  Translator(Generation app, Generation client, std::function<void(const std::string& line)> warn);

  // Whether the packet, which is unchanged, is to be passed on. An error if it is not exactly one
  // message: its sender cannot be understood, and a stream without lengths would lose its place.
  [[nodiscard]] Result<bool> ToClient(const Packet& packet);
  [[nodiscard]] Result<bool> ToApp(const Packet& packet);

  // False: everything passes.
  [[nodiscard]] bool active() const noexcept { return active_; }

 private:
  enum class Sender { kApp, kClient };
  struct Rule;
  static const Rule kOnlyInG3[];

  [[nodiscard]] Result<bool> Pass(const Packet& packet, Sender sender, Generation to);
  void WatchCall(const Packet& packet, Sender sender);
  bool Refuse(const std::string& kind, Sender sender, Generation to);

  const Generation app_;
  const Generation client_;
  const bool active_;
  const std::function<void(const std::string&)> warn_;
  std::set<std::string> refused_;             // kinds that have been warned of
  std::map<std::string, std::string> calls_;  // that wait for an answer: id and name
};

// "Flet 0.70 to 0.85": for messages to people.
[[nodiscard]] const char* FletOf(Generation generation) noexcept;

}  // namespace fletbridge
