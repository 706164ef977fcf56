#include "common/recording/json.h"

#include <nlohmann/json.hpp>

namespace fletbridge::recording {
namespace {

using Json = nlohmann::ordered_json;
using wire::Value;

Json From(const Value& value);

struct Converter {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(const std::shared_ptr<wire::Bytes>& b) const {
    return {{"$bytes", b->data.size()}};
  }
  Json operator()(const std::shared_ptr<wire::Ext>& e) const {
    return {{"$ext", e->type}, {"text", e->data}};
  }
  Json operator()(const std::shared_ptr<wire::List>& list) const {
    Json json = Json::array();
    for (const Value& item : list->items) json.push_back(From(item));
    return json;
  }
  Json operator()(const std::shared_ptr<wire::Map>& map) const {
    Json json = Json::object();
    for (const auto& [key, below] : map->entries) {
      const std::string name =
          key.AsText() != nullptr ? *key.AsText() : std::to_string(key.AsInt().value_or(0));
      json[name] = From(below);
    }
    return json;
  }
  template <class T>
  Json operator()(const T& plain) const {
    return plain;
  }
};

Json From(const Value& value) { return std::visit(Converter(), value.content()); }

}  // namespace

std::string ToJson(const Value& value, int indent) {
  return From(value).dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string Printable(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned c = static_cast<unsigned char>(text[i]);
    const unsigned next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;  // controls of two bytes
    if (c >= 0x20 && c != 0x7f && !c1) {
      out += text[i];
      continue;
    }
    const unsigned code = c1 ? next : c;
    if (c1) ++i;
    out += std::string("\\x") + kDigits[code >> 4] + kDigits[code & 15];
  }
  return out;
}

}  // namespace fletbridge::recording
