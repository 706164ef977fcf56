#include "src/rollout/start_book.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/log.h"
#include "common/platform/process.h"
#include "common/platform/unique_fd.h"
#include "src/rollout/flags/murmur3.h"
#include "src/rollout/state_folder.h"

namespace fletbridge {

// For the library alone, which finds it by the type's namespace.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(BookOptions, folder, app_id, app, versions, app_version,
                                   flet_version, fletbridge_version, metrics, backoff_s, may_lower)

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxBookBytes = std::size_t{256} << 10;
constexpr std::size_t kMaxRecordBytes = 16384;
constexpr std::size_t kLastStarts = 20;
constexpr std::size_t kMaxApps = 200;
constexpr std::int64_t kFarFuture = std::int64_t{1} << 40;
constexpr auto kLockPatience = std::chrono::milliseconds(500);
// A record of another container's process: nobody here can say whether that runs.
constexpr std::int64_t kForeignRecordSeconds = 7 * 24 * 3600;

std::string AppFolder(const BookOptions& options) {
  return options.folder + "/apps/" + options.app_id;
}

Error Failed(const std::string& what) {
  const int number = errno;
  return Error{{number, boost::system::system_category()}, what + ": " + std::strerror(number)};
}

// Held while the book is read and replaced. Released by close(), so also by any death.
Result<UniqueFd> Lock(const std::string& folder) {
  if (Result<> made = MakeFolder(folder + "/starts"); !made) return made.error();
  UniqueFd fd(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return Failed("cannot open " + folder + "/lock");
  const auto until = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Failed("cannot lock " + folder);
    if (std::chrono::steady_clock::now() > until)
      return MakeError(Errc::kLimit, folder + " is locked by another start");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return fd;
}

// ------------------------------------------------------------------ the book's file

Json HistogramJson(const BucketCounts& histogram) {
  return {{"counts", histogram.counts()}, {"sum", histogram.sum()}};
}

Json BookJson(const Book& book) {
  Json stages = Json::object();
  for (const auto& [name, stage] : book.stages) {
    stages[name] = {{"failures", stage.breaker.failures},
                    {"opened", stage.breaker.opened},
                    {"retry_at", stage.breaker.retry_at},
                    {"versions", stage.breaker.versions},
                    {"why", stage.breaker.why},
                    {"starts", stage.figures.starts},
                    {"failed", stage.figures.failures},
                    {"fallbacks", stage.figures.fallbacks},
                    {"first_frame", HistogramJson(stage.figures.first_frame)},
                    {"click", HistogramJson(stage.figures.click)}};
  }
  Json last = Json::array();
  for (const PastStart& start : book.last) {
    last.push_back({{"stage", start.stage},
                    {"outcome", start.outcome},
                    {"why", start.why},
                    {"started", start.started}});
  }
  return {{"format", 1},
          {"app", book.app},
          {"app_version", book.app_version},
          {"flet_version", book.flet_version},
          {"fletbridge_version", book.fletbridge_version},
          {"stages", stages},
          {"last", last}};
}

void RestoreHistogram(const Json& from, const char* key, BucketCounts& histogram) {
  const auto found = from.find(key);
  if (found == from.end()) return;
  histogram.Restore(found->at("counts").get<std::vector<std::uint64_t>>(),
                    found->at("sum").get<double>());
}

// A book that cannot be read is begun anew: what it knew costs a failed start at most.
Book ParseBook(const std::string& text) try {
  const Json json = Json::parse(text);
  Book book;
  book.app = json.value("app", "");
  book.app_version = json.value("app_version", "");
  book.flet_version = json.value("flet_version", "");
  book.fletbridge_version = json.value("fletbridge_version", "");
  for (const auto& [name, from] : json.at("stages").items()) {
    StageBook stage;
    stage.breaker.failures = from.value("failures", 0);
    stage.breaker.opened = std::clamp(from.value("opened", 0), 0, 40);
    stage.breaker.retry_at =
        std::clamp<std::int64_t>(from.value("retry_at", std::int64_t{0}), 0, kFarFuture);
    stage.breaker.versions = from.value("versions", "");
    stage.breaker.why = from.value("why", "");
    stage.figures.starts = from.value("starts", std::uint64_t{0});
    stage.figures.failures = from.value("failed", std::uint64_t{0});
    stage.figures.fallbacks = from.value("fallbacks", std::uint64_t{0});
    RestoreHistogram(from, "first_frame", stage.figures.first_frame);
    RestoreHistogram(from, "click", stage.figures.click);
    if (name.size() <= 10 && book.stages.size() < 10) book.stages[name] = std::move(stage);
  }
  for (const Json& from : json.at("last")) {
    book.last.push_back({from.value("stage", ""), from.value("outcome", ""), from.value("why", ""),
                         from.value("started", std::int64_t{0})});
  }
  return book;
} catch (const std::exception&) {
  return {};
}

Book LoadBook(const std::string& folder) {
  const Result<std::string> text = ReadSmallFile(folder + "/book.json", kMaxBookBytes);
  return text ? ParseBook(*text) : Book();
}

Result<> SaveBook(const std::string& folder, const Book& book) {
  const std::string text = BookJson(book).dump(1, ' ', false, Json::error_handler_t::replace);
  return ReplaceFile(folder + "/book.json", text + "\n", true);
}

// ------------------------------------------------------------------ records

using platform::BootId;
using platform::PidNamespace;
using platform::StartTicks;

struct Record {
  std::string path, stage, versions, boot;
  long pid = 0, watcher = 0;  // of who waits for it and takes it along; 0: nobody
  std::uint64_t ticks = 0, watcher_ticks = 0, pid_namespace = 0;
  std::int64_t started = 0;
  std::vector<StageChange> changes;
  std::optional<double> first_frame;  // seconds
};

// One JSON object, then lines that were added while the app ran.
std::optional<Record> ReadRecord(const std::string& path) try {
  const Result<std::string> text = ReadSmallFile(path, kMaxRecordBytes);
  if (!text) return {};
  const std::size_t end = text->find('\n');
  const Json json = Json::parse(text->substr(0, end));
  Record record;
  record.path = path;
  record.stage = json.at("stage").get<std::string>();
  record.versions = json.value("versions", "");
  record.boot = json.value("boot", "");
  record.pid = json.at("pid").get<long>();
  record.ticks = json.at("ticks").get<std::uint64_t>();
  record.watcher = json.value("watcher", 0L);
  record.watcher_ticks = json.value("watcher_ticks", std::uint64_t{0});
  record.pid_namespace = json.value("pid_namespace", std::uint64_t{0});
  record.started = json.at("started").get<std::int64_t>();
  for (const Json& change : json.at("changes"))
    record.changes.push_back({change.at(0), change.at(1), change.at(2)});
  if (end != std::string::npos) {
    const std::string added = text->substr(end);
    double seconds = 0;
    const std::size_t frame = added.find("\nfirst_frame ");
    if (frame != std::string::npos && std::sscanf(added.c_str() + frame + 13, "%lf", &seconds) == 1)
      record.first_frame = seconds;
  }
  return record;
} catch (const std::exception&) {
  return {};
}

bool IsOld(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && std::time(nullptr) - info.st_mtime > 3600;
}

enum class Fate { kRuns, kGone, kGoneWithTheMachine, kUnknown };

Fate FateOf(const Record& record) {
  if (record.boot != BootId()) return Fate::kGoneWithTheMachine;
  if (record.pid_namespace != PidNamespace()) return Fate::kUnknown;
  // It is killed with its watcher, which may take a moment longer than the next start.
  if (record.watcher != 0 && StartTicks(record.watcher) != record.watcher_ticks) return Fate::kGone;
  return StartTicks(record.pid) == record.ticks ? Fate::kRuns : Fate::kGone;
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

struct Ended {
  StartOutcome outcome = StartOutcome::kNeutral;
  std::string why;
};

constexpr const char* kOutcomes[] = {"clean", "failed", "neutral"};

void Enter(Book& book, const BookOptions& options, const Record& record, const Ended& ended,
           std::int64_t now) {
  StageBook& stage = book.stages[record.stage];
  ++stage.figures.starts;
  for (const StageChange& change : record.changes) ++book.stages[change.from].figures.fallbacks;
  if (record.first_frame) stage.figures.first_frame.Add(*record.first_frame);
  if (ended.outcome == StartOutcome::kFailed) {
    ++stage.figures.failures;
    const BreakerPhase phase = PhaseOf(stage.breaker, record.versions, record.started);
    NoteFailure(stage.breaker, phase, record.versions, now, std::chrono::seconds(options.backoff_s),
                ended.why);
  } else if (ended.outcome == StartOutcome::kClean) {
    NoteSuccess(stage.breaker);
  }
  book.last.push_back({record.stage, kOutcomes[static_cast<int>(ended.outcome)],
                       ended.why.substr(0, 300), record.started});
  if (book.last.size() > kLastStarts)
    book.last.erase(book.last.begin(), book.last.end() - kLastStarts);
}

// Enters the starts whose process is gone; returns those that run. `peeks`: on the disk all stays.
std::vector<Record> Sweep(Book& book, const BookOptions& options, std::int64_t now, bool& changed,
                          bool peeks = false) {
  std::vector<Record> running;
  const auto remove = [peeks](const std::string& path) {
    if (!peeks) ::unlink(path.c_str());
  };
  for (const std::string& name : Names(AppFolder(options))) {
    // Half a book, of a process that was killed while it held the lock.
    if (name.starts_with("book.json.")) remove(AppFolder(options) + "/" + name);
  }
  const std::string folder = AppFolder(options) + "/starts";
  for (const std::string& name : Names(folder)) {
    const std::string path = folder + "/" + name;
    std::optional<Record> record = ReadRecord(path);
    if (!record) {
      // A start of this moment has not been renamed yet; what is old was left by a full disk.
      if (IsOld(path)) remove(path);
      continue;
    }
    const Fate fate = FateOf(*record);
    if (fate == Fate::kRuns) {
      running.push_back(std::move(*record));
      continue;
    }
    Ended ended;
    if (fate == Fate::kUnknown) {
      if (now - record->started < kForeignRecordSeconds) continue;
    } else if (fate == Fate::kGone) {
      ended = {StartOutcome::kFailed, record->first_frame
                                          ? "its process was killed or crashed"
                                          : "its process ended before the first frame"};
    } else if (!record->first_frame) {
      ended = {StartOutcome::kFailed, "the machine went down before the first frame"};
    } else {
      ended.why = "the machine went down";
    }
    Enter(book, options, *record, ended, now);
    remove(path);
    changed = true;
  }
  return running;
}

void Append(const std::string& record, std::string_view line) noexcept {
  if (record.empty()) return;
  // Not made anew if it is gone: then somebody has booked this start.
  const UniqueFd fd(::open(record.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (fd) (void)!::write(fd.get(), line.data(), line.size());
}

void WriteMetricsOf(const BookOptions& options, std::int64_t now) {
  if (options.metrics.empty()) return;
  // The app is to run all the same.
  if (const Result<> written = WriteMetrics(options.folder, options.metrics, now); !written)
    Log(LogLevel::kWarning, "no metrics: " + written.error().Line());
}

std::string Rest(const Breaker& breaker, std::int64_t now) {
  const std::int64_t seconds = breaker.retry_at - now;
  if (seconds < 120) return std::to_string(std::max<std::int64_t>(seconds, 1)) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

Advice AdviceOf(Book& book, const std::vector<Record>& running, const BookOptions& options,
                const std::string& asked, const std::vector<std::string>& ladder,
                std::int64_t now) {
  Advice advice{asked, {}, false};
  auto at = std::find(ladder.begin(), ladder.end(), asked);
  while (options.may_lower && at != ladder.end() && at + 1 != ladder.end()) {
    const Breaker& breaker = book.stages[*at].breaker;
    const BreakerPhase phase = PhaseOf(breaker, options.versions, now);
    const bool tried = std::any_of(running.begin(), running.end(), [&](const Record& record) {
      return record.stage == *at && !record.first_frame;
    });
    std::string why;
    if (phase == BreakerPhase::kOpen) {
      why = "stage " + *at + " has failed (" + breaker.why + ") and is tried again in " +
            Rest(breaker, now);
    } else if (phase == BreakerPhase::kHalfOpen && tried) {
      why = "stage " + *at + " had failed and is being tried by another start";
    } else {
      break;
    }
    advice.changes.push_back({*at, *(at + 1), why});
    ++at;
    advice.stage = *at;
  }
  const StageBook& taken = book.stages[advice.stage];
  advice.doubtful = taken.breaker.failures > 0 ||
                    (!advice.changes.empty() && taken.figures.starts == taken.figures.failures);
  return advice;
}

}  // namespace

std::string AppId(const std::string& path) {
  char id[20];
  std::snprintf(id, sizeof id, "%08x%08x", Murmur3(path, 0), Murmur3(path, 1));
  return id;
}

Result<Advice> AdviseStart(const BookOptions& options, const std::string& asked,
                           const std::vector<std::string>& ladder, std::int64_t now) {
  const Result<UniqueFd> lock = Lock(AppFolder(options));
  if (!lock) return lock.error();
  Book book = LoadBook(AppFolder(options));
  bool changed = book.app != options.app;
  book.app = options.app;
  const std::vector<Record> running = Sweep(book, options, now, changed);
  const Advice advice = AdviceOf(book, running, options, asked, ladder, now);
  if (changed) {
    if (Result<> saved = SaveBook(AppFolder(options), book); !saved) return saved.error();
    // That they cannot be written is said at the end of the start, once.
    if (!options.metrics.empty()) (void)WriteMetrics(options.folder, options.metrics, now);
  }
  return advice;
}

Advice PeekStart(const BookOptions& options, const std::string& asked,
                 const std::vector<std::string>& ladder, std::int64_t now) {
  Book book = LoadBook(AppFolder(options));
  bool changed = false;
  const std::vector<Record> running = Sweep(book, options, now, changed, true);
  return AdviceOf(book, running, options, asked, ladder, now);
}

Result<std::string> BeginStart(const BookOptions& options, const std::string& stage,
                               const std::vector<StageChange>& changes, std::int64_t now,
                               bool watched) {
  const std::string folder = AppFolder(options) + "/starts";
  if (Result<> made = MakeFolder(folder); !made) return made.error();
  const long pid = ::getpid();
  Json list = Json::array();
  for (const StageChange& change : changes)
    list.push_back({change.from, change.to, change.why.substr(0, 500)});
  const long watcher = watched ? ::getppid() : 0;
  const Json json = {{"stage", stage},
                     {"started", now},
                     {"watcher", watcher},
                     {"watcher_ticks", watched ? StartTicks(watcher) : 0},
                     {"pid", pid},
                     {"ticks", StartTicks(pid)},
                     {"pid_namespace", PidNamespace()},
                     {"boot", BootId()},
                     {"versions", options.versions},
                     {"changes", std::move(list)}};
  const std::string path =
      folder + "/" + std::to_string(pid) + "-" + std::to_string(StartTicks(pid)) + ".json";
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  // Durable: a driver that takes the whole machine down is a failed start too.
  if (Result<> written = ReplaceFile(path, text, true); !written) return written.error();
  return path;
}

void MarkFirstFrame(const std::string& record, double seconds) noexcept {
  char line[64];
  const int length = std::snprintf(line, sizeof line, "\nfirst_frame %.6f\n", seconds);
  if (length > 0) Append(record, {line, static_cast<std::size_t>(length)});
}

Result<> EndStart(const BookOptions& options, const std::string& record, StartOutcome outcome,
                  const std::string& why, const std::vector<std::uint64_t>& clicks_ns,
                  std::int64_t now) {
  const Result<UniqueFd> lock = Lock(AppFolder(options));
  if (!lock) return lock.error();
  const std::optional<Record> read = ReadRecord(record);
  if (!read) return {};  // nothing was kept, or it was reset meanwhile
  Book book = LoadBook(AppFolder(options));
  book.app = options.app;
  book.app_version = options.app_version;
  book.flet_version = options.flet_version;
  book.fletbridge_version = options.fletbridge_version;
  Enter(book, options, *read, {outcome, why}, now);
  // For who watches: this file is all that the watcher has of it.
  Append(record, "\nended " + std::string(kOutcomes[static_cast<int>(outcome)]) + "\n");
  for (const std::uint64_t click : clicks_ns)
    book.stages[read->stage].figures.click.Add(static_cast<double>(click) / 1e9);
  if (Result<> saved = SaveBook(AppFolder(options), book); !saved) {
    // The end is known though it cannot be booked: the next start must not take it for a crash.
    ::unlink(record.c_str());
    return saved.error();
  }
  ::unlink(record.c_str());
  WriteMetricsOf(options, now);
  return {};
}

bool FailedUnseen(int record) {
  std::string text(kMaxRecordBytes, '\0');
  const ssize_t size = ::pread(record, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  if (text.find("\nfirst_frame ") != std::string::npos) return false;
  return text.find("\nended ") == std::string::npos ||
         text.find("\nended failed\n") != std::string::npos;
}

std::vector<Book> ReadBooks(const std::string& folder) {
  std::vector<Book> books;
  for (const std::string& id : Names(folder + "/apps")) {
    if (books.size() >= kMaxApps) break;
    const std::string app = folder + "/apps/" + id;
    Book book = LoadBook(app);
    book.id = id;
    for (const std::string& name : Names(app + "/starts")) {
      const std::optional<Record> record = ReadRecord(app + "/starts/" + name);
      if (record && FateOf(*record) == Fate::kRuns)
        book.running.push_back({record->stage, {}, {}, record->started});
    }
    books.push_back(std::move(book));
  }
  return books;
}

Result<> ResetBooks(const std::string& folder, bool forget) {
  for (const std::string& id : Names(folder + "/apps")) {
    const std::string app = folder + "/apps/" + id;
    const Result<UniqueFd> lock = Lock(app);
    if (!lock) return lock.error();
    if (forget) {
      // Records of starts that run stay: their ends find a book anew.
      ::unlink((app + "/book.json").c_str());
      for (const std::string& name : Names(app + "/starts")) {
        const std::optional<Record> record = ReadRecord(app + "/starts/" + name);
        if (!record || FateOf(*record) != Fate::kRuns) ::unlink((app + "/starts/" + name).c_str());
      }
      continue;
    }
    Book book = LoadBook(app);
    BookOptions options;
    options.folder = folder;
    options.app_id = id;
    bool changed = false;
    (void)Sweep(book, options, 0, changed);
    for (auto& [name, stage] : book.stages) stage.breaker = Breaker();
    if (Result<> saved = SaveBook(app, book); !saved) return saved.error();
  }
  return {};
}

// Not JSON's text: a path may be bytes that are no UTF-8.
std::string ToText(const BookOptions& book) {
  const std::vector<std::uint8_t> bytes = Json::to_cbor(Json(book));
  return {bytes.begin(), bytes.end()};
}

BookOptions BookOptionsFrom(const std::string& text) {
  return Json::from_cbor(text).get<BookOptions>();
}

Result<> WriteMetrics(const std::string& folder, const std::string& path, std::int64_t now) {
  const std::vector<Book> books = ReadBooks(folder);
  std::vector<FigureRow> rows;
  for (const Book& book : books) {
    for (const auto& [name, stage] : book.stages) {
      const bool open = PhaseOf(stage.breaker, stage.breaker.versions, now) == BreakerPhase::kOpen;
      rows.push_back({book.app, book.id, name, open, &stage.figures, book.app_version,
                      book.flet_version, book.fletbridge_version});
    }
  }
  return ReplaceFile(path, ToPrometheus(rows), false, 0644);
}

}  // namespace fletbridge
