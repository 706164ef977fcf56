// Room: src/compare. One running app under our headless client, as one variant runs it: its
// processes, and the line over which steps go in and samples come out. Made by the runner for each
// fresh start.
//
// Threads: everything on the thread that made it (the main one: the kernel ties the processes'
// lives to it). Calls wait, for no longer than their deadline, and end early when the app ends or
// when Interrupt's descriptor becomes readable.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "src/compare/plan.h"
#include "src/compare/processes.h"

namespace fletbridge::compare {

class Instance {
 public:
  // Starts the processes and waits for the first frame. `folder` is private, `number` makes names
  // in it unique. Errc::kClosed if `interrupt` became readable; else kSetup, with what the app said
  // last.
  [[nodiscard]] static Result<std::unique_ptr<Instance>> Start(EventLoop& loop, const Plan& plan,
                                                               const Variant& variant,
                                                               const std::string& folder,
                                                               int number, int interrupt);
  ~Instance();  // kills what still runs

  [[nodiscard]] std::chrono::nanoseconds start_up() const;
  // Runs steps; the latencies of their inputs in nanoseconds.
  [[nodiscard]] Result<std::vector<std::uint64_t>> Do(const std::string& steps,
                                                      std::chrono::seconds deadline);
  [[nodiscard]] Result<std::vector<std::string>> Clickables();
  [[nodiscard]] std::vector<pid_t> processes() const;  // that live
  // After Join(): how Python was hosted, as the run's report has it; empty where it has none.
  [[nodiscard]] std::string Hosting() const;
  void Close();  // the window closes; returns at once
  void Join();   // waits for the end of all processes, at most some seconds, then kills

 private:
  struct Impl;
  explicit Instance(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fletbridge::compare
