// Room: tests/extend. A step in the pipeline: counts what passes, and notes what it is told.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/host/pipeline/filter.h"

namespace fletbridge {

struct ToyCounts {
  int to_ui = 0;
  int to_app = 0;
  std::vector<std::string> told;
};

class ToyFilter final : public Filter {
 public:
  explicit ToyFilter(ToyCounts& counts) : counts_(counts) {}
  void FromApp(Packet&& packet, Onward& onward) override {
    ++counts_.to_ui;
    onward.ToUi(std::move(packet));
  }
  void FromUi(Packet&& packet, Onward& onward) override {
    ++counts_.to_app;
    onward.ToApp(std::move(packet));
  }
  void OnClient(const Spoken&) override { counts_.told.emplace_back("client"); }
  void OnRegistered(const Spoken&) override { counts_.told.emplace_back("registered"); }
  void OnSessionEnd() override { counts_.told.emplace_back("session end"); }
  void OnRunEnd(int, const std::string&, std::chrono::milliseconds) override {
    counts_.told.emplace_back("run end");
  }

 private:
  ToyCounts& counts_;
};

}  // namespace fletbridge
