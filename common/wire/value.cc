#include "common/wire/value.h"

#include <algorithm>
#include <bit>

#include <msgpack.hpp>

#include "common/base/counted.h"

namespace fletbridge::wire {
namespace {

// Up to so many are searched one by one, which is faster.
constexpr std::size_t kFewEntries = 48;
// What most messages do not exceed, so that they are read and written with few allocations.
constexpr std::size_t kUsualDepth = 16;
constexpr std::size_t kUsualBytes = 240;

// Builds the tree while msgpack-cxx walks the bytes. `open_` are the containers not yet complete;
// a slot stays valid while its value is read, since only deeper containers grow meanwhile.
class Builder : public msgpack::null_visitor {
 public:
  Builder(std::size_t size, const DecodeLimits& limits, ItemTaker* taker)
      : size_(size), limits_(limits), taker_(taker) {
    open_.reserve(kUsualDepth);
  }

  Value TakeRoot() { return std::move(root_); }
  [[nodiscard]] const std::string& error() const { return error_; }

  bool visit_nil() { return true; }  // the slot is nil already
  bool visit_boolean(bool v) { return Put(v); }
  bool visit_positive_integer(std::uint64_t v) { return Put(v); }
  bool visit_negative_integer(std::int64_t v) { return Put(v); }
  bool visit_float32(float v) { return Put(static_cast<double>(v)); }
  bool visit_float64(double v) { return Put(v); }
  bool visit_str(const char* data, std::uint32_t size) { return Put(Text(data, size)); }
  bool visit_bin(const char* data, std::uint32_t size) { return Put(Bytes{Text(data, size)}); }
  bool visit_ext(const char* data, std::uint32_t size) {
    return Put(Ext{static_cast<std::int8_t>(data[0]), Text(data + 1, size - 1)});
  }

  bool start_array(std::uint32_t count) {
    if (!Declare(count, 1, "list")) return false;
    if (taker_ != nullptr && taking_ == nullptr && taker_->Begins(root_, count))
      taking_at_ = open_.size();
    auto list = spare_ != nullptr ? std::move(spare_) : std::make_shared<List>();
    if (taking_at_ == open_.size()) taking_ = list.get();
    list->items.reserve(count);
    open_.push_back(list.get());
    *slot_ = Value(std::move(list));
    return true;
  }
  bool start_array_item() {
    slot_ = &static_cast<List*>(open_.back())->items.emplace_back();
    return true;
  }
  bool end_array() {
    Close();
    if (taking_ != nullptr && taking_at_ + 1 == open_.size()) TakeItem();
    return true;
  }

  bool start_map(std::uint32_t count) {
    if (!Declare(count, 2, "map")) return false;
    auto map = std::make_shared<Map>();
    map->entries.reserve(count);
    open_.push_back(map.get());
    *slot_ = Value(std::move(map));
    return true;
  }
  bool start_map_key() {
    slot_ = &static_cast<Map*>(open_.back())->entries.emplace_back().first;
    return true;
  }
  bool end_map_key() {
    const Value& key = static_cast<Map*>(open_.back())->entries.back().first;
    if (key.AsText() != nullptr || key.AsInt()) return true;
    return Fail(std::string("a map key is ") + key.kind() + ", not text or an integer");
  }
  bool start_map_value() {
    slot_ = &static_cast<Map*>(open_.back())->entries.back().second;
    return true;
  }
  bool end_map() { return Close(); }

  void parse_error(std::size_t, std::size_t at) {
    Fail("byte " + std::to_string(at) + " is no MessagePack");
  }
  void insufficient_bytes(std::size_t, std::size_t at) {
    Fail("the value is cut off at byte " + std::to_string(at));
  }

