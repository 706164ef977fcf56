// Room: common/wire. The control tree as a client of Flet holds it: what the app's registration
// answer, its patches and the client's own changes have made of the page. Knows no meaning of any
// property, and nothing of transports or of how a generation writes a change (message.h).
//
// A control is a Map with a type (`_c`) and an id (`_i`), below one another through properties,
// plain maps and lists. The index of ids is weak: a control lives as long as the tree holds it, so
// one that is removed and added again within a patch is found under its id. Applying a patch costs
// what the patch holds, not what the page holds.
//
// For one thread at a time. Pointers to controls are valid until the tree changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/wire/message.h"

namespace fletbridge::wire {

inline constexpr std::int64_t kPageId = 1;  // Flet's fixed id of the Page
// Containers within containers; bounds the recursion of everything that walks the tree.
inline constexpr std::size_t kMaxTreeDepth = 1024;

class ControlTree {
 public:
  // `page` is what the client knows of the page before it registers: a map of properties.
  explicit ControlTree(Value page);

  // Merges the registration answer: maps merge, everything else is replaced.
  [[nodiscard]] Result<> Register(Value page_patch);

  // Applies a patch, whose values become part of the tree. Changes below a control that the tree
  // does not hold are passed over, as Flet's clients do; false if all are. On an error the changes
  // before the wrong one stay applied. kAppend and kTakeOut become kInsert and kRemove there, for
  // generations that know only these.
  [[nodiscard]] Result<bool> Apply(Patch& patch);

  // A change that comes from the client itself, such as a text that was typed.
  void SetProperty(Map& control, std::string_view name, Value value);

  // Whoever wants to follow the changes is given the ids of controls that come into the tree or are
  // changed from here on, some more than once: also of the next control above a change, which may
  // show it as its own. 0 stands for controls that have none. Null ends it.
  void NoteChanged(std::vector<std::int64_t>* ids) noexcept { changed_ = ids; }

  [[nodiscard]] Map& page() const noexcept { return *page_; }
  // Null if the tree does not hold it (any more).
  [[nodiscard]] Map* Find(std::int64_t id) const;
  // For tests: how many ids the index holds, those of removed controls included.
  [[nodiscard]] std::size_t index_size() const noexcept { return index_.size(); }

 private:
  class Patching;

  // Makes `value` a part of the tree below `parent`: parents, ids, and a check of the depth.
  [[nodiscard]] Result<> Adopt(const Value& value, Container& parent);
  void AdoptBelow(const Value& value, Container& parent);
  void Note(const Container& changed);
  void Sweep();

  std::shared_ptr<Map> page_;
  std::unordered_map<std::int64_t, std::weak_ptr<Map>> index_;
  std::vector<std::int64_t>* changed_ = nullptr;
  std::size_t sweep_at_ = 1024;  // size of the index at which dead ids are thrown out
};

// A control's type and id; empty and 0 for a map that is no control.
[[nodiscard]] std::string_view ControlType(const Map& map) noexcept;
[[nodiscard]] std::int64_t ControlId(const Map& map) noexcept;
// The control that holds `container`, or null at the page.
[[nodiscard]] Map* ParentControl(const Container& container) noexcept;

}  // namespace fletbridge::wire
