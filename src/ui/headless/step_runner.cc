#include "src/ui/headless/step_runner.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <boost/asio/steady_timer.hpp>

#include "common/base/counted.h"
#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/base/own_file.h"
#include "src/ui/headless/choices.h"
#include "src/ui/headless/input.h"

namespace fletbridge::headless {
namespace {

using std::chrono::milliseconds;
using wire::Map;

constexpr milliseconds kCloseTime{10000};
constexpr milliseconds kPersonLookedFor{500};  // interval of the check before the first frame
constexpr milliseconds kAskedTime{1000};  // for the dialog of an app that asks before it closes
constexpr std::size_t kMaxCandidates = 64;
constexpr std::size_t kMaxTextsShown = 8;
constexpr std::size_t kMaxTreeLines = 200;
constexpr int kMaxAtOnce = 100;
// How long an input waits for a quiet page, and how often that may be in vain.
constexpr milliseconds kSettleTime{2000};
constexpr int kMostInVain = 2;
constexpr std::size_t kMostOpenCalls = 64;
constexpr std::size_t kMostAnswersLeft = 1000;

bool IsInput(StepKind kind) {
  switch (kind) {
    case StepKind::kClick:
    case StepKind::kType:
    case StepKind::kSubmit:
    case StepKind::kCheck:
    case StepKind::kDrag:
    case StepKind::kChannel:
    case StepKind::kDismiss:
    case StepKind::kHover:
    case StepKind::kLeave:
    case StepKind::kLongPress:
    case StepKind::kSlide:
    case StepKind::kPick:
    case StepKind::kResize:
    case StepKind::kRoute:
      return true;
    default:
      return false;
  }
}

bool HasFinder(StepKind kind) {
  switch (kind) {
    case StepKind::kStream:
    case StepKind::kResize:
    case StepKind::kRoute:
    case StepKind::kLeave:
    case StepKind::kAnswer:
    case StepKind::kClipboard:
    case StepKind::kExpectClipboard:
    case StepKind::kExpectCrash:
    case StepKind::kScreenshot:
    case StepKind::kTree:
    case StepKind::kSleep:
    case StepKind::kClose:
      return false;
    default:
      return true;
  }
}

std::string Shown(milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s"
                                  : std::to_string(time.count()) + " ms";
}

// The step without its repetitions.
std::string InputName(const Step& step) {
  if (!step.source.starts_with("repeat")) return step.source;
  return step.source.substr(
      std::min(step.source.size(), step.source.find_first_not_of("0123456789 \t", 6)));
}

std::string WorkingFolder() {
  std::error_code error;
  return std::filesystem::current_path(error).string();  // empty: it was deleted
}

}  // namespace

// One timer, re-used: `serial` tells an old expiry, already on its way, from the current one.
struct StepRunner::Timer {
  explicit Timer(EventLoop& loop) : timer(loop.io()) {}
  boost::asio::steady_timer timer;
  std::uint64_t serial = 0;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

StepRunner::StepRunner(EventLoop& loop, Client& client, Steps steps, std::string flet_package,
                       milliseconds quiet, bool settles, const std::atomic<bool>& paused,
                       std::function<void(Buffer)> send_data,
                       std::function<void(int exit_code)> finish)
    : client_(client),
      flet_package_(std::move(flet_package)),
      folder_(WorkingFolder()),
      quiet_(quiet),
      settles_(settles),
      paused_(paused),
      send_data_(std::move(send_data)),
      finish_(std::move(finish)),
      loop_(loop),
      timer_(std::make_unique<Timer>(loop)) {
  Take(std::move(steps));
}

StepRunner::~StepRunner() = default;

void StepRunner::Take(Steps&& steps) {
  steps_ = std::move(steps.steps);
  for (Step& step : steps_) {
    if (step.kind == StepKind::kTree || step.kind == StepKind::kScreenshot)
      step.text = (std::filesystem::path(folder_) / step.text).string();
  }
  at_ = 0;
  rounds_left_ = steps_.empty() ? 1 : steps_[0].repeat;
  answers_left_.clear();
}

void StepRunner::RunMore(Steps steps, LiveRun how) {
  Take(std::move(steps));
  delay_ = how.delay;
  names_ = how.names;
  all_answer_ = how.all_answer;
  unanswered_.clear();
  inputs_.clear();
  answers_.Clear();
  state_ = State::kReady;
  Advance();
}

void StepRunner::OnRegistered() {
  if (state_ == State::kFirstFrame && first_frame_time_) AwaitFirstFrame(*first_frame_time_);
}

void StepRunner::AwaitFirstFrame(milliseconds left) {
  first_frame_left_ = left;
  Wait(State::kFirstFrame, std::min(left, kPersonLookedFor));
}

void StepRunner::OnPatch(Clock::time_point at) {
  changed_at_ = at;
  const Answers::Taken taken = Answered(at);
  switch (state_) {
    case State::kFirstFrame:
      state_ = State::kReady;
      ++timer_->serial;
      break;
    case State::kAnswer:
      if (taken != Answers::Taken::kTooSoon) StepDone();
      break;
    case State::kDragging:
      if (current().rate > 0) OnTimedAnswer(at);
      break;
    case State::kTarget:
      if (!paused_) TryInput(current());
      break;
    case State::kCondition:
      Check(current());
      break;
    default:
      break;
  }
  Advance();
}

Answers::Taken StepRunner::Answered(Clock::time_point at) {
  // Each movement by the clock has an answer of its own; of the others the first one counts.
  if (state_ == State::kDragging && (current().rate > 0 || answered_))
    return Answers::Taken::kAnswer;
  const Answers::Taken taken = answers_.Patch(at);
  if (taken == Answers::Taken::kAnswer) {
    answered_ = true;
  } else {
    restless_.Patch();
  }
  return taken;
}

StepRunner::Restless StepRunner::restless() const {
  const std::set<std::string>& inputs = restless_.known();
  return {answers_.between(), answers_.unclear(), {inputs.begin(), inputs.end()}, unanswered_};
}

// Whether the input has to wait until the page is quiet, since only then its answer can be
// recognised. A page that is never quiet is not waited for each time.
bool StepRunner::Settle(const Step& step) {
  const std::string input = InputName(step);
  if (!settles_ && !restless_.last().empty()) return false;
  Clock::time_point quiet = answers_.quiet_from();
  if (restless_.NeedsQuiet(input)) quiet = std::max(quiet, answers_.last_patch() + Answers::kQuiet);
  const Clock::time_point now = Clock::now();
  if (quiet <= now) {
    settles_in_vain_ = 0;
  } else if (settles_in_vain_ < kMostInVain) {
    if (!settles_since_) settles_since_ = now;
    const Clock::time_point end = *settles_since_ + kSettleTime;
    if (now < end) {
      WaitUntil(State::kSettling, std::min(quiet, end));
      return true;
    }
    ++settles_in_vain_;
  }
  settles_since_.reset();
  restless_.Sent(input, answers_.last_patch() + Answers::kQuiet <= now);
  return false;
}

bool StepRunner::ClaimCrash(const std::string& text) {
  for (std::size_t i = at_; i < steps_.size(); ++i) {
    if (steps_[i].kind != StepKind::kExpectCrash ||
        text.find(steps_[i].text) == std::string::npos) {
      continue;
    }
    std::size_t& claimed = crashes_[i];
    if (claimed >= (i == at_ ? rounds_left_ : steps_[i].repeat)) continue;
    ++claimed;
    return true;
  }
  return false;
}

void StepRunner::OnCrash(const std::string& text, bool claimed) {
  if (state_ == State::kDone) return;
  if (!claimed && at_ < steps_.size()) return Fail("the app crashed: " + wire::CrashLine(text));
  if (!claimed) {
    Log(LogLevel::kError, "the app crashed, which no step expects: " + wire::CrashLine(text));
    return Finish(1);
  }
  if (state_ == State::kFirstFrame) state_ = State::kReady;  // main() that raised may draw nothing
  if (state_ == State::kAnswer) {                            // nor may a handler
    answers_.GiveUp();
    StepDone();
  }
  if (state_ == State::kCondition) Check(current());
  Advance();
}

bool StepRunner::TakesCall(std::string_view type, const wire::InvokeMethod& call) {
  if (state_ == State::kDone) return false;
  for (auto left = answers_left_.begin(); left != answers_left_.end(); ++left) {
    const Step& step = steps_[*left];
    if (!IsFor(step, type, call.name)) continue;
    answers_left_.erase(left);
    AnswerCall(step, call);
    return true;
  }
  if (state_ == State::kCondition && current().kind == StepKind::kExpectClipboard) {
    loop_.Post([this, alive = std::weak_ptr(timer_->alive)] {  // once it has been answered
      if (alive.expired() || state_ != State::kCondition) return;
      Check(current());
      Advance();
    });
  }
  const auto answers = [&](const Step& step) {
    return step.kind == StepKind::kAnswer && IsFor(step, type, call.name);
  };
  if (open_calls_.size() >= kMostOpenCalls ||
      std::none_of(steps_.begin() + static_cast<std::ptrdiff_t>(at_), steps_.end(), answers))
    return false;
  open_calls_.push_back({std::string(type), call});
  if (state_ == State::kAnswer) {  // the dialog is what the input has led to
    answers_.GiveUp();
    StepDone();
    AdvanceLater();
  }
  return true;
}

void StepRunner::AnswerCall(const Step& step, const wire::InvokeMethod& call) {
  Result<MethodAnswer> answer = AnswerOf(step, call.name, call.args, folder_);
  if (answer) return client_.Answer(call, std::move(*answer));
  const bool is_current = at_ < steps_.size() && &step == &current();
  Fail((is_current ? "" : step.source + ": ") + answer.error().Line());
}

void StepRunner::Answer(const Step& step) {
  const auto open = std::find_if(open_calls_.begin(), open_calls_.end(), [&](const OpenCall& one) {
    return IsFor(step, one.type, one.call.name);
  });
  if (open == open_calls_.end()) {
    if (answers_left_.size() >= kMostAnswersLeft)
      return Fail("1000 answers wait for calls of the app already");
    answers_left_.push_back(at_);
    return StepDone();
  }
  const wire::InvokeMethod call = std::move(open->call);
  open_calls_.erase(open);
  sent_at_ = Clock::now();
  answered_ = false;
  AnswerCall(step, call);
  Sent(step, true);
}

void StepRunner::OnWindowClosed() {
  if (state_ == State::kClosing) return Finish(0);
  FailBefore("the app closed its window");
}

void StepRunner::OnAppGone() {
  if (state_ == State::kClosing) return Finish(0);
  FailBefore("the app ended");
}

// Steps that remain when everything is over are a failure, an input that waits for its answer is
// not.
void StepRunner::FailBefore(const std::string& what) {
  if (state_ == State::kDone) return;
  std::size_t next = at_;
  if (state_ == State::kAnswer && rounds_left_ == 1) ++next;
  if (next >= steps_.size()) return Finish(0);
  Log(LogLevel::kError, what + " before " + Named(next));
  Finish(1);
}

void StepRunner::Resume() {
  if (paused_) return;
  if (state_ == State::kTarget) TryInput(current());
  if (state_ == State::kDragging) ContinueDrag(current());
  if (state_ == State::kStreaming) ContinueStream(current());
  Advance();
}

void StepRunner::Advance() {
  SkipEmptyRepeats();
  for (int begun = 0; state_ == State::kReady && !paused_; ++begun) {
    if (at_ == steps_.size()) return StepsDone();
    // Inputs without an answer could starve the loop.
    if (begun == kMaxAtOnce) return AdvanceLater();
    Begin(current());
    SkipEmptyRepeats();
  }
}

void StepRunner::AdvanceLater() {
  loop_.Post([this, alive = std::weak_ptr(timer_->alive)] {
    if (!alive.expired()) Advance();
  });
}

void StepRunner::SkipEmptyRepeats() {
  while (state_ == State::kReady && at_ < steps_.size() && rounds_left_ == 0) {
    ++at_;
    rounds_left_ = at_ < steps_.size() ? steps_[at_].repeat : 1;
  }
}

void StepRunner::Begin(const Step& step) {
  why_not_.clear();
  if (HasFinder(step.kind) && !MakeQuery(step)) return;
  if (IsInput(step.kind)) return Settle(step) ? void() : BeginInput(step);
  switch (step.kind) {
    case StepKind::kStream:
      if (channel_ == 0) return Fail("no data channel is open; open one with channel FINDER");
      sent_at_ = Clock::now();
      Delay();
      stream_sent_ = 0;
      stream_missing_ = step.bytes * step.count;
      Wait(State::kStreaming, step.time);
      return ContinueStream(step);
    case StepKind::kAnswer:
      return Answer(step);
    case StepKind::kClipboard:
      client_.clipboard() = step.text;
      return StepDone();
    case StepKind::kTree:
      return WriteTree(step);
    case StepKind::kScreenshot:
      if (!takes_picture_)
        return Fail("there is no window to take a picture of; run the steps with --ui desktop");
      Wait(State::kPicture, step.time);
      return takes_picture_();
    case StepKind::kSleep:
      return Wait(State::kSleeping, step.time);
    case StepKind::kClose:
      return CloseWindow();
    default:
      state_ = State::kCondition;
      Check(step);
      if (state_ == State::kCondition) Wait(State::kCondition, step.time);
  }
}

void StepRunner::CloseWindow() {
  if (client_.CloseWindow()) {
    at_ = steps_.size();
    state_ = State::kReady;
    return StepsDone();
  }
  // The app may ask the person first, and the person's answer is the next steps.
  if (rounds_left_ == 1 && at_ + 1 == steps_.size()) return Wait(State::kClosing, kCloseTime);
  sent_at_ = Clock::now();
  answered_ = true;  // no input whose answer is measured
  Wait(State::kAnswer, kAskedTime);
}

// Flet sends an exception directly after the changes that preceded it.
void StepRunner::StepsDone() {
  const Clock::time_point until = std::max(sent_at_, changed_at_) + quiet_;
  if (until <= Clock::now()) return AllDone();
  WaitUntil(State::kQuiet, until);
}

// An answer of the steps that is left over: the app has not made the call.
void StepRunner::AllDone() {
  if (answers_left_.empty()) return Finish(0);
  Log(LogLevel::kError, Named(answers_left_.front()) + ": the app has not called " +
                            steps_[answers_left_.front()].text);
  Finish(1);
}

bool StepRunner::MakeQuery(const Step& step) {
  query_ = Query{step.finder, {}};
  if (!step.finder.icon) return true;
  if (icons_ == nullptr) {
    icons_ = std::make_unique<IconNames>();
    if (!flet_package_.empty()) {
      Result<IconNames> names = IconNames::Load(flet_package_);
      if (!names) {
        Fail(names.error().Line());
        return false;
      }
      *icons_ = std::move(*names);
    }
  }
  query_.icon_codes = icons_->Codes(*step.finder.icon);
  if (icons_->by_name()) return true;
  if (query_.icon_codes.empty()) {
    Fail(flet_package_.empty()
             ? "where the app's flet package lies is unknown, and with it the names of icons; use "
               "icon=0x... with the icon's number"
             : "the app's Flet has no icon named " + *step.finder.icon);
    return false;
  }
  return true;
}

void StepRunner::BeginInput(const Step& step) {
  answered_ = false;
  if (step.kind == StepKind::kLeave) {
    sent_at_ = Clock::now();
    return Sent(step, Hover(client_, nullptr));
  }
  if (step.kind == StepKind::kResize || step.kind == StepKind::kRoute) {
    if (names_) inputs_.try_emplace(number(), Input{InputName(step), step.line, {}});
    sent_at_ = Clock::now();
    const Map& page = client_.tree().page();
    if (step.kind == StepKind::kResize) {
      client_.SendSize(step.x1, step.y1);
      return Sent(step, Handles(page, "resize"));
    }
    client_.SendRoute(step.text);
    return Sent(step, Handles(page, "route_change"));
  }
  state_ = State::kTarget;
  TryInput(step);
  if (state_ == State::kTarget) Wait(State::kTarget, step.target_time);
}

void StepRunner::TryInput(const Step& step) {
  Map* target = Choose(step);
  if (target == nullptr) return;
  if (names_) inputs_.try_emplace(number(), Input{InputName(step), step.line, Described(*target)});
  sent_at_ = Clock::now();
  Delay();
  if (step.kind == StepKind::kChannel) return OpenChannel(*target);
  if (step.kind == StepKind::kDrag) {
    if (step.rate == 0) answers_.Input(sent_at_, number());
    due_.clear();
    drag_target_ = wire::ControlId(*target);
    drag_part_ = 0;
    drag_answers_ = false;
    state_ = State::kDragging;
    return ContinueDrag(step);
  }
  Sent(step, DoInput(client_, step, *target));
}

// A processor's own time, since a timer would come tens of microseconds late.
void StepRunner::Delay() const {
  if (delay_.count() == 0) return;
  while (Clock::now() - sent_at_ < delay_) {
  }
}

// The control for an input, or null and why_not_.
Map* StepRunner::Choose(const Step& step) {
  const std::size_t index = step.finder.index.value_or(0);
  std::vector<Map*> found = FindAll(client_.tree(), query_, Hidden::kSkip,
                                    step.finder.index ? index + 1 : kMaxCandidates);
  if (found.size() <= index) {
    why_not_ = FindAll(client_.tree(), query_, Hidden::kInclude, index + 1).size() > index
                   ? "it is not visible"
                   : "not found";
    return nullptr;
  }
  if (step.finder.index) found = {found[index]};
  why_not_.clear();
  for (Map* aimed : found) {
    std::string reason;
    Map* target = TargetOf(step, *aimed, reason);
    if (target != nullptr && IsEnabled(*aimed)) return target;
    if (target != nullptr) reason = "it is disabled";
    if (why_not_.empty()) why_not_ = reason;
  }
  return nullptr;
}

void StepRunner::Sent(const Step& step, bool may_answer) {
  if (state_ == State::kDone) return;
  if (!may_answer) return StepDone();
  if (step.kind != StepKind::kDrag) answers_.Input(sent_at_, number());
  Wait(State::kAnswer, step.time);
}

// Sends the movements that are due. A delay of the app or the loop does not delay later ones.
void StepRunner::ContinueTimedDrag(const Step& step) {
  const auto due_at = [&](std::size_t part) {
    return sent_at_ + std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(static_cast<double>(part) / step.rate));
  };
  for (; drag_part_ <= step.count; ++drag_part_) {
    if (paused_) return;
    if (due_at(drag_part_) > Clock::now()) return WaitUntil(State::kDragging, due_at(drag_part_));
    Map* target = client_.tree().Find(drag_target_);
    if (target == nullptr) return Fail("the control has gone while it was being dragged");
    const bool answers = DoDragPart(client_, step, *target, drag_part_);
    if (drag_part_ == 0) continue;  // puts the pointer down
    if (!answers)
      return Fail("the app does not handle its movements, and a rate wants each answered");
    due_.push_back(due_at(drag_part_));
  }
  Wait(State::kDragging, step.time);
}

void StepRunner::OnTimedAnswer(Clock::time_point at) {
  if (due_.empty()) return;
  Measured(due_.front(), at);
  due_.pop_front();
  const Step& step = current();
  if (!due_.empty() || drag_part_ <= step.count) return;
  if (Map* target = client_.tree().Find(drag_target_); target != nullptr)
    static_cast<void>(DoDragPart(client_, step, *target, drag_part_));
  StepDone();
}

void StepRunner::Measured(Clock::time_point from, Clock::time_point to) {
  const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(to - from);
  answers_.Add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.count())), number());
}

