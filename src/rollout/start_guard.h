// Room: src/host. The way back, around one run: which stage the book of starts lets it try, the
// record that the start leaves, and how it ended. Without a book (no rollout) each does nothing; a
// book that cannot be read or written is said once and never stops a run. Main thread, but for
// NoteFirstFrame().
#pragma once

#include <vector>

#include "src/host/factory.h"
#include "src/host/session.h"

namespace fletbridge {

// ChooseStage(), and lower where the book says that the chosen stage rests. `peeks`: the book stays
// as it is.
[[nodiscard]] Result<ChosenStage> ChooseGuardedStage(const RunRequest& request,
                                                     const Interpreter& python, bool peeks = false);
// The next lower stage that works, after `chosen` could not be started in this run.
[[nodiscard]] Result<ChosenStage> ChooseLowerStage(const RunRequest& request,
                                                   const Interpreter& python,
                                                   const ChosenStage& chosen, const Error& why);

// Leaves the record of this start in the request. Before anything that may take the process down.
// `watched`: by the parent process, which this one does not outlive.
void NoteStart(RunRequest& request, const ChosenStage& chosen, bool watched = false);
// Books the starts whose processes have gone, as the next start would.
void BookEnded(const RunRequest& request);
// The start came to nothing: the stage's failure, or something that says nothing about it.
void NoteNoStart(RunRequest& request, const Error& why, StartOutcome outcome);
// Has the session tell the book of its first frame and its end. Both outlive the session.
void NoteSession(SessionParts& parts, const RunRequest& request, const Timeline& timeline);

}  // namespace fletbridge
