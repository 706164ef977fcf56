// Room: common/wire. The control tree as generation 1 has it: flat lists of children, whatever
// these are to their parent, and properties that are all text. Makes of its changes (FlatPatch)
// those of the tree that the other generations have: a button's content, a view's bar, typed
// values. Keeps of each control its type, its parent and its children's order, and nothing else.
//
// For one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/wire/message.h"

namespace fletbridge::wire {

class FlatTree {
 public:
  FlatTree();
  // From a tree that others have followed; the order of children of different kinds is a guess.
  explicit FlatTree(const Map& page);

  // An error if it does not fit what was said before.
  [[nodiscard]] Result<Patch> Place(FlatPatch&& flat);
  // Gives the texts of a client's change their types.
  void Type(UpdateProps& update) const;

  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

 private:
  struct Node {
    std::string type;  // as generation 1 calls it
    std::string name;  // what its parent calls it (`n`)
    std::int64_t parent = 0;
    std::vector<std::int64_t> children{};
  };
  class Placing;

  void Learn(const Map& control, std::int64_t parent);
  void LearnBelow(const Value& value, std::int64_t parent);
  void Forget(std::int64_t control);
  void ForgetBelow(std::int64_t control);
  [[nodiscard]] const std::string& TypeOf(std::int64_t control) const;

  std::unordered_map<std::int64_t, Node> nodes_;
};

}  // namespace fletbridge::wire
