#include "common/wire/codec.h"

#include <utility>

#include "common/wire/json_codec.h"
#include "common/wire/msgpack_codec.h"

namespace fletbridge::wire {
namespace {

const Generation0 kGeneration0;
const Generation1 kGeneration1;
const Generation2 kGeneration2;
const Generation3 kGeneration3;
const Codec* const kCodecs[] = {&kGeneration0, &kGeneration1, &kGeneration2, &kGeneration3};

}  // namespace

CodecList Codecs() noexcept { return kCodecs; }

const Codec& Newest() noexcept { return kGeneration3; }

const Codec* CodecOf(Generation generation, CodecList codecs) noexcept {
  for (const Codec* codec : codecs) {
    if (codec->generation() == generation) return codec;
  }
  return nullptr;
}

const Codec& CodecOrNewest(Generation generation) noexcept {
  const Codec* codec = CodecOf(generation);
  return codec == nullptr ? Newest() : *codec;
}

Buffer Codec::EncodeOne(const Message& message) const {
  std::vector<Packet> packets = Encode(message);
  return packets.empty() ? Buffer() : std::move(packets[0].payload);
}

Error MalformedMessage(Sender sender, const std::string& what) {
  return MakeError(Errc::kPeerMisbehaved, std::string("the ") +
                                              (sender == Sender::kApp ? "app" : "client") +
                                              " sent a malformed message: " + what);
}

}  // namespace fletbridge::wire
