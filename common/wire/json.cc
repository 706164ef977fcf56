#include "common/wire/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

namespace fletbridge::wire {
namespace {

using Json = nlohmann::json;

// Builds the value while the parser walks the text.
class Reader : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(const DecodeLimits& limits) : limits_(limits) {}

  Value Take() { return std::move(root_); }
  [[nodiscard]] const std::string& error() const { return error_; }

  bool null() override { return Put({}); }
  bool boolean(bool v) override { return Put(v); }
  bool number_integer(std::int64_t v) override { return Put(v); }
  bool number_unsigned(std::uint64_t v) override { return Put(v); }
  bool number_float(double v, const std::string&) override { return Put(v); }
  bool string(std::string& v) override { return Put(std::move(v)); }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(std::make_shared<Map>()); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(std::make_shared<List>()); }
  bool end_array() override { return Close(); }
  bool key(std::string& name) override {
    keys_.back() = std::move(name);
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const Json::exception&) override {
    return Fail("byte " + std::to_string(at) + " is no JSON");
  }

 private:
  bool Fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return false;
  }
  bool Put(Value value) {
    if (++values_ > limits_.max_values)
      return Fail("more than " + std::to_string(limits_.max_values) + " values in one message");
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back()->is_map) {
      static_cast<Map*>(open_.back())->Set(Value(std::move(keys_.back())), std::move(value));
    } else {
      static_cast<List*>(open_.back())->items.push_back(std::move(value));
    }
    return true;
  }
  template <class C>
  bool Open(std::shared_ptr<C> container) {
    if (open_.size() >= limits_.max_depth)
      return Fail("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    C* raw = container.get();
    if (!Put(Value(std::move(container)))) return false;
    open_.push_back(raw);
    keys_.emplace_back();
    return true;
  }
  bool Close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  const DecodeLimits limits_;
  Value root_;
  std::vector<Container*> open_;   // not yet complete
  std::vector<std::string> keys_;  // of each of them, what comes next
  std::size_t values_ = 0;
  std::string error_;
};

void Write(const std::string& text, std::string& out) {
  out += Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

struct Writer {
  std::string& out;

  void operator()(std::monostate) { out += "null"; }
  void operator()(bool b) { out += b ? "true" : "false"; }
  void operator()(std::int64_t n) { out += std::to_string(n); }
  void operator()(std::uint64_t n) { out += std::to_string(n); }
  void operator()(double d) { out += std::isfinite(d) ? NumberText(d) : "null"; }
  void operator()(const std::string& s) { Write(s, out); }
  void operator()(const std::shared_ptr<Bytes>& b) { Write(b->data, out); }
  void operator()(const std::shared_ptr<Ext>& e) { Write(e->data, out); }
  void operator()(const std::shared_ptr<List>& list) {
    out += '[';
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      if (i != 0) out += ',';
      std::visit(*this, list->items[i].content());
    }
    out += ']';
  }
  void operator()(const std::shared_ptr<Map>& map) {
    out += '{';
    for (std::size_t i = 0; i < map->entries.size(); ++i) {
      if (i != 0) out += ',';
      const auto& [key, value] = map->entries[i];
      Write(key.AsText() != nullptr ? *key.AsText() : std::to_string(key.AsInt().value_or(0)), out);
      out += ':';
      std::visit(*this, value.content());
    }
    out += '}';
  }
};

}  // namespace

Result<Value> FromJson(std::string_view text, const DecodeLimits& limits) {
  Reader reader(limits);
  if (!Json::sax_parse(text, &reader)) {
    return MakeError(Errc::kPeerMisbehaved,
                     reader.error().empty() ? "it is no JSON" : reader.error());
  }
  return reader.Take();
}

std::string ToJson(const Value& value) {
  std::string out;
  std::visit(Writer{out}, value.content());
  return out;
}

std::string NumberText(double number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  std::string text(digits.data(), end.ptr);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace fletbridge::wire
