// Room: src/rollout. The start book: records on disk of an app's starts, and the decisions that
// later starts base on them. Used around a run (start_guard.h) and by `fletbridge rollout`. Knows
// stages only as an ordered list of names.
//
//   STATE/apps/ID/starts/PID-…   one small start record per running start: written before anything
//                                that could crash, removed at the end. If its process is gone, that
//                                start has failed
//   STATE/apps/ID/book.json      breakers, metrics and last starts; bounded, replaced as a whole
//   STATE/apps/ID/lock           held while the book is read and replaced; never while an app runs
//
// Threads: none of its own. Every function waits for the disk, and for the lock half a second at
// most; MarkFirstFrame() writes some bytes and returns. An error means that nothing is known or
// stored: the run continues without the book.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "src/rollout/breaker.h"
#include "src/rollout/guard_figures.h"

namespace fletbridge {

// Which book, and how to keep it. A value; goes along when a run goes on in another program.
struct BookOptions {
  std::string folder;    // STATE; empty: no book is kept
  std::string app_id;    // what the folder is named
  std::string app;       // for people
  std::string versions;  // of app, Flet and fletbridge, in one text
  std::string app_version, flet_version, fletbridge_version;  // the same, each; may be empty
  std::string metrics;  // Prometheus's text file; empty: none is written
  std::int64_t backoff_s = 3600;
  bool may_lower = false;  // the breaker may take a lower stage; else it only takes notes
};

// As one text, for RunRequest::guard; made by the one, read by the other, of the same build.
[[nodiscard]] std::string ToText(const BookOptions& book);
[[nodiscard]] BookOptions BookOptionsFrom(const std::string& text);

struct StageChange {
  std::string from, to, why;
};

struct StageBook {
  Breaker breaker;
  StageFigures figures;
};
struct PastStart {
  std::string stage, outcome, why;  // outcome: "clean", "failed" or "neutral"
  std::int64_t started = 0;         // Unix time
};
struct Book {
  std::string app, id;
  std::string app_version, flet_version, fletbridge_version;  // of the start that ended last
  std::map<std::string, StageBook> stages;
  std::vector<PastStart> last;     // newest last
  std::vector<PastStart> running;  // outcome empty
};

// An id of this app that does not reveal its path.
[[nodiscard]] std::string AppId(const std::string& path);

// Before a start: books those that are gone, then says which stage may be tried. `ladder` has the
// stages, highest first; `asked` is one of them.
struct Advice {
  std::string stage;
  std::vector<StageChange> changes;  // how it came from `asked` to `stage`
  // It has failed last, or it stands in for one that has and has never worked itself.
  bool doubtful = false;
};
[[nodiscard]] Result<Advice> AdviseStart(const BookOptions& options, const std::string& asked,
                                         const std::vector<std::string>& ladder, std::int64_t now);
// The same for who only asks: nothing is booked, made or removed.
[[nodiscard]] Advice PeekStart(const BookOptions& options, const std::string& asked,
                               const std::vector<std::string>& ladder, std::int64_t now);

// Leaves the record of a start of this process; returns its path. It stays with the process through
// execve, since number and start time do. A process that is `watched` dies with its parent, and
// counts as gone as soon as that is.
[[nodiscard]] Result<std::string> BeginStart(const BookOptions& options, const std::string& stage,
                                             const std::vector<StageChange>& changes,
                                             std::int64_t now, bool watched = false);
// Appends to the record that the first frame came after so long.
void MarkFirstFrame(const std::string& record, double seconds) noexcept;

enum class StartOutcome {
  kClean,
  kFailed,   // the stage's: no first frame, or killed by a signal
  kNeutral,  // says nothing about the stage: ended by the person, or the UI did not come up
};
// Books the start and removes its record.
Result<> EndStart(const BookOptions& options, const std::string& record, StartOutcome outcome,
                  const std::string& why, const std::vector<std::uint64_t>& clicks_ns,
                  std::int64_t now);

// Whether a start whose process is gone has failed before anything was seen of it. `record` is its
// file, opened while it ran: it can be read when the start has been booked.
[[nodiscard]] bool FailedUnseen(int record);

// All books of a state folder, for people; changes nothing. At most 200.
[[nodiscard]] std::vector<Book> ReadBooks(const std::string& folder);
// Closes all breakers of all books; with `forget` removes the books.
[[nodiscard]] Result<> ResetBooks(const std::string& folder, bool forget);
// The figures of all books, replaced whole. Readable by node_exporter, another user.
[[nodiscard]] Result<> WriteMetrics(const std::string& folder, const std::string& path,
                                    std::int64_t now);

}  // namespace fletbridge