void StepRunner::OpenChannel(const Map& target) {
  channel_ = client_.OpenChannel(target);
  if (channel_ == 0) return Fail("the control has no on_data_channel_open");
  StepDone();
}

void StepRunner::ContinueStream(const Step& step) {
  for (; stream_sent_ < step.count && !paused_; ++stream_sent_) {
    Buffer message(4 + step.bytes);
    std::memset(message.data(), static_cast<int>(stream_sent_), message.size());
    for (std::size_t i = 0; i < 4; ++i)
      message.data()[i] = static_cast<std::byte>(channel_ >> (8 * i));
    send_data_(std::move(message));
  }
}

void StepRunner::OnData(std::span<const std::byte> packet, Clock::time_point at) {
  if (state_ != State::kStreaming || packet.size() < 4) return;
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < 4; ++i) id |= std::to_integer<std::uint32_t>(packet[i]) << (8 * i);
  if (id != channel_) return;
  stream_missing_ -= std::min(stream_missing_, packet.size() - 4);
  if (stream_missing_ != 0) return;
  Measured(sent_at_, at);
  StepDone();
  Advance();
}

void StepRunner::ContinueDrag(const Step& step) {
  if (step.rate > 0) return ContinueTimedDrag(step);
  for (; drag_part_ <= step.count + 1; ++drag_part_) {
    if (paused_) return;
    Map* target = client_.tree().Find(drag_target_);
    if (target == nullptr) return Fail("the control has gone while it was being dragged");
    drag_answers_ = DoDragPart(client_, step, *target, drag_part_) || drag_answers_;
  }
  Sent(step, drag_answers_ && !answered_);
}

