#include "src/ui/web/app_words.h"

#include <algorithm>

#include "common/wire/own_words.h"
#include "common/wire/value.h"

namespace fletbridge::web {
namespace {

constexpr int kHello = wire::kFirstOwnWord;
constexpr int kUploads = kHello + 1;
constexpr int kLogin = kHello + 2;

constexpr std::int64_t kMostPatience = 24 * 3600;

wire::Value ValueOf(const LoginAnswer& answer) {
  const auto optional = [](const std::optional<std::string>& text) {
    return text ? wire::Value(*text) : wire::Value();
  };
  return wire::Value::MapOf({{"state", answer.state},
                             {"code", optional(answer.code)},
                             {"error", optional(answer.error)},
                             {"error_description", optional(answer.error_description)}});
}

Packet PacketOf(int word, wire::Value body) {
  return {PacketType::kControl, wire::Encode(wire::Value::ListOf({word, std::move(body)}))};
}

std::string TextOf(const wire::Map& map, std::string_view key) {
  const wire::Value* value = map.Find(key);
  const std::string* text = value != nullptr ? value->AsText() : nullptr;
  return text != nullptr ? *text : std::string();
}

std::int64_t NumberOf(const wire::Map& map, std::string_view key) {
  const wire::Value* value = map.Find(key);
  return value != nullptr ? std::max<std::int64_t>(0, value->AsInt().value_or(0)) : 0;
}

}  // namespace

Packet HelloPacket(const BrowserFacts& facts) {
  return PacketOf(
      kHello, wire::Value::MapOf({{"ip", facts.ip},
                                  {"agent", facts.agent},
                                  {"url", facts.url},
                                  {"login", facts.login ? ValueOf(*facts.login) : wire::Value()}}));
}

Packet LoginPacket(const LoginAnswer& answer) { return PacketOf(kLogin, ValueOf(answer)); }

std::optional<AppSays> ReadAppSays(const Packet& packet) {
  const int word = wire::OwnWord(packet);
  if (word != kUploads && word != kLogin) return std::nullopt;
  AppSays says;
  const Result<wire::Value> message = wire::Decode(packet.payload.span());
  const wire::List* list = message ? message->AsList() : nullptr;
  const wire::Map* map =
      list != nullptr && list->items.size() == 2 ? list->items[1].AsMap() : nullptr;
  if (map == nullptr) return says;
  if (word == kUploads) {
    says.uploads = {TextOf(*map, "folder"), TextOf(*map, "key"),
                    static_cast<std::uint64_t>(NumberOf(*map, "most"))};
  } else {
    says.login = {TextOf(*map, "state"), TextOf(*map, "html"), TextOf(*map, "url"),
                  std::chrono::seconds(std::min(NumberOf(*map, "seconds"), kMostPatience))};
  }
  return says;
}

}  // namespace fletbridge::web
