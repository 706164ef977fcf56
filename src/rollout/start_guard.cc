#include "src/rollout/start_guard.h"

#include <ctime>

#include "common/base/log.h"
#include "src/host/session.h"
#include "src/rollout/start_book.h"
#include "src/rollout/watch.h"

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

BookOptions BookOf(const RunRequest& request) {
  BookOptions book = BookOptionsFrom(request.guard);
  book.versions += ", Flet " + request.flet_version;
  return book;
}

std::vector<StageChange> ChangesOf(const ChosenStage& chosen) {
  std::vector<StageChange> changes;
  for (const RunReport::Fallback& fallback : chosen.fallbacks)
    changes.push_back({fallback.from, fallback.to, fallback.why});
  return changes;
}

class Guard final : public StartGuard {
 public:
  Result<ChosenStage> Advise(ChosenStage chosen, const RunRequest& request,
                             const Interpreter& python, bool peeks) override {
    const BookOptions book = BookOf(request);
    const Result<Advice> advice =
        peeks ? Result<Advice>(PeekStart(book, chosen.stage, StageNames(), Now()))
              : AdviseStart(book, chosen.stage, StageNames(), Now());
    if (!advice) {
      Complain(book, advice.error());
      return chosen;
    }
    if (advice->stage != chosen.stage) {
      std::vector<RunReport::Fallback> changes;
      for (const StageChange& change : advice->changes)
        changes.push_back({change.from, change.to, change.why});
      Result<ChosenStage> lower =
          ChooseInstead(request, python, chosen, std::move(changes), advice->changes.front().why);
      if (!lower) return lower;
      chosen = std::move(*lower);
    }
    chosen.doubtful = advice->doubtful && MayLower(request, chosen.stage);
    return chosen;
  }

  std::optional<WatchedEnd> Begin(RunRequest& request, const ChosenStage& chosen) override {
    const auto note = [&](bool watched) { return Note(request, chosen, watched); };
    if (chosen.doubtful) return WatchStart(note);
    (void)note(false);
    return {};
  }

  void BookEnded(const RunRequest& request) override {
    const BookOptions book = BookOf(request);
    const std::string lowest = StageNames().back();
    if (const Result<Advice> swept = AdviseStart(book, lowest, {lowest}, Now()); !swept)
      Complain(book, swept.error());
  }

  void NoStart(RunRequest& request, const Error& why, bool by_stage) override {
    if (request.start_record.empty()) return;
    const BookOptions book = BookOf(request);
    const StartOutcome outcome = by_stage ? StartOutcome::kFailed : StartOutcome::kNeutral;
    if (Result<> noted = EndStart(book, request.start_record, outcome, why.Line(), {}, Now());
        !noted)
      Complain(book, noted.error());
    request.start_record.clear();
  }

  void Follow(SessionParts& parts, const RunRequest& request, const Timeline& timeline) override {
    if (request.start_record.empty()) return;
    parts.first_frame = [record = request.start_record, &timeline] {
      auto took = timeline.At(Milestone::kFirstFrame);
      if (!took) took = timeline.At(Milestone::kFrameDrawn);  // direct: no packet is seen
      MarkFirstFrame(
          record,
          std::chrono::duration<double>(took.value_or(std::chrono::nanoseconds(0))).count());
    };
    parts.ended = [book = BookOf(request), record = request.start_record](const SessionEnd& end) {
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
  static std::string Note(RunRequest& request, const ChosenStage& chosen, bool watched) {
    const BookOptions book = BookOf(request);
    Result<std::string> record = BeginStart(book, chosen.stage, ChangesOf(chosen), Now(), watched);
    if (!record) {
      Complain(book, record.error());
      return {};
    }
    return request.start_record = *record;
  }
};

}  // namespace

StartGuard& RolloutGuard() {
  static Guard guard;
  return guard;
}

}  // namespace fletbridge
