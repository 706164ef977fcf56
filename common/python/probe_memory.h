// Room: common/python. What interpreters have answered before, in the user's cache folder: asking
// one takes 40 ms, in which the app could already start. Used by RecallInterpreter(); knows nothing
// of what was asked. Blocks; any thread, and beside other processes.
//
// An answer holds as long as nothing has changed that it depends on: the question, the
// interpreter's file, this user's environment as far as Python reads it, and each path that the
// answer itself names in a line "depends=PATH". A program that only stands in for an interpreter,
// such as a script that chooses one, may answer differently each time, and is not remembered.
#pragma once

#include <optional>
#include <string>

namespace fletbridge {

class ProbeMemory {
 public:
  // `folder` is made when there is something to keep; empty: nothing is kept.
  explicit ProbeMemory(std::string folder) : folder_(std::move(folder)) {}
  // Below XDG_CACHE_HOME or ~/.cache.
  [[nodiscard]] static ProbeMemory OfUser();

  [[nodiscard]] std::optional<std::string> Recall(const std::string& interpreter,
                                                  const std::string& question) const;
  // Never fails: what cannot be kept is asked again.
  void Keep(const std::string& interpreter, const std::string& question,
            const std::string& answer) const;

 private:
  std::string folder_;
};

}  // namespace fletbridge
