// Room: tests/fuzz. The headless client's reader of the app's messages: whatever the app sends, a
// value is read back as it was written, and the tree takes the message or refuses it in one line.
//
// An input: any number of [length, two bytes, little-endian][a message]
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "common/wire/codec.h"
#include "common/wire/control_tree.h"

namespace {

using namespace fletbridge;
using namespace fletbridge::wire;

constexpr DecodeLimits kLimits{.max_depth = 64, .max_values = 4096};

void Require(bool holds) {
  if (!holds) std::abort();
}

void ReadBackWhatIsWritten(std::span<const std::byte> bytes) {
  const Result<Value> value = Decode(bytes, kLimits);
  if (!value) {
    Require(!value.error().context.empty());
    return;
  }
  const Buffer once = Encode(*value);
  const Result<Value> again = Decode(once.span(), kLimits);
  Require(again.has_value());
  Require(Encode(*again).text() == once.text());  // bytes, since a NaN differs from itself
}

void Apply(ControlTree& tree, std::span<const std::byte> bytes) {
  Result<Message> message = Newest().Decode(Sender::kApp, bytes, Reading::kStrict, kLimits);
  if (!message) return;
  if (auto* answer = std::get_if<RegisterAnswer>(&*message)) {
    if (Result<> ok = tree.Register(std::move(answer->page_patch)); !ok)
      Require(!ok.error().context.empty());
  } else if (auto* patch = std::get_if<Patch>(&*message)) {
    const std::int64_t id = RootOf(*patch, 0);
    const Result<bool> ok = tree.Apply(*patch);
    if (!ok) Require(!ok.error().context.empty());
    if (const Map* control = tree.Find(id)) Require(ControlId(*control) == id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ControlTree tree(Value::MapOf({{"_c", "Page"}, {"_i", kPageId}}));
  std::span<const std::byte> in = std::as_bytes(std::span(data, size));
  while (in.size() >= 2) {
    const std::size_t length =
        std::to_integer<std::size_t>(in[0]) | std::to_integer<std::size_t>(in[1]) << 8;
    in = in.subspan(2);
    const std::span<const std::byte> message = in.first(std::min(length, in.size()));
    in = in.subspan(message.size());
    ReadBackWhatIsWritten(message);
    Apply(tree, message);
  }
  return 0;
}
