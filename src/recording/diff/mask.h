// Room: src/recording/diff. Which differences do not count, as --mask names them. Constant after it was
// made; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/wire/value.h"

namespace fletbridge::diff {

class Mask {
 public:
  Mask();
  ~Mask();
  Mask(Mask&&) noexcept;
  Mask& operator=(Mask&&) noexcept;

  // Each is `time` or `random`, which pass over such parts of texts and numbers; `re:` and a
  // regular expression that is found in a path; or a pattern with * and ? for a whole path.
  [[nodiscard]] static Result<Mask> Of(const std::vector<std::string>& words);

  // Whether a difference at `path` does not count. Null: there is no value on that side.
  [[nodiscard]] bool Covers(std::string_view path, const wire::Value* a,
                            const wire::Value* b) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace fletbridge::diff
