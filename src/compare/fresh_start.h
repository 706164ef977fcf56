// Room: src/compare. The preparation of a start: a new copy of the app's folder, if the run wants
// copies, and the user's own command. Shared by the headless and the desktop instance.
//
// Threads: as AppRun.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/platform/unique_fd.h"
#include "common/process/child.h"
#include "src/compare/fresh_copy.h"
#include "src/compare/instance.h"

namespace fletbridge::compare {

class FreshStart {
 public:
  // App and command get the variant's name in COMPARE_VARIANT.
  explicit FreshStart(std::string variant) : variant_(std::move(variant)) {}
  ~FreshStart();  // reports to the run whether the app has written; removes the copy
  FreshStart(const FreshStart&) = delete;
  FreshStart& operator=(const FreshStart&) = delete;

  // Makes the copy and runs the command, which has to end well; waits for it.
  [[nodiscard]] Result<> Begin(const Surroundings& around, int number);
  // The plan of a start in the copy.
  [[nodiscard]] Plan Placed(Plan plan) const;
  // HOME and what goes with it, and the variant's name.
  void AddTo(ChildOptions& options) const;

  // While it lives, children start in the copy's part of where we are.
  class Here {
   public:
    explicit Here(const FreshStart& start);
    ~Here();
    Here(const Here&) = delete;
    Here& operator=(const Here&) = delete;

   private:
    const UniqueFd before_;
  };

 private:
  const std::string variant_;
  std::unique_ptr<FreshCopy> copy_;
  Freshness* freshness_ = nullptr;
};

}  // namespace fletbridge::compare