void StepRunner::Check(const Step& step) {
  if (Holds(step)) StepDone();
}

bool StepRunner::Holds(const Step& step) {
  if (step.kind == StepKind::kExpectCrash) {
    why_not_ = "no such crash";
    std::size_t& claimed = crashes_[at_];
    if (claimed == 0) return false;
    --claimed;
    return true;
  }
  if (step.kind == StepKind::kExpectClipboard) {
    const std::optional<std::string>& held = client_.clipboard();
    why_not_ =
        held ? "the clipboard holds " + Quoted(held->substr(0, 60)) : "the clipboard is empty";
    return held == step.text;
  }
  const std::size_t wanted = step.finder.index.value_or(0) + 1;
  const std::size_t limit = step.kind == StepKind::kExpectCount ? step.count + 1000 : wanted;
  const std::size_t found = FindAll(client_.tree(), query_, Hidden::kSkip, limit).size();
  switch (step.kind) {
    case StepKind::kExpectNo:
      why_not_ = "it is there";
      return found < wanted;
    case StepKind::kExpectCount:
      why_not_ = "found " + std::to_string(found);
      return found == step.count;
    default:
      why_not_ = "not found";
      return found >= wanted;
  }
}

void StepRunner::WriteTree(const Step& step) {
  if (Result<> written = WriteOwnFile(step.text, TreeAsJson(client_.tree())); !written)
    return Fail("cannot write " + step.text + ": " + written.error().Line());
  StepDone();
}

