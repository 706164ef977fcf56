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

}  // namespace fletbridge::recording