 private:
  static std::string Text(const char* data, std::uint32_t size) {
    return size == 0 ? std::string() : std::string(data, size);  // msgpack-cxx gives null for ""
  }
  bool Fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return false;
  }
  template <class T>
  bool Put(T&& v) {
    *slot_ = Value(std::forward<T>(v));
    return true;
  }
  // `count` comes from the peer: each element takes at least one byte of what is really there.
  bool Declare(std::size_t count, std::size_t values_each, const char* what) {
    declared_ += count * values_each;
    if (declared_ > size_) {
      return Fail(std::string("a ") + what + " claims " + std::to_string(count) +
                  " elements in a message of " + std::to_string(size_) + " bytes");
    }
    if (declared_ > limits_.max_values) {
      return Fail("more than " + std::to_string(limits_.max_values) + " values in one message");
    }
    if (open_.size() >= limits_.max_depth) {
      return Fail("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    }
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }
  void TakeItem() {
    std::vector<Value>& items = taking_->items;
    if (items.size() != 2 || items.back().AsList() == nullptr) return;
    auto item = std::get<std::shared_ptr<List>>(items.back().content());
    items.pop_back();
    taker_->Take(items.front(), item->items);
    item->items.clear();
    spare_ = std::move(item);  // for the next one
  }

  const std::size_t size_;
  const DecodeLimits limits_;
  Value root_;
  Value* slot_ = &root_;
  std::vector<Container*> open_;
  ItemTaker* const taker_;
  List* taking_ = nullptr;  // the list whose items are taken
  std::size_t taking_at_ = SIZE_MAX;
  std::shared_ptr<List> spare_;
  std::size_t declared_ = 0;
  std::string error_;
};

struct StringSink {
  std::string& bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

struct Packer {
  StringSink& sink;
  msgpack::packer<StringSink> out{sink};

  void operator()(std::monostate) { out.pack_nil(); }
  void operator()(bool b) { b ? out.pack_true() : out.pack_false(); }
  void operator()(std::int64_t n) { out.pack_int64(n); }
  void operator()(std::uint64_t n) { out.pack_uint64(n); }
  void operator()(double d) {
    // msgpack-cxx would write 800.0 as the integer 800; Flet keeps floats and integers apart.
    const auto bits = std::bit_cast<std::uint64_t>(d);
    char bytes[9] = {'\xcb'};
    for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i));
    sink.write(bytes, sizeof bytes);
  }
  void operator()(const std::string& s) {
    out.pack_str(static_cast<std::uint32_t>(s.size()));
    out.pack_str_body(s.data(), static_cast<std::uint32_t>(s.size()));
  }
  void operator()(const std::shared_ptr<Bytes>& b) {
    out.pack_bin(static_cast<std::uint32_t>(b->data.size()));
    out.pack_bin_body(b->data.data(), static_cast<std::uint32_t>(b->data.size()));
  }
  void operator()(const std::shared_ptr<Ext>& e) {
    out.pack_ext(e->data.size(), e->type);
    out.pack_ext_body(e->data.data(), static_cast<std::uint32_t>(e->data.size()));
  }
  void operator()(const std::shared_ptr<List>& list) {
    out.pack_array(static_cast<std::uint32_t>(list->items.size()));
    for (const Value& item : list->items) Pack(item);
  }
  void operator()(const std::shared_ptr<Map>& map) {
    out.pack_map(static_cast<std::uint32_t>(map->entries.size()));
    for (const auto& [key, value] : map->entries) {
      Pack(key);
      Pack(value);
    }
  }
  void Pack(const Value& value) {
    std::visit([this](const auto& content) { (*this)(content); }, value.content());
  }
};

struct Equal {
  const Value& b;

  template <class T>
  bool operator()(const T& a) const {
    const T& other = std::get<T>(b.content());
    if constexpr (std::is_same_v<T, std::shared_ptr<Bytes>>) {
      return a->data == other->data;
    } else if constexpr (std::is_same_v<T, std::shared_ptr<Ext>>) {
      return a->type == other->type && a->data == other->data;
    } else if constexpr (std::is_same_v<T, std::shared_ptr<List>>) {
      return a->items == other->items;
    } else if constexpr (std::is_same_v<T, std::shared_ptr<Map>>) {
      return a->entries == other->entries;
    } else {
      return a == other;
    }
  }
};

}  // namespace

bool operator==(const Value& a, const Value& b) {
  return a.content_.index() == b.content_.index() && std::visit(Equal{b}, a.content_);
}

Value Value::ListOf(std::initializer_list<Value> items) {
  auto list = std::make_shared<List>();
  list->items = items;
  return list;
}

Value Value::MapOf(std::initializer_list<Pair> entries) {
  auto map = std::make_shared<Map>();
  map->entries.reserve(entries.size());
  for (const auto& [key, value] : entries) map->entries.emplace_back(Value(key), value);
  return map;
}

const char* Value::kind() const noexcept {
  static constexpr const char* kNames[] = {"nil",     "a bool", "an integer", "an integer",
                                           "a float", "text",   "bytes",      "an extension",
                                           "a list",  "a map"};
  return kNames[content_.index()];
}

// A text, or a number.
struct Map::Key {
  std::optional<std::string_view> text;
  std::int64_t number = 0;

