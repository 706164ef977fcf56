#include "src/host/start_guard.h"

#include <algorithm>
#include <ctime>

#include "common/base/log.h"

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

bool HasBook(const RunRequest& request) { return !request.book.folder.empty(); }

// Whether a run may go on below `stage`.
bool MayLower(const RunRequest& request, const std::string& stage) {
  return request.fallback && stage != StageNames().back();
}

// `request` for the stage `stage` and what is below it.
Result<ChosenStage> ChooseFrom(const RunRequest& request, const Interpreter& python,
                               const std::string& stage) {
  RunRequest lower = request;
  lower.stage = stage;
  lower.transport.clear();
  lower.fallback = true;
  return ChooseStage(lower, python);
}

// `lower` is what came of it that an earlier choice was left by `changes`, because of `why`.
ChosenStage After(std::vector<RunReport::Fallback> changes, const std::string& why,
                  ChosenStage lower) {
  lower.why = lower.why.empty() ? why : why + "; " + lower.why;
  changes.insert(changes.end(), lower.fallbacks.begin(), lower.fallbacks.end());
  lower.fallbacks = std::move(changes);
  return lower;
}

}  // namespace

Result<ChosenStage> ChooseGuardedStage(const RunRequest& request, const Interpreter& python,
                                       bool peeks) {
  Result<ChosenStage> chosen = ChooseStage(request, python);
  if (!chosen || !HasBook(request)) return chosen;
  const Result<Advice> advice =
      peeks ? Result<Advice>(PeekStart(request.book, chosen->stage, StageNames(), Now()))
            : AdviseStart(request.book, chosen->stage, StageNames(), Now());
  if (!advice) {
    Complain(request.book, advice.error());
    return chosen;
  }
  if (advice->stage == chosen->stage) {
    chosen->doubtful = advice->doubtful && MayLower(request, chosen->stage);
    return chosen;
  }
  Result<ChosenStage> lower = ChooseFrom(request, python, advice->stage);
  if (!lower) return lower;
  std::vector<RunReport::Fallback> changes = chosen->fallbacks;
  for (const StageChange& change : advice->changes)
    changes.push_back({change.from, change.to, change.why});
  lower->doubtful = advice->doubtful && MayLower(request, lower->stage);
  return After(std::move(changes), advice->changes.front().why, std::move(*lower));
}

Result<ChosenStage> ChooseLowerStage(const RunRequest& request, const Interpreter& python,
                                     const ChosenStage& chosen, const Error& why) {
  if (!MayLower(request, chosen.stage)) return why;
  const std::vector<std::string> names = StageNames();
  const auto at = std::find(names.begin(), names.end(), chosen.stage);
  Result<ChosenStage> lower = ChooseFrom(request, python, *(at + 1));
  if (!lower) return lower;
  std::vector<RunReport::Fallback> changes = chosen.fallbacks;
  changes.push_back({chosen.stage, *(at + 1), why.Line()});
  lower->doubtful = chosen.doubtful && MayLower(request, lower->stage);
  return After(std::move(changes), "stage " + chosen.stage + " cannot run: " + why.Line(),
               std::move(*lower));
}

void NoteStart(RunRequest& request, const ChosenStage& chosen, bool watched) {
  if (!HasBook(request)) return;
  std::vector<StageChange> changes;
  for (const RunReport::Fallback& fallback : chosen.fallbacks)
    changes.push_back({fallback.from, fallback.to, fallback.why});
  Result<std::string> record = BeginStart(request.book, chosen.stage, changes, Now(), watched);
  if (record) {
    request.start_record = *record;
  } else {
    Complain(request.book, record.error());
  }
}

void BookEnded(const RunRequest& request) {
  const std::string lowest = StageNames().back();
  if (const Result<Advice> swept = AdviseStart(request.book, lowest, {lowest}, Now()); !swept)
    Complain(request.book, swept.error());
}

void NoteNoStart(RunRequest& request, const Error& why, StartOutcome outcome) {
  if (request.start_record.empty()) return;
  if (Result<> noted = EndStart(request.book, request.start_record, outcome, why.Line(), {}, Now());
      !noted)
    Complain(request.book, noted.error());
  request.start_record.clear();
}

void NoteSession(SessionParts& parts, const RunRequest& request, const Timeline& timeline) {
  if (request.start_record.empty()) return;
  parts.first_frame = [record = request.start_record, &timeline] {
    auto took = timeline.At(Milestone::kFirstFrame);
    if (!took) took = timeline.At(Milestone::kFrameDrawn);  // direct: no packet is seen
    MarkFirstFrame(
        record, std::chrono::duration<double>(took.value_or(std::chrono::nanoseconds(0))).count());
  };
  parts.ended = [book = request.book, record = request.start_record](const SessionEnd& end) {
    StartOutcome outcome = StartOutcome::kNeutral;
    if (end.app_killed || (!end.first_frame && !end.by_person && end.code != 0)) {
      outcome = StartOutcome::kFailed;
    } else if (end.first_frame) {
      outcome = StartOutcome::kClean;
    }
    if (Result<> noted = EndStart(book, record, outcome, end.reason, end.clicks_ns, Now()); !noted)
      Complain(book, noted.error());
  };
}

}  // namespace fletbridge
