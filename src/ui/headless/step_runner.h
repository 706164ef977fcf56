// Room: src/ui/headless. Runs the steps, one after another, against a client: waits for the first
// frame, does inputs, measures the time to their answers, checks what is on the screen. Ends by
// calling `finish` once. Loop thread only; destroy it there, or when the loop has ended.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/transport/answers.h"
#include "common/transport/ui_surface.h"
#include "src/ui/headless/client.h"
#include "src/ui/headless/restless_inputs.h"
#include "src/ui/headless/screen.h"
#include "src/ui/headless/steps.h"

namespace fletbridge {
class EventLoop;
}

namespace fletbridge::headless {

// How steps that come while the app runs are done.
struct LiveRun {
  // Before each input is sent the loop spins for so long: for whoever wants a known delay to find.
  std::chrono::nanoseconds delay{};
  bool names = false;       // which control each input has hit is remembered
  bool all_answer = false;  // an input that nobody answers ends them, without a failure
};

class StepRunner {
 public:
  using Clock = std::chrono::steady_clock;

  // `finish` is given 0, or 1 for a failed step or a crash that no step expected, which has then
  // been printed. Once the steps are done it waits for what the app still has to say: until `quiet`
  // has passed since the last input and the last change of the tree. While `paused` no input is
  // sent; call Resume() when that ends. `send_data` is given what goes through data channels.
  // Relative paths in steps begin in the folder in which the process is now. `settles`: an input
  // waits until the page is quiet, where it is not by itself; else only the first one does.
  StepRunner(EventLoop& loop, Client& client, Steps steps, std::string flet_package,
             std::chrono::milliseconds quiet, bool settles, const std::atomic<bool>& paused,
             std::function<void(Buffer)> send_data, std::function<void(int exit_code)> finish);
  ~StepRunner();
  StepRunner(const StepRunner&) = delete;
  StepRunner& operator=(const StepRunner&) = delete;

  // More steps, once those before are done: `finish` has been called with 0. Samples begin anew.
  void RunMore(Steps steps, LiveRun how);

  // How long main() may take until it has drawn something; nothing: as long as it likes. What it is
  // `held_up` by a person is not counted. Before OnRegistered().
  void set_first_frame_time(std::optional<std::chrono::milliseconds> time,
                            std::function<bool()> held_up) {
    first_frame_time_ = time;
    held_up_ = std::move(held_up);
  }
  // Who makes a picture of the window, and gives it to OnPicture(); without one there is no window.
  void set_takes_picture(std::function<void()> takes) { takes_picture_ = std::move(takes); }
  void OnPicture(const Result<std::string>& png);
  [[nodiscard]] bool waits_for_picture() const { return state_ == State::kPicture; }
  void OnRegistered();
  void OnPatch(Clock::time_point at);  // the first one is the first frame
  void OnData(std::span<const std::byte> packet, Clock::time_point at);
  // True if a later step expects this crash and now owns it. Then, or if not, call OnCrash().
  [[nodiscard]] bool ClaimCrash(const std::string& text);
  void OnCrash(const std::string& text, bool claimed);
  // The app calls a method of its client: true if a step answers it, now or later.
  [[nodiscard]] bool TakesCall(std::string_view type, const wire::InvokeMethod& call);
  void OnWindowClosed();
  void OnAppGone();
  void Resume();

  // What else a run of steps tells of its figures.
  struct Restless {
    std::size_t between = 0;            // patches that nobody waited for
    std::uint64_t unclear = 0;          // inputs whose answer cannot be told
    std::vector<std::string> inputs{};  // after which they came
    std::string unanswered{};           // the input that has ended the steps
  };

  // An input of the steps that came last, by its first time.
  struct Input {
    std::string name;   // as it is written, without its repetitions
    int line = 0;       // of the steps
    Clickable control;  // that it hit; of no type: it has none
  };

  [[nodiscard]] LatencySamples latencies() const { return answers_.samples(); }
  // With steps that come while the app runs: which of them, from 1, each latency is of.
  [[nodiscard]] std::vector<std::uint32_t> latencies_of() const { return answers_.inputs(); }
  [[nodiscard]] const std::map<std::size_t, Input>& inputs() const { return inputs_; }
  [[nodiscard]] Restless restless() const;

