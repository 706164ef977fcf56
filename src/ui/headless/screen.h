// Room: src/ui/headless. What a person sees of a control tree, and what a hand would hit: searches
// for finders, the control that takes a click, the tree as JSON and as text. Sends nothing, changes
// nothing. Loop thread only; pointers to controls are valid until the tree changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/wire/control_tree.h"
#include "src/ui/headless/steps.h"

namespace fletbridge::headless {

// Icons travel as numbers whose meaning belongs to the Flet version; the names are in two JSON
// files of the app's own `flet` package. A name may belong to the Material and to the Cupertino
// set.
class IconNames {
 public:
  // `flet_package` is the folder of the package. kSetup if its files can't be read.
  [[nodiscard]] static Result<IconNames> Load(const std::string& flet_package);
  // The codes of a name, or of a number written in decimal or as 0x...; empty if it is unknown.
  [[nodiscard]] std::vector<std::int64_t> Codes(const std::string& name) const;
  // Flet before 0.70: icons travel by their names.
  [[nodiscard]] bool by_name() const noexcept { return by_name_; }

 private:
  bool by_name_ = false;
  std::unordered_multimap<std::string, std::int64_t> codes_;
};

// A finder, ready to be compared with many controls.
struct Query {
  Finder finder;
  std::vector<std::int64_t> icon_codes;
};

// Only the top view, the overlay and open dialogs are on the screen.
enum class Hidden {
  kSkip,  // leave out what is not visible, or lies in something that is not
  kInclude,
};

// All controls on the screen that match, at most `limit`; properties are searched in the order of
// their names, lists by position. Ignores finder.index.
[[nodiscard]] std::vector<wire::Map*> FindAll(const wire::ControlTree& tree, const Query& query,
                                              Hidden hidden, std::size_t limit);

// Whether the control and all that hold it are visible, and none is disabled.
[[nodiscard]] bool IsVisible(const wire::Map& control);
[[nodiscard]] bool IsEnabled(const wire::Map& control);
// Whether the app has a handler: on_<event>.
[[nodiscard]] bool Handles(const wire::Map& control, std::string_view event);
// The control itself or the nearest one that holds it with this type; null if there is none.
[[nodiscard]] wire::Map* Enclosing(wire::Map& control, std::string_view type);
// What a person can click: enabled, not in a tab or a tile that is not open, and the app has a
// handler.
struct Clickable {
  std::string finder, type, key;     // the finder as steps write it
  std::vector<std::string> words{};  // that are read on it, its tooltip too; some of many
  std::vector<std::int64_t> icons{};
};
// What a person reads on a control; its finder is empty.
[[nodiscard]] Clickable Described(const wire::Map& control);
// At most `limit`. With `finder`, whose icon is ignored, those alone that a click on what matches
// would hit.
[[nodiscard]] std::vector<Clickable> Clickables(const wire::ControlTree& tree,
                                                const std::optional<Finder>& finder,
                                                std::size_t limit);
// What a person reads on the first control that matches; finder.icon and finder.index are ignored.
[[nodiscard]] std::optional<std::string> ReadText(const wire::ControlTree& tree,
                                                  const Finder& finder);
// What is on the screen and almost what a finder that finds nothing names, as finders and the
// nearest first: a few.
[[nodiscard]] std::vector<std::string> NearestFinders(const wire::ControlTree& tree,
                                                      const Finder& finder);
// The texts on the screen, for messages; at most `limit`.
[[nodiscard]] std::vector<std::string> VisibleTexts(const wire::ControlTree& tree,
                                                    std::size_t limit);

// The shortest finder that a person would write for this control and that finds nothing before it;
// none if it is not on the screen.
[[nodiscard]] std::optional<Finder> FinderFor(const wire::ControlTree& tree,
                                              const wire::Map& control);
// The finder as a person would write it.
[[nodiscard]] std::string Shown(const Finder& finder);
[[nodiscard]] std::string Quoted(std::string_view text);

// The whole tree, page first, as indented JSON. Two runs of an app compare equal: names are sorted,
// control ids (`_i`) are numbered anew in the order of this text, and what Flet makes up at random
// (`uid` within `_internals`) reads "*".
[[nodiscard]] std::string TreeAsJson(const wire::ControlTree& tree);
// The same for reading: one line a control, cut after `max_lines`.
[[nodiscard]] std::string TreeAsText(const wire::ControlTree& tree, std::size_t max_lines);

}  // namespace fletbridge::headless
