// Room: common/wire. One MessagePack value as Flet's messages and its control tree use it, read
// from bytes and written back. Knows nothing of messages, controls or transports.
//
// Lists and maps are shared, as in Python: a copied Value refers to the same container. Values are
// for one thread at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/error.h"
#include "common/transport/packet.h"

namespace fletbridge::wire {

struct List;
struct Map;

struct Bytes {
  std::string data;
};

// Flet's extension types: 1 date and time, 2 time, 3 duration in microseconds; all as text.
struct Ext {
  std::int8_t type = 0;
  std::string data;
};

class Value {
 public:
  // An integer is an int64 if it fits, so a uint64 is always above the largest int64.
  using Content = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double,
                               std::string, std::shared_ptr<Bytes>, std::shared_ptr<Ext>,
                               std::shared_ptr<List>, std::shared_ptr<Map>>;
  using Pair = std::pair<std::string_view, Value>;

  Value() = default;  // nil
  Value(bool b) : content_(b) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Value(T n) {
    if (std::in_range<std::int64_t>(n)) {
      content_ = static_cast<std::int64_t>(n);
    } else {
      content_ = static_cast<std::uint64_t>(n);
    }
  }
  Value(double d) : content_(d) {}
  Value(std::string s) : content_(std::move(s)) {}
  Value(std::string_view s) : content_(std::string(s)) {}
  Value(const char* s) : content_(std::string(s)) {}
  Value(Bytes b) : content_(std::make_shared<Bytes>(std::move(b))) {}
  Value(Ext e) : content_(std::make_shared<Ext>(std::move(e))) {}
  Value(std::shared_ptr<List> l) : content_(std::move(l)) {}
  Value(std::shared_ptr<Map> m) : content_(std::move(m)) {}

  [[nodiscard]] static Value ListOf(std::initializer_list<Value> items);
  [[nodiscard]] static Value MapOf(std::initializer_list<Pair> entries);

  [[nodiscard]] const Content& content() const noexcept { return content_; }
  [[nodiscard]] bool is_nil() const noexcept {
    return std::holds_alternative<std::monostate>(content_);
  }
  [[nodiscard]] bool is_true() const noexcept {
    const bool* b = std::get_if<bool>(&content_);
    return b != nullptr && *b;
  }
  [[nodiscard]] bool is_false() const noexcept {
    const bool* b = std::get_if<bool>(&content_);
    return b != nullptr && !*b;
  }
  [[nodiscard]] std::optional<std::int64_t> AsInt() const noexcept {
    const std::int64_t* n = std::get_if<std::int64_t>(&content_);
    return n == nullptr ? std::nullopt : std::optional(*n);
  }
  // These four are null for a value of another type.
  [[nodiscard]] const std::string* AsText() const noexcept {
    return std::get_if<std::string>(&content_);
  }
  [[nodiscard]] std::string* AsText() noexcept { return std::get_if<std::string>(&content_); }
  [[nodiscard]] List* AsList() const noexcept {
    const auto* list = std::get_if<std::shared_ptr<List>>(&content_);
    return list == nullptr ? nullptr : list->get();
  }
  [[nodiscard]] Map* AsMap() const noexcept {
    const auto* map = std::get_if<std::shared_ptr<Map>>(&content_);
    return map == nullptr ? nullptr : map->get();
  }
  // "a map", "text", ...: for messages to people.
  [[nodiscard]] const char* kind() const noexcept;

  // Deep equality; a map's order counts as in the bytes.
  friend bool operator==(const Value& a, const Value& b);

 private:
  Content content_;
};

// `parent` is kept by ControlTree: the container that holds this one there; null elsewhere.
struct Container {
  Container* parent = nullptr;
  // Where it was last seen in its parent. A hint: what comes before it may have changed since.
  mutable std::size_t seen_at = 0;
  bool is_map = false;
};

struct List : Container {
  std::vector<Value> items;
};

// Keeps the order of the wire. Keys are text or integers. How many there are is for the peer to
// say, so a large map finds its keys by an index. Entries may be appended and their values changed
// by anybody; Remove() takes them away, and nobody reorders them.
struct Map : Container {
  Map() { is_map = true; }
  std::vector<std::pair<Value, Value>> entries;

  // Null if absent; valid until the map changes.
  [[nodiscard]] const Value* Find(std::string_view key) const noexcept;
  [[nodiscard]] Value* Find(std::string_view key) noexcept {
    return const_cast<Value*>(std::as_const(*this).Find(key));
  }
  [[nodiscard]] const Value* FindKey(const Value& key) const noexcept;
  [[nodiscard]] Value* FindKey(const Value& key) noexcept {
    return const_cast<Value*>(std::as_const(*this).FindKey(key));
  }
  void Set(const Value& key, Value value);
  // Its value; none if it is absent. In a large map the last entry takes its place.
  std::optional<Value> Remove(const Value& key);

 private:
  struct Key;
  struct Before {
    using is_transparent = void;
    const Map* map;
    bool operator()(std::size_t a, std::size_t b) const;
    bool operator()(std::size_t a, const Key& b) const;
    bool operator()(const Key& a, std::size_t b) const;
  };
  // Ordered and not hashed: no peer can choose keys that make it slow.
  using Index = std::set<std::size_t, Before>;

  // These give entries.size() for a key that is absent.
  [[nodiscard]] std::size_t PlaceOf(std::string_view key) const noexcept;
  [[nodiscard]] std::size_t PlaceOf(const Value& key) const noexcept;
  [[nodiscard]] std::size_t Indexed(const Key& key) const;
  [[nodiscard]] bool UpdateIndex() const noexcept;

  mutable std::unique_ptr<Index> index_;  // of the first entries; none in a small map
};

// A field of a map; nil, empty and null where it is missing or of another type.
[[nodiscard]] Value In(const Map& map, std::string_view key);
[[nodiscard]] std::string TextIn(const Map& map, std::string_view key);
[[nodiscard]] Map* MapIn(const Map& map, std::string_view key) noexcept;

// What a peer may make us hold. Sizes that it declares are checked before anything is allocated.
struct DecodeLimits {
  std::size_t max_depth = 512;  // containers within containers
  std::size_t max_values = std::size_t{4} << 20;
};

// Takes the lists inside one long list while it is read, so that they are not all held at once.
class ItemTaker {
 public:
  virtual ~ItemTaker() = default;
  // Whether a list that begins here is that one. `root` is the value as far as it has been read,
  // `count` what the peer claims to be in the list.
  virtual bool Begins(const Value& root, std::size_t count) = 0;
  // An item after the first, which is complete; what is left in it is dropped. The first item that
  // is no list ends this: it stays in the long list with all that follow.
  virtual void Take(const Value& first, std::vector<Value>& item) = 0;
};

// Reads exactly one value; bytes left over, invalid bytes and missing ones are kPeerMisbehaved.
[[nodiscard]] Result<Value> Decode(std::span<const std::byte> bytes,
                                   const DecodeLimits& limits = {}, ItemTaker* taker = nullptr);
[[nodiscard]] Buffer Encode(const Value& value);

// Writes one value piece by piece: a list or map by its size, then that many items or entries.
class Encoder {
 public:
  Encoder();
  void BeginList(std::size_t items);
  void BeginMap(std::size_t entries);
  void Put(const Value& value);
  [[nodiscard]] Buffer Take() const { return Buffer(std::string_view(bytes_)); }

 private:
  std::string bytes_;
};

}  // namespace fletbridge::wire
