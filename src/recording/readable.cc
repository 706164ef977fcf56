#include "src/recording/readable.h"

#include <map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace fletbridge::recording {
namespace {

using Json = nlohmann::json;
using wire::Value;

std::string Plain(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Writes the text itself: nlohmann's objects that keep their order search each key one by one.
class Writer {
 public:
  Writer(int indent, KeyOrder order) : indent_(indent), order_(order) {}

  std::string Take() { return std::move(out_); }
  void Put(const Value& value) { std::visit(*this, value.content()); }

  void operator()(std::monostate) { out_ += "null"; }
  void operator()(const std::shared_ptr<wire::Bytes>& bytes) {
    Begin('{');
    Member("$bytes");
    out_ += std::to_string(bytes->data.size());
    End('}');
  }
  void operator()(const std::shared_ptr<wire::Ext>& ext) {
    Begin('{');
    Member("$ext");
    out_ += std::to_string(ext->type);
    Member("text");
    out_ += Plain(ext->data);
    End('}');
  }
  void operator()(const std::shared_ptr<wire::List>& list) {
    Begin('[');
    for (const Value& item : list->items) {
      Next();
      Put(item);
    }
    End(']');
  }
  void operator()(const std::shared_ptr<wire::Map>& map) {
    std::vector<std::pair<std::string, const Value*>> members;
    members.reserve(map->entries.size());
    std::map<std::string, std::size_t> places;
    for (const auto& [key, below] : map->entries) {
      std::string name =
          key.AsText() != nullptr ? *key.AsText() : std::to_string(key.AsInt().value_or(0));
      const auto [known, fresh] = places.emplace(name, members.size());
      if (fresh) {
        members.emplace_back(std::move(name), &below);
      } else {
        members[known->second].second = &below;
      }
    }
    Begin('{');
    if (order_ == KeyOrder::kSorted) {
      for (const auto& [name, place] : places) {
        Member(name);
        Put(*members[place].second);
      }
    } else {
      for (const auto& [name, below] : members) {
        Member(name);
        Put(*below);
      }
    }
    End('}');
  }
  template <class T>
  void operator()(const T& plain) {
    out_ += Plain(plain);
  }

 private:
  void Begin(char bracket) {
    out_ += bracket;
    ++depth_;
    empty_ = true;
  }
  void Next() {
    if (!empty_) out_ += ',';
    empty_ = false;
    NewLine();
  }
  void Member(const std::string& name) {
    Next();
    out_ += Plain(name);
    out_ += indent_ < 0 ? ":" : ": ";
  }
  void End(char bracket) {
    --depth_;
    if (!empty_) NewLine();
    empty_ = false;
    out_ += bracket;
  }
  void NewLine() {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_) * depth_, ' ');
  }

  const int indent_;
  const KeyOrder order_;
  std::size_t depth_ = 0;
  bool empty_ = true;  // nothing has been put into the innermost one yet
  std::string out_;
};

}  // namespace

std::string ToJson(const Value& value, int indent, KeyOrder order) {
  Writer writer(indent, order);
  writer.Put(value);
  return writer.Take();
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
