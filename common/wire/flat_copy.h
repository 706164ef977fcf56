// Room: common/wire. What an app of generation 0 or 1 has on its page, as the app and its client
// have said it: types, children and properties that are texts. So an answer to a registration can
// list it once more without a loss, as Flet's own servers do for a client that comes back. Knows no
// other form of the tree (flat_tree.h) and no bytes.
//
// Values; for one thread at a time. Its size is that of the page.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "common/wire/message.h"

namespace fletbridge::wire {

class FlatCopy {
 public:
  FlatCopy();

  // What does not fit what was said before is passed over: whoever applies it to a tree knows.
  void Take(const FlatPatch& patch);
  // Of the client; `texts` as it has come.
  void Take(const UpdateProps& update);

  // The page's properties, then each control, those that hold others before these.
  [[nodiscard]] FlatPatch All() const;

 private:
  struct Control {
    std::string type;
    std::int64_t parent = 0;
    std::vector<std::int64_t> children{};
    Value props = Value::MapOf({});
  };
  void Add(const FlatChange& change);
  void Set(std::int64_t control, const Value& props);
  void Clean(std::int64_t control);
  void TakeOut(std::int64_t control);

  std::unordered_map<std::int64_t, Control> controls_;
};

}  // namespace fletbridge::wire