 private:
  enum class State {
    kFirstFrame,  // nothing has been drawn yet
    kReady,       // the next step may begin
    kSettling,    // an input waits until the page is quiet
    kTarget,      // an input waits for its control to come
    kDragging,    // a drag is being sent
    kStreaming,   // messages go through a data channel, and come back
    kAnswer,      // an input was sent; its answer may come
    kCondition,   // a check waits to become true
    kPicture,     // the window's client makes one
    kSleeping,
    kClosing,  // the window was to close, but the app wants to be asked
    kQuiet,    // all steps are done; a crash of the last one may come
    kDone,
  };
  struct Timer;

  void Take(Steps&& steps);
  void Advance();
  void Begin(const Step& step);
  bool Settle(const Step& step);
  Answers::Taken Answered(Clock::time_point at);
  void BeginInput(const Step& step);
  void TryInput(const Step& step);
  wire::Map* Choose(const Step& step);
  void Sent(const Step& step, bool may_answer);
  void ContinueDrag(const Step& step);
  void ContinueTimedDrag(const Step& step);
  void OnTimedAnswer(Clock::time_point at);
  void Answer(const Step& step);
  void AnswerCall(const Step& step, const wire::InvokeMethod& call);
  void AllDone();
  void OpenChannel(const wire::Map& target);
  void ContinueStream(const Step& step);
  void Check(const Step& step);
  bool Holds(const Step& step);
  void WriteTree(const Step& step);
  void OnTimer();
  void StepDone();
  void StepsDone();
  void CloseWindow();
  void SkipEmptyRepeats();
  void Delay() const;
  void AdvanceLater();

  bool MakeQuery(const Step& step);
  void Wait(State state, std::chrono::milliseconds time);
  void AwaitFirstFrame(std::chrono::milliseconds left);
  void WaitUntil(State state, Clock::time_point when);
  void Measured(Clock::time_point from, Clock::time_point to);
  void Fail(const std::string& why);
  [[nodiscard]] std::string Nearest() const;
  void FailBefore(const std::string& what);
  void Finish(int exit_code);
  [[nodiscard]] const Step& current() const { return steps_[at_]; }
  [[nodiscard]] std::string Named(std::size_t step) const;
  [[nodiscard]] std::uint32_t number() const {
    return settles_ ? static_cast<std::uint32_t>(at_ + 1) : 0;
  }

  Client& client_;
  std::vector<Step> steps_;
  const std::string flet_package_;
  const std::string folder_;  // the app may leave it for another
  const std::chrono::milliseconds quiet_;
  const bool settles_;
  const std::atomic<bool>& paused_;
  std::function<void(Buffer)> send_data_;
  std::function<void(int)> finish_;
  std::function<void()> takes_picture_;
  EventLoop& loop_;
  std::unique_ptr<Timer> timer_;

  std::optional<std::chrono::milliseconds> first_frame_time_;
  std::chrono::milliseconds first_frame_left_{};
  std::function<bool()> held_up_;
  State state_ = State::kFirstFrame;
  std::size_t at_ = 0;           // the current step
  std::size_t rounds_left_ = 1;  // of its repetitions, the running one included
  Query query_;
  std::unique_ptr<IconNames> icons_;
  std::string why_not_;  // why the current input or check has not succeeded yet
  std::int64_t drag_target_ = 0;
  std::size_t drag_part_ = 0;
  bool drag_answers_ = false;
  std::deque<Clock::time_point>
      due_;                         // movements of a drag with a rate that wait for their patches
  std::uint32_t channel_ = 0;       // opened last
  std::size_t stream_sent_ = 0;     // messages
  std::size_t stream_missing_ = 0;  // bytes that have not come back
  bool answered_ = false;
  Clock::time_point sent_at_;
  Clock::time_point changed_at_;  // the tree, last
  // Calls of the app that a later step answers; and `answer` steps, by number, whose call has not
  // come yet.
  struct OpenCall {
    std::string type;
    wire::InvokeMethod call;
  };
  std::deque<OpenCall> open_calls_;
  std::deque<std::size_t> answers_left_;
  // Crashes that have come and are expected by a later step: how many, by step.
  std::map<std::size_t, std::size_t> crashes_;
  Answers answers_;
  RestlessInputs restless_;
  std::map<std::size_t, Input> inputs_;  // by the number of the step, from 1
  bool names_ = false;
  std::optional<Clock::time_point> settles_since_;
  int settles_in_vain_ = 0;
  std::chrono::nanoseconds delay_{0};
  bool all_answer_ = false;
  std::string unanswered_;
};

}  // namespace fletbridge::headless
