// Room: src/ui/headless. A UI without a screen: a real client of Flet's protocol (0.86 and later)
// that keeps the control tree, answers the app, and does what a steps file says. For tests,
// benchmarks and servers. Used by src/host.
//
// Ends with kClosed by itself after the last step, with exit_code 0, or 1 for a step that failed or
// an exception of the app's that no step expects; that has then been printed, and `why` is empty.
// An app that breaks the protocol ends it with 70 and kPeerMisbehaved, which the caller prints.
// Without steps it stays until Close() or until the app closes its window.
//
// A latency sample is the time from the sending of an input until the first packet that changes the
// tree is taken up by the loop; searching for the control and applying the patch are not in it.
//
// Threads: Send(), Pause..., Resume... and Close() from any thread; everything else happens on the
// loop. Destroy it on the loop, after kClosed, or when the loop has ended.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "common/transport/ui_surface.h"
#include "src/ui/headless/steps.h"

namespace fletbridge {

class EventLoop;

struct HeadlessOptions {
  std::optional<Steps> steps;  // none: stay connected and do nothing; or
  std::string live_steps;      // a Unix socket over which they come (live_steps.h)
  double width = 800;          // of the window, in logical pixels
  double height = 600;
  FlowLimits limits;
  // How long main() may take until it has drawn something; nothing: as long as it likes.
  std::optional<std::chrono::milliseconds> first_frame = std::chrono::minutes(2);
  bool renews = false;  // registers anew where the app has ended a session and may come back
  // The folder of the app's `flet` package, where the names of icons are looked up; empty if it is
  // unknown: then icon= takes numbers only.
  std::string flet_package;
};

class HeadlessUi final : public UiSurface {
 public:
  // The loop must outlive this object.
  HeadlessUi(EventLoop& loop, HeadlessOptions options);
  ~HeadlessUi() override;

  [[nodiscard]] std::string name() const override { return "headless"; }
  void Start(UiSink& sink) override;
  [[nodiscard]] bool serves_another() const override;
  void Close(const Error& why) override;
  [[nodiscard]] std::optional<LatencySamples> latencies() const override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with what waits on the loop
};

}  // namespace fletbridge
