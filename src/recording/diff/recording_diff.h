// Room: src/recording/diff. Two recordings of the same input compared: did the app do the same? Not
// frame by frame, since one patch with two changes says the same as two patches: what the page is
// whenever the next input comes, and at the end, and which calls the app made, and what it raised.
//
// An app may be ahead in one of the two when an input comes. So a difference counts only if neither
// side comes to what the other is within its next frames.
//
// For one thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/recording/diff/control_path.h"
#include "src/recording/diff/mask.h"
#include "src/recording/recording.h"

namespace fletbridge::diff {

// One session, as it was recorded or has just been.
struct Track {
  std::span<const recording::Entry> entries;
  const wire::Codec* codec = &wire::Newest();  // what they are written in
  std::optional<int> exit_code;                // of the app; none: it is not compared
};
[[nodiscard]] Track TrackOf(const recording::Recording& recording);

enum class Kind {
  kValue,  // the page
  kInput,  // what was put in is not the same
  kCall,   // what the app asked of its client
  kCrash,  // what it raised
  kData,   // bytes on a data channel
  kEnd,    // its exit code
};

struct Difference {
  Kind kind = Kind::kValue;
  std::string path;  // Page > View[/] > Text "0" . value; what it is about, for other kinds
  std::string a;     // as JSON; empty where that side has nothing
  std::string b;
  std::string input;        // what led there, in words; empty: the start
  std::size_t frame_a = 0;  // the last before the difference
  std::size_t frame_b = 0;
  std::size_t times = 1;  // comparisons at which it stood
};

struct Comparison {
  std::vector<Difference> differences;
  std::size_t inputs = 0;       // that both have
  std::size_t comparisons = 0;  // of pages
  std::size_t masked = 0;       // differences that do not count
  bool cut = false;             // there are more differences than are listed
  [[nodiscard]] bool same() const noexcept { return differences.empty(); }
};

[[nodiscard]] Comparison Compare(const Track& a, const Track& b, const Mask& mask);

// `click on Page > View[/] > Button "+"`. `control` may be null; `names`, if given, are its tree's.
[[nodiscard]] std::string InputInWords(std::string_view name, const wire::Map* control,
                                       const wire::Value* data, Names* names = nullptr);

}  // namespace fletbridge::diff
