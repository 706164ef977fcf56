// Room: src/compare. What comes before a start: a copy of the app's folder for it alone, if the run
// wants copies, and the person's own command. Of both ways to look at an app.
//
// Threads: as AppRun.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/process/child.h"
#include "src/compare/fresh_copy.h"
#include "src/compare/instance.h"

namespace fletbridge::compare {

class FreshStart {
 public:
  // The variant's name is told to app and command, in COMPARE_VARIANT.
  explicit FreshStart(std::string variant) : variant_(std::move(variant)) {}
  ~FreshStart();  // tells the run whether the app has written; removes the copy
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
