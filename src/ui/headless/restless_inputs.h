// Room: src/ui/headless. After which inputs the page changes more than once, so that further inputs
// must wait until it is quiet: a later patch could be taken for their answer. Header only.
//
// A patch that answers nothing may come from any input since the page was last quiet: those are
// suspected. Only an input that was sent on a quiet page, with no other after it, is known to be
// the cause. A suspect after which nothing more has come until the page is quiet is one no longer.
//
// Threads: a value; one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fletbridge::headless {

class RestlessInputs {
 public:
  static constexpr std::size_t kMost = 64;

  // `input`, under the name that known() has, is being sent. `quiet`: the page is quiet.
  void Sent(const std::string& input, bool quiet) {
    if (quiet) {
      if (since_quiet_.size() == 1 && !stirred_) suspected_.erase(since_quiet_.front());
      since_quiet_.clear();
      stirred_ = false;
    }
    last_ = input;
    if (since_quiet_.size() < kMost &&
        std::find(since_quiet_.begin(), since_quiet_.end(), input) == since_quiet_.end())
      since_quiet_.push_back(input);
  }
  // A patch has come that answers nothing.
  void Patch() {
    stirred_ = true;
    for (const std::string& input : since_quiet_) Insert(suspected_, input);
    if (since_quiet_.size() == 1) Insert(known_, since_quiet_.front());
  }

  // The last input; empty: none.
  [[nodiscard]] const std::string& last() const noexcept { return last_; }
  // Whether the page must be quiet between the last input and this one.
  [[nodiscard]] bool NeedsQuiet(const std::string& input) const {
    return suspected_.contains(last_) || suspected_.contains(input);
  }
  [[nodiscard]] const std::set<std::string>& known() const noexcept { return known_; }

 private:
  static void Insert(std::set<std::string>& inputs, const std::string& input) {
    if (inputs.size() < kMost) inputs.insert(input);
  }

  std::vector<std::string> since_quiet_;  // inputs, each once
  bool stirred_ = false;                  // Patch() since then
  std::string last_;
  std::set<std::string> suspected_;
  std::set<std::string> known_;
};

}  // namespace fletbridge::headless
