#include "src/rollout/start_guard.h"

#include <ctime>

#include "common/base/log.h"
#include "src/host/factory.h"
#include "src/host/session.h"
#include "src/rollout/start_book.h"
#include "src/rollout/watched_start.h"

namespace fletbridge {
namespace {

// Said once: a home that cannot be written to is no news at each step.
void Complain(const BookOptions& book, const Error& why) {
  static bool said = false;
  Log(said ? LogLevel::kDebug : LogLevel::kWarning,
      "this start leaves no record, so a crash will not be seen" +
          std::string(book.metrics.empty() ? "" : " and no metrics are written") + ": " +
          why.Line());
  said = true;
}

std::int64_t Now() { return std::time(nullptr); }

BookOptions BookOf(const RunRequest& request, const LaunchPlan& plan) {
  BookOptions book = BookOptionsFrom(request.guard);
  book.versions += ", Flet " + plan.flet_version;
  book.flet_version = plan.flet_version;
  return book;
}

std::vector<StageChange> ChangesOf(const LaunchPlan& plan) {
  std::vector<StageChange> changes;
  for (const RunReport::Fallback& fallback : plan.fallbacks)
    changes.push_back({fallback.from, fallback.to, fallback.why});
  return changes;
}

class Guard final : public StartGuard {
 public:
  StartAdvice Advise(const RunRequest& request, const LaunchPlan& chosen,
                     const std::vector<std::string>& stages, bool peeks) override {
    const BookOptions book = BookOf(request, chosen);
    const Result<Advice> advice = peeks
                                      ? Result<Advice>(PeekStart(book, chosen.stage, stages, Now()))
                                      : AdviseStart(book, chosen.stage, stages, Now());
    if (!advice) {
      Complain(book, advice.error());
      return {};
    }
    StartAdvice given;
    given.doubtful = advice->doubtful;
    for (const StageChange& change : advice->changes)
      given.changes.push_back({change.from, change.to, change.why});
    return given;
  }

  std::optional<WatchedEnd> Begin(const RunRequest& request, LaunchPlan& plan) override {
    const auto note = [&](bool watched) { return Note(request, plan, watched); };
    if (plan.doubtful) return WatchStart(note);
    (void)note(false);
    return {};
  }

  void BookEnded(const RunRequest& request, const LaunchPlan& plan) override {
    const BookOptions book = BookOf(request, plan);
    const std::string lowest = StageNames().back();
    if (const Result<Advice> swept = AdviseStart(book, lowest, {lowest}, Now()); !swept)
      Complain(book, swept.error());
  }

  void NoStart(const RunRequest& request, LaunchPlan& plan, const Error& why,
               bool by_stage) override {
    if (plan.start_record.empty()) return;
    const BookOptions book = BookOf(request, plan);
    const StartOutcome outcome = by_stage ? StartOutcome::kFailed : StartOutcome::kNeutral;
    if (Result<> noted = EndStart(book, plan.start_record, outcome, why.Line(), {}, Now()); !noted)
      Complain(book, noted.error());
    plan.start_record.clear();
  }

  void Follow(SessionParts& parts, const RunRequest& request, const LaunchPlan& plan,
              const Timeline& timeline) override {
    if (plan.start_record.empty()) return;
    parts.first_frame = [record = plan.start_record, &timeline] {
      auto took = timeline.At(Milestone::kFirstFrame);
      if (!took) took = timeline.At(Milestone::kFrameDrawn);  // direct: no packet is seen
      MarkFirstFrame(
          record,
          std::chrono::duration<double>(took.value_or(std::chrono::nanoseconds(0))).count());
    };
    parts.ended = [book = BookOf(request, plan),
                   record = plan.start_record](const SessionEnd& end) {
      StartOutcome outcome = StartOutcome::kNeutral;
      if (end.app_killed || (!end.first_frame && !end.by_person && end.code != 0)) {
        outcome = StartOutcome::kFailed;
      } else if (end.first_frame) {
        outcome = StartOutcome::kClean;
      }
      if (Result<> noted = EndStart(book, record, outcome, end.reason, end.clicks_ns, Now());
          !noted)
        Complain(book, noted.error());
    };
  }

 private:
  // Returns the record's path; empty if there is none.
  static std::string Note(const RunRequest& request, LaunchPlan& plan, bool watched) {
    const BookOptions book = BookOf(request, plan);
    Result<std::string> record = BeginStart(book, plan.stage, ChangesOf(plan), Now(), watched);
    if (!record) {
      Complain(book, record.error());
      return {};
    }
    return plan.start_record = *record;
  }
};

}  // namespace

StartGuard& RolloutGuard() {
  static Guard guard;
  return guard;
}

}  // namespace fletbridge
