// Room: src/host/pipeline. The run's filters where an app has several clients at a time: the
// packets of one client pass through them, from its first one to the session's end; then those of
// the next client that comes. A client that comes meanwhile goes without.
//
// Threads: as Filter.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/host/pipeline/filter.h"

namespace fletbridge {

class SharedFilters {
 public:
  explicit SharedFilters(std::vector<std::unique_ptr<Filter>> filters);

  // As many filters, for the pipeline of one more session, which each give the run's one its
  // packets while it is that session's turn. They may outlive this object.
  [[nodiscard]] std::vector<std::unique_ptr<Filter>> ForSession();
  // For the run's filters; those of ForSession() leave it to this.
  void OnRunEnd(int code, const std::string& reason, std::chrono::milliseconds patience);

 private:
  struct Shared {
    std::unique_ptr<Filter> filter;
    bool taken = false;
  };
  class Turn;

  std::vector<std::shared_ptr<Shared>> filters_;
};

}  // namespace fletbridge