void StepRunner::OnPicture(const Result<std::string>& png) {
  if (state_ != State::kPicture) return;
  const std::string& file = current().text;
  if (!png) return Fail(png.error().Line());
  if (Result<> written = WriteOwnFile(file, *png); !written)
    return Fail("cannot write " + file + ": " + written.error().Line());
  StepDone();
  Advance();
}

void StepRunner::OnTimer() {
  switch (state_) {
    case State::kFirstFrame:
      if (held_up_()) return AwaitFirstFrame(*first_frame_time_);
      if (first_frame_left_ > kPersonLookedFor)
        return AwaitFirstFrame(first_frame_left_ - kPersonLookedFor);
      Log(LogLevel::kError,
          "the app has drawn nothing within " + Shown(*first_frame_time_) +
              "; no step was run: does main() take its time? --first-frame-deadline SECONDS sets "
              "another limit, 0 none");
      return Finish(1);
    case State::kDragging:
      if (drag_part_ <= current().count) return ContinueDrag(current());
      return Fail(std::to_string(due_.size()) + " of " + Counted(current().count, "movement") +
                  " had no answer after " + Shown(current().time));
    case State::kStreaming:
      return Fail(Counted(stream_missing_, "byte has", "bytes have") + " not come back after " +
                  Shown(current().time));
    case State::kAnswer:
      answers_.GiveUp();
      if (all_answer_) {
        unanswered_ = InputName(current());
        at_ = steps_.size();
      }
      StepDone();
      return Advance();
    case State::kSleeping:
      StepDone();
      return Advance();
    case State::kSettling:
      state_ = State::kReady;
      return Advance();
    case State::kTarget:
      return Fail(why_not_ + " after " + Shown(current().target_time));
    case State::kCondition:
      return Fail(why_not_ + " after " + Shown(current().time));
    case State::kPicture:
      return Fail("the window has made no picture after " + Shown(current().time));
    case State::kQuiet:
      return AllDone();
    case State::kClosing:
      return Fail("the app kept its window open (prevent_close) for " + Shown(kCloseTime));
    default:
      return;
  }
}