  static Key Of(const Value& value) {
    if (const std::string* text = value.AsText(); text != nullptr) return {*text, 0};
    return {std::nullopt, value.AsInt().value_or(0)};
  }
  // Numbers come first.
  [[nodiscard]] int Compare(const Key& other) const {
    if (text && other.text) return text->compare(*other.text);
    if (text || other.text) return text ? 1 : -1;
    return number < other.number ? -1 : static_cast<int>(number > other.number);
  }
};

bool Map::Before::operator()(std::size_t a, std::size_t b) const {
  const int order = Key::Of(map->entries[a].first).Compare(Key::Of(map->entries[b].first));
  return order != 0 ? order < 0 : a < b;  // of two equal ones the first counts
}
bool Map::Before::operator()(std::size_t a, const Key& b) const {
  return Key::Of(map->entries[a].first).Compare(b) < 0;
}
bool Map::Before::operator()(const Key& a, std::size_t b) const {
  return a.Compare(Key::Of(map->entries[b].first)) < 0;
}

// False if there is no memory for it.
bool Map::UpdateIndex() const noexcept try {
  if (index_ == nullptr) index_ = std::make_unique<Index>(Before{this});
  while (index_->size() < entries.size()) index_->insert(index_->size());
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

std::size_t Map::Indexed(const Key& key) const {
  const auto found = index_->lower_bound(key);
  const bool there = found != index_->end() && Key::Of(entries[*found].first).Compare(key) == 0;
  return there ? *found : entries.size();
}

std::size_t Map::PlaceOf(std::string_view key) const noexcept {
  if (entries.size() > kFewEntries && UpdateIndex()) return Indexed({key, 0});
  std::size_t place = 0;
  for (; place < entries.size(); ++place) {
    const std::string* text = entries[place].first.AsText();
    if (text != nullptr && *text == key) break;
  }
  return place;
}

std::size_t Map::PlaceOf(const Value& key) const noexcept {
  if (key.AsText() != nullptr) return PlaceOf(std::string_view(*key.AsText()));
  if (!key.AsInt()) return entries.size();  // no key
  if (entries.size() > kFewEntries && UpdateIndex()) return Indexed(Key::Of(key));
  std::size_t place = 0;
  while (place < entries.size() && entries[place].first.AsInt() != key.AsInt()) ++place;
  return place;
}

const Value* Map::Find(std::string_view key) const noexcept {
  const std::size_t place = PlaceOf(key);
  return place < entries.size() ? &entries[place].second : nullptr;
}

const Value* Map::FindKey(const Value& key) const noexcept {
  const std::size_t place = PlaceOf(key);
  return place < entries.size() ? &entries[place].second : nullptr;
}

void Map::Set(const Value& key, Value value) {
  if (Value* old = FindKey(key); old != nullptr) {
    *old = std::move(value);
  } else {
    entries.emplace_back(key, std::move(value));
  }
}

std::optional<Value> Map::Remove(const Value& key) {
  const std::size_t place = PlaceOf(key);
  if (place == entries.size()) return std::nullopt;
  std::optional<Value> value = std::move(entries[place].second);
  if (index_ == nullptr || entries.size() <= kFewEntries || !UpdateIndex()) {
    index_.reset();
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(place));
    return value;
  }
  const std::size_t last = entries.size() - 1;
  index_->erase(place);
  if (place != last) {
    auto moved = index_->extract(last);
    entries[place] = std::move(entries[last]);
    moved.value() = place;
    index_->insert(std::move(moved));
  }
  entries.pop_back();
  return value;
}

Value In(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr ? Value() : *value;
}

std::string TextIn(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr || value->AsText() == nullptr ? std::string() : *value->AsText();
}

Map* MapIn(const Map& map, std::string_view key) noexcept {
  const Value* value = map.Find(key);
  return value == nullptr ? nullptr : value->AsMap();
}

Result<Value> Decode(std::span<const std::byte> bytes, const DecodeLimits& limits,
                     ItemTaker* taker) {
  Builder builder(bytes.size(), limits, taker);
  std::size_t end = 0;
  const bool ok =
      msgpack::parse(reinterpret_cast<const char*>(bytes.data()), bytes.size(), end, builder);
  if (!ok || !builder.error().empty()) {
    return MakeError(Errc::kPeerMisbehaved,
                     builder.error().empty() ? "invalid MessagePack" : builder.error());
  }
  if (end != bytes.size()) {
    return MakeError(Errc::kPeerMisbehaved,
                     Counted(bytes.size() - end, "byte follows", "bytes follow") + " the message");
  }
  return builder.TakeRoot();
}

Buffer Encode(const Value& value) {
  Encoder encoder;
  encoder.Put(value);
  return encoder.Take();
}

Encoder::Encoder() { bytes_.reserve(kUsualBytes); }

void Encoder::BeginList(std::size_t items) {
  StringSink sink{bytes_};
  msgpack::packer<StringSink>(sink).pack_array(static_cast<std::uint32_t>(items));
}

void Encoder::BeginMap(std::size_t entries) {
  StringSink sink{bytes_};
  msgpack::packer<StringSink>(sink).pack_map(static_cast<std::uint32_t>(entries));
}

void Encoder::Put(const Value& value) {
  StringSink sink{bytes_};
  Packer{sink}.Pack(value);
}

}  // namespace fletbridge::wire