void StepRunner::StepDone() {
  if (state_ == State::kDone) return;
  ++timer_->serial;
  state_ = State::kReady;
  --rounds_left_;
}

void StepRunner::Wait(State state, milliseconds time) { WaitUntil(state, Clock::now() + time); }

void StepRunner::WaitUntil(State state, Clock::time_point when) {
  state_ = state;
  const std::uint64_t serial = ++timer_->serial;
  timer_->timer.expires_at(when);
  timer_->timer.async_wait(
      [this, serial, alive = std::weak_ptr(timer_->alive)](boost::system::error_code aborted) {
        if (aborted || alive.expired() || serial != timer_->serial) return;
        OnTimer();
      });
}

std::string StepRunner::Named(std::size_t step) const {
  return "step " + std::to_string(step + 1) + " (line " + std::to_string(steps_[step].line) +
         "): " + steps_[step].source;
}

void StepRunner::Fail(const std::string& why) {
  if (state_ == State::kDone) return;
  if (at_ >= steps_.size()) {  // of a step before, whose end has come now
    Log(LogLevel::kError, why);
    return Finish(1);
  }
  std::string line = Named(at_) + ": " + why;
  if (current().repeat > 1) {
    line += "; in round " + std::to_string(current().repeat - rounds_left_ + 1);
  }
  line += Nearest();
  const std::vector<std::string> texts = VisibleTexts(client_.tree(), kMaxTextsShown);
  line += texts.empty() ? "; no text is on the screen" : "; on the screen:";
  for (const std::string& text : texts) line += " " + Quoted(text.substr(0, 60));
  Log(LogLevel::kError, line + "\nthe control tree:\n" + TreeAsText(client_.tree(), kMaxTreeLines));
  Finish(1);
}

// Suggestions for a finder that has matched nothing.
std::string StepRunner::Nearest() const {
  if (!HasFinder(current().kind) || why_not_ != "not found") return {};
  const std::vector<std::string> near = NearestFinders(client_.tree(), current().finder);
  std::string line = near.empty() ? "" : "; nearest:";
  for (const std::string& finder : near) line += " " + finder;
  return line;
}

void StepRunner::Finish(int exit_code) {
  if (state_ == State::kDone) return;
  state_ = State::kDone;
  ++timer_->serial;
  timer_->timer.cancel();
  finish_(exit_code);
}

}  // namespace fletbridge::headless
