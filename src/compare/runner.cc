#include "src/compare/runner.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <poll.h>
#include <random>
#include <set>
#include <sstream>
#include <utility>

#include "common/config/version.h"
#include "common/process/runtime_dir.h"
#include "src/compare/budget.h"
#include "src/compare/instance.h"
#include "src/compare/machine.h"
#include "src/compare/recorder.h"
#include "src/compare/table.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kBlockDeadline = 120s;
constexpr int kLooks = 5;          // each after a rest, for what an app's main() raises
constexpr int kMostLooks = 50;     // while the app waits for a processor
constexpr auto kRestTime = 100ms;  // what a first frame stirs up has settled
// A window's engine has more to do then, and frees some of its memory after a second.
constexpr auto kRestTimeAtDisplay = 2s;
constexpr std::size_t kMaxBlock = 1000;
constexpr double kLeastTurns = 0.5;  // seconds of a variant at a workload, with the warm-up
constexpr auto kInputsTime = 1s;     // before the second look at the memory
constexpr std::size_t kMostInputs = 50;
// Of large inputs a round has fewer turns: four, or as many as take a variant a second.
constexpr double kTurnsTime = 1;
constexpr int kFewTurns = 4;
constexpr std::size_t kMaxClicks = 8;  // controls of the first page that are clicked
// Of the search for them: controls that are tried, and of each kind; seconds, and their part of the
// whole time.
constexpr std::size_t kMaxTried = 24;
constexpr std::size_t kOfAKind = 2;
constexpr double kSearchTime = 10;
constexpr double kSearchPart = 0.2;
constexpr std::size_t kMostLeftOut = 50;  // kinds that are listed
constexpr std::size_t kMostTries = 4;     // clicks on each of them
// How long the page is looked at for what it does by itself. Where that may be more than so much of
// the first patches after an input, these say nothing of the input; less does not move a median.
constexpr auto kWatchTime = 1s;
constexpr double kMostByItself = 0.25;
// How often an input that was answered may be without an answer.
constexpr int kMostUnanswered = 2;
constexpr const char* kNeverQuiet =
    "the page is never quiet for 50 ms, so nobody can tell which patch answers an input";

std::string Repeated(const std::string& steps, std::size_t times) {
  if (times > 1 && steps.find('\n') == std::string::npos)
    return "repeat " + std::to_string(times) + " " + steps + "\n";
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += steps + "\n";
  return text;
}

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

class Runner {
 public:
  Runner(const Plan& plan, int interrupt, const std::function<void(const Progress&)>& tell)
      : plan_(plan),
        interrupt_(interrupt),
        tell_(tell),
        random_(plan.seed),
        icons_(plan.flet_package) {
    results_.version = Version();
    results_.ui = plan.client.empty() ? "headless" : "desktop";
    results_.app = plan.module.empty() ? plan.app : "-m " + plan.module;
    results_.started = Now();
    results_.seed = plan.seed;
    for (const Variant& variant : plan.variants)
      results_.variants.push_back(
          {variant, {}, plan.flet, plan.python_version, variant.hosting, false});
  }

  Result<Results> Run() {
    Result<RuntimeDir> folder = RuntimeDir::Create();
    if (!folder) return folder.error();
    folder_ = std::move(*folder);
    loop_.Start();
    starter_ = (plan_.client.empty() ? HeadlessStarter : DesktopStarter)(
        Surroundings{loop_, plan_, folder_.path(), interrupt_, freshness_, traceback_});
    const Machine machine;
    begin_ = Clock::now();
    record_.Begin(begin_);
    // At first in copies, which show whether the app writes.
    freshness_.on = !plan_.app_folder.empty() && plan_.fresh != Plan::Fresh::kNever;
    TryVariants();
    if (Left() == 0 || BaselineIsGone()) return first_problem_;
    if (!plan_.dry_run) {
      if (Result<> enough = ForeseeTheTime(); !enough) return enough.error();
    }
    std::vector<Workload> workloads = plan_.workloads;
    if (plan_.find_clicks && !Over()) {
      Result<Workload> clicks = FindClicks();
      if (clicks) {
        workloads.insert(workloads.begin(), std::move(*clicks));
      } else if (clicks.error().code == Errc::kUsage) {
        return clicks.error();
      } else if (clicks.error().code != Errc::kClosed) {
        // Nothing was found out, and there is nothing else to be found out.
        if (workloads.empty() && results_.clicks.empty()) return clicks.error();
        results_.warnings.push_back(clicks.error().Line());
      }
      if (plan_.dry_run) return std::move(results_);
    }
    if (Result<> ok = DecideOnCopies(); !ok) return ok.error();
    const bool inputs = std::any_of(workloads.begin(), workloads.end(), [](const Workload& w) {
      return w.measure == Measure::kLatency && w.before.empty();
    });
    for (Workload& workload : workloads) {
      if (inputs || workload.measure != Measure::kInputCpu)
        record_.AddWorkload(std::move(workload), clicked_);
    }
    workloads_known_ = true;
    record_.CountVerdicts();
    while (!Over()) {
      Round();
      next_round_ = UsedOfRound();
      if (results_.rounds == 1) {
        FitTheRest();
        LeaveOutTheUnclear();
      }
      FitTurns();
    }
    SayWhyTooFew();
    std::erase_if(results_.workloads,
                  [this](const WorkloadResult& workload) { return IsLeftOut(workload.workload); });
    record_.Finish();
    results_.seconds = Seconds();
    instances_.clear();
    results_.machine_json = machine.Finish(results_.warnings);
    return std::move(results_);
  }

 private:
  struct Live {
    std::size_t variant;
    std::unique_ptr<Instance> instance;
  };

  double Seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  std::size_t Left() const {
    return static_cast<std::size_t>(
        std::count_if(results_.variants.begin(), results_.variants.end(),
                      [](const VariantState& state) { return state.problem.empty(); }));
  }

  // Whether the run is to end here; says why in the results.
  bool Over() {
    if (!results_.stopped_by.empty()) return true;
    pollfd fd{interrupt_, POLLIN, 0};
    const double seconds = Seconds();
    const double a_round =
        results_.rounds == 0 ? 0
                             : std::min(next_round_, (seconds - first_round_at_) / results_.rounds);
    if (::poll(&fd, 1, 0) > 0) {
      results_.stopped_by = "interrupt";
    } else if (Left() == 0 || BaselineIsGone() ||
               (Left() < 2 && results_.variants.size() > 1 && results_.rounds > 0)) {
      results_.stopped_by = "failure";
    } else if (NothingIsLeft()) {
      results_.stopped_by = "failure";
    } else if (static_cast<std::size_t>(results_.rounds) >= plan_.max_rounds) {
      results_.stopped_by = "rounds";
    } else if (results_.rounds > 0 && seconds + a_round > plan_.time.count()) {
      results_.stopped_by = "time";
    } else if (NarrowEnough()) {
      results_.stopped_by = "precision";
    }
    return !results_.stopped_by.empty();
  }

  // Of what could be measured.
  bool NothingIsLeft() const {
    return workloads_known_ &&
           std::all_of(results_.workloads.begin(), results_.workloads.end(),
                       [this](const WorkloadResult& result) { return IsLeftOut(result.workload); });
  }

  bool NarrowEnough() const {
    if (static_cast<std::size_t>(results_.rounds) < kMinRounds || results_.variants.size() < 2)
      return false;
    for (const WorkloadResult& workload : results_.workloads) {
      if (ByDifference(workload.workload.measure)) continue;
      for (std::size_t i = 1; i < workload.series.size(); ++i) {
        if (!results_.variants[i].problem.empty()) continue;
        const std::optional<Interval> ratio = workload.Compare(i, plan_.seed).ratio;
        if (!ratio) return false;
        const double reach = std::max(ratio->high / ratio->estimate, ratio->estimate / ratio->low);
        if (reach > 1 + plan_.precision) return false;
      }
    }
    return true;
  }

  void Fail(std::size_t variant, const Error& why) {
    if (!traceback_.empty() && !std::exchange(traceback_told_, true)) Say(traceback_);
    if (why.code == Errc::kClosed) {
      results_.stopped_by = "interrupt";
    } else if (variant == 0 && results_.variants.size() > 1 && !std::exchange(tried_again_, true)) {
      // Nothing can be said without the baseline, and an app may fail now and then.
      round_lost_ = true;
      results_.warnings.push_back("the baseline failed and was started again: " + why.Line());
    } else if (results_.variants[variant].problem.empty()) {
      results_.variants[variant].problem = why.Line();
      results_.variants[variant].raised = why.code == Errc::kPeerMisbehaved;
      if (first_problem_.context.empty()) first_problem_ = why;
    }
  }

  bool BaselineIsGone() const {
    return results_.variants.size() > 1 && !results_.variants[0].problem.empty();
  }

  void Tell(const std::string& what) {
    const double seconds = Seconds();
    const double share = std::min(1.0, seconds / plan_.time.count());
    tell_({share,
           (results_.rounds == 0 && !in_round_
                ? ""
                : "round " + std::to_string(results_.rounds + 1) + ": ") +
               what,
           std::max(0.0, plan_.time.count() - seconds)});
  }

  void Say(const std::string& text) {
    Progress progress;
    progress.said = text;
    tell_(progress);
  }

  Result<std::unique_ptr<Instance>> Start(std::size_t variant, const std::string& page = {}) {
    return starter_->Start(results_.variants[variant].variant, page);
  }

  bool IsLeftOut(const Workload& workload) const {
    return std::any_of(results_.left_out.begin(), results_.left_out.end(),
                       [&](const LeftOut& out) { return out.workload == workload.name; });
  }

  // All that is measured at a page.
  bool IsLeftOut(const std::string& page) const {
    return std::all_of(results_.workloads.begin(), results_.workloads.end(),
                       [&](const WorkloadResult& result) {
                         const Workload& workload = result.workload;
                         return workload.page != page || IsLeftOut(workload) ||
                                (!InTurns(workload) && workload.measure != Measure::kFirstFrame);
                       });
  }

  // The first workload with inputs always stays, so that there is a result.
  bool IsFirst(const Workload& workload) const {
    const auto with_inputs =
        std::find_if(results_.workloads.begin(), results_.workloads.end(),
                     [](const WorkloadResult& result) { return InTurns(result.workload); });
    const auto first =
        with_inputs == results_.workloads.end() ? results_.workloads.begin() : with_inputs;
    return first->workload.name == workload.name;
  }

  // Whether the first round would take more than its part.
  bool PastRound(double more) const {
    return Learning() && UsedOfRound() + more > budget_.a_round();
  }

  bool AnythingMeasured() const {
    return std::any_of(results_.workloads.begin(), results_.workloads.end(),
                       [](const WorkloadResult& workload) { return workload.HasBlocks(); });
  }

  // The run is over in the middle of a round once its time is, but not without any figure.
  bool OutOfTime() {
    if (results_.stopped_by.empty() && Seconds() >= plan_.time.count() && AnythingMeasured())
      results_.stopped_by = "time";
    return !results_.stopped_by.empty();
  }

  double UsedOfRound() const { return Seconds() - round_at_; }

  void LeaveOut(const Workload& workload) {
    LeaveOut(workload, "a verdict wants " + std::to_string(kMinRounds) +
                           " rounds, and with what is measured those would not fit into --time " +
                           ShownTime(plan_.time.count()) +
                           "; give more time, or name fewer workloads or variants");
  }
  void LeaveOut(const Workload& workload, const std::string& why) {
    results_.left_out.push_back({workload.name, why});
  }

  // An input that once was answered has no answer any more. Inputs to which that happens again and
  // again are not done any more; what was measured with them goes too, since the mixture was
  // another one.
  void Unanswered(WorkloadResult& result, const std::string& input) {
    if (++unanswered_[input] < kMostUnanswered) return;
    Workload& workload = result.workload;
    const std::string why = "from some click on nothing changes within 1 s";
    std::string unit;
    std::istringstream lines(workload.unit);
    for (std::string line; std::getline(lines, line);) {
      if (line != input) unit += (unit.empty() ? "" : "\n") + line;
    }
    for (ClickChoice& choice : results_.clicks) {
      if (choice.control.ends_with("(" + input.substr(input.find(' ') + 1) + ")")) choice.why = why;
    }
    if (unit.empty()) return LeaveOut(workload, why);
    workload.unit = unit;
    for (Series& series : result.series) series.blocks.clear();
    std::erase_if(result.parts, [&](const Part& part) { return part.written == input; });
    for (Part& part : result.parts) {
      for (Series& series : part.series) series.blocks.clear();
    }
  }

  // Where nobody can tell any answer, there is nothing to compare.
  void LeaveOutTheUnclear() {
    for (const WorkloadResult& result : results_.workloads) {
      const bool nothing =
          std::any_of(result.series.begin(), result.series.end(), [](const Series& series) {
            return !series.blocks.empty() &&
                   std::all_of(series.blocks.begin(), series.blocks.end(),
                               [](const compare::Block& one) { return one.values.count() == 0; });
          });
      if (nothing && result.unclear > 0 && !IsLeftOut(result.workload))
        LeaveOut(result.workload, kNeverQuiet);
    }
  }

  void LeaveOutPage(const std::string& page) {
    for (const WorkloadResult& result : results_.workloads) {
      const Workload& workload = result.workload;
      if (workload.page == page && !IsFirst(workload) && !IsLeftOut(workload) &&
          (InTurns(workload) || workload.measure == Measure::kFirstFrame))
        LeaveOut(workload);
    }
  }

  // After the first round what the others will take is known.
  void FitTheRest() {
    if (plan_.max_rounds < kMinRounds ||
        first_round_at_ + UsedOfRound() * static_cast<double>(kMinRounds) <= plan_.time.count())
      return;
    SayTheTime(budget_.Needed(UsedOfRound(), first_round_at_));
  }

  void SayTheTime(double needed) {
    if (std::exchange(time_said_, true)) return;
    results_.warnings.push_back("six rounds, without which there is no verdict, take " +
                                ShownTime(needed) + " here, and --time is " +
                                ShownTime(plan_.time.count()) +
                                ": give more time, or name fewer variants or workloads");
  }

  // Where later rounds take longer than the first, they have fewer turns, so that there are six.
  void FitTurns() {
    const double missing = static_cast<double>(kMinRounds) - results_.rounds;
    if (results_.rounds == 0 || missing <= 0 || plan_.max_rounds < kMinRounds) return;
    const double share = (plan_.time.count() - Seconds()) / (missing * next_round_);
    if (share >= 1 || share <= 0) return;
    for (WorkloadResult& result : results_.workloads) {
      int& turns = result.workload.turns;
      if (InTurns(result.workload))
        turns = std::max(1, static_cast<int>(static_cast<double>(turns) * share));
    }
    next_round_ *= share;
  }

  void SayWhyTooFew() {
    if (results_.stopped_by != "time" || static_cast<std::size_t>(results_.rounds) >= kMinRounds ||
        plan_.max_rounds < kMinRounds)
      return;
    const double a_round = (Seconds() - first_round_at_) / std::max(1, results_.rounds);
    SayTheTime(budget_.Needed(a_round, first_round_at_));
  }

  // Each once: what cannot start is known before anything is measured, files are in the page cache,
  // and Python has written its .pyc files.
  void TryVariants() {
    for (std::size_t i = 0; i < results_.variants.size() && results_.stopped_by.empty(); ++i) {
      Tell("first start of " + results_.variants[i].variant.name);
      const double began = Seconds();
      Result<std::unique_ptr<Instance>> instance = Start(i);
      // What main() raises comes right behind the first frame, once the app has had the processor.
      const bool display = !plan_.client.empty();
      const auto looks_again = [&](int looks) {
        if (looks < (display ? 1 : kLooks)) return true;
        return !display && looks < kMostLooks && AnyRunnable((*instance)->processes());
      };
      for (int look = 0; instance && looks_again(look); ++look) {
        if (!display && !Rest(kRestTime)) return;
        if (const Result<> runs = (*instance)->Check(); !runs) instance = runs.error();
      }
      if (!instance) {
        Fail(i, instance.error());
        if (std::exchange(round_lost_, false)) --i;  // once more; i is 0, and becomes so again
        continue;
      }
      results_.variants[i].started = true;
      (*instance)->Close();
      (*instance)->Join();
      if (const std::string hosting = (*instance)->Hosting(); !hosting.empty())
        results_.variants[i].hosting = hosting;
      starts_ += Seconds() - began;
    }
    first_round_at_ = Seconds();
    budget_ = Budget(plan_.time.count() - first_round_at_, plan_.max_rounds);
  }

  Result<> DecideOnCopies() {
    if (!freshness_.on) return {};
    if (freshness_.too_large) {
      freshness_.on = false;
      if (plan_.fresh == Plan::Fresh::kAlways) {
        return MakeError(
            Errc::kUsage,
            "cannot copy " + plan_.app_folder + " for each start: it has more than " +
                std::to_string(FreshCopy::kMostFiles) + " files or " +
                std::to_string(FreshCopy::kMostBytes >> 20) +
                " MiB, or cannot be read; put the app into a folder of its own, or use "
                "--prepare CMD");
      }
      return {};
    }
    freshness_.on = plan_.fresh == Plan::Fresh::kAlways || freshness_.written;
    if (freshness_.on)
      results_.warnings.push_back("each start had a fresh copy of " + plan_.app_folder +
                                  " and a HOME of its own" +
                                  (freshness_.written ? ", since the app writes there" : ""));
    return {};
  }

  // Says how long the six rounds take at least, before they begin. Fails if not even one fits.
  Result<> ForeseeTheTime() {
    const auto wants = [&](auto&& what) {
      return std::any_of(plan_.workloads.begin(), plan_.workloads.end(), what);
    };
    const bool display = !plan_.client.empty();
    const bool rests = wants([](const Workload& w) {
      return w.measure == Measure::kMemoryStart || w.measure == Measure::kMemoryEnd ||
             w.measure == Measure::kIdleCpu || w.measure == Measure::kWakeUps;
    });
    const bool alone =
        rests || wants([](const Workload& w) { return w.once || w.measure == Measure::kStartUp; });
    std::set<std::string> pages;
    double turns = plan_.find_clicks ? kLeastTurns : 0;
    for (const Workload& workload : plan_.workloads) {
      if (!InTurns(workload)) continue;
      pages.insert(workload.page);
      turns += kLeastTurns;
    }
    if (plan_.find_clicks) pages.insert({});
    const auto variants = static_cast<double>(Left());
    const double rest = !rests    ? 0
                        : display ? 2 * std::chrono::duration<double>(kRestTimeAtDisplay).count() +
                                        std::chrono::duration<double>(kIdleTime).count()
                                  : std::chrono::duration<double>(kIdleTime + kRestTime).count();
    const double round =
        starts_ * ((alone ? 1 : 0) + static_cast<double>(pages.size())) + variants * (rest + turns);
    const double needed = budget_.Needed(round, first_round_at_);
    if (display && first_round_at_ + round > plan_.time.count()) {
      return MakeError(Errc::kUsage, "a round of these variants takes some " + ShownTime(round) +
                                         " and six, without which there is no verdict, " +
                                         ShownTime(needed) + "; --time " +
                                         ShownTime(plan_.time.count()) +
                                         " is not enough for one; give more, or name fewer");
    }
    if (plan_.max_rounds >= kMinRounds && needed > plan_.time.count()) {
      Say("six rounds, without which there is no verdict, take " + ShownTime(needed) +
          " or more, and --time is " + ShownTime(plan_.time.count()) +
          ": what does not fit is left out\n");
    }
    return {};
  }

  std::vector<std::size_t> Shuffled() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < results_.variants.size(); ++i) {
      if (results_.variants[i].problem.empty()) order.push_back(i);
    }
    std::shuffle(order.begin(), order.end(), random_);
    return order;
  }

  static Result<std::vector<Clickable>> Hit(Instance& instance, const NamedControl& named,
                                            const Icons& icons) {
    Result<std::vector<Clickable>> hit = instance.Clickables(named.finder);
    if (!hit) return hit;
    if (!named.icon.empty()) {
      std::erase_if(*hit, [&](const Clickable& control) {
        return std::none_of(control.icons.begin(), control.icons.end(), [&](std::int64_t code) {
          const std::vector<std::string> names = icons.Names(code);
          return std::find(names.begin(), names.end(), named.icon) != names.end();
        });
      });
    }
    if (named.all) return hit;
    if (named.index >= hit->size()) return std::vector<Clickable>();
    return std::vector<Clickable>{(*hit)[named.index]};
  }

  // What may be clicked, by its rule, or what the person has named; the rest with the reason.
  Result<std::vector<Clickable>> ChooseClicks(Instance& instance, const Icons& icons) {
    std::vector<Clickable> chosen;
    for (const NamedControl& named : plan_.clicks) {
      Result<std::vector<Clickable>> hit = Hit(instance, named, icons);
      if (!hit) return hit.error();
      if (hit->empty()) {
        return MakeError(Errc::kUsage, "--click " + named.written +
                                           ": nothing there can be clicked on the first page, "
                                           "or it has no on_click; --dry-run lists the controls");
      }
      chosen.push_back(std::move(hit->front()));
    }
    if (!chosen.empty()) return chosen;
    std::set<std::string> forbidden;
    for (const NamedControl& named : plan_.not_clicks) {
      Result<std::vector<Clickable>> hit = Hit(instance, named, icons);
      if (!hit) return hit.error();
      for (const Clickable& control : *hit) forbidden.insert(control.finder);
    }
    Result<std::vector<Clickable>> all = instance.Clickables({});
    if (!all) return all.error();
    std::map<std::string, std::pair<Clickable, std::size_t>> others;  // reason and kind -> how many
    std::map<std::string, std::size_t> kinds;
    for (Clickable& control : *all) {
      std::string why =
          forbidden.contains(control.finder) ? "--not" : WhyNotClicked(control, icons);
      if (why.empty() && kinds[KindOf(control)]++ >= kOfAKind) why = "those like it do for it";
      if (why.empty() && chosen.size() >= kMaxTried) why = "there are enough others";
      if (why.empty()) {
        chosen.push_back(std::move(control));
      } else {
        auto& [one, more] = others[KindOf(control) + '\n' + why];
        if (more++ == 0) one = control;
        if (more == 1) left_out_clicks_.push_back({KindOf(control) + '\n' + why, why});
      }
    }
    for (const auto& [kind, why] : left_out_clicks_) {
      const auto& [one, count] = others[kind];
      results_.clicks.push_back(
          {Named(one, icons) + (count > 1 ? " and " + std::to_string(count - 1) + " more" : ""),
           why});
      if (results_.clicks.size() == kMostLeftOut) break;
    }
    return chosen;
  }

  // How often a second the page changes while nobody touches it.
  static Result<double> ChangesByItself(Instance& instance) {
    const auto seconds = std::chrono::duration<double>(kWatchTime).count();
    const auto rest =
        instance.Do("sleep " + std::to_string(kWatchTime / 1ms) + "ms\n", kBlockDeadline, {});
    if (!rest) return rest.error();
    return static_cast<double>(instance.disturbance().between) / seconds;
  }

  // Clicks what may be clicked twice, in the baseline: what answers both times can be clicked for
  // ever. Bounded in number and in time.
  Result<Workload> FindClicks() {
    Tell("looking for what can be clicked");
    const Icons& icons = icons_;
    constexpr std::size_t variant = 0;
    Result<std::unique_ptr<Instance>> started = Start(variant);
    if (!started) return started.error();
    std::unique_ptr<Instance> instance = std::move(*started);
    // What main() adds behind the first frame is of the first page too.
    Tell("looking at what the page does by itself");
    if (!Rest(kRestTime)) return MakeError(Errc::kClosed, "interrupted");
    Result<double> by_itself = ChangesByItself(*instance);
    if (!by_itself) return by_itself.error();
    bool looked_again = false;
    Result<std::vector<Clickable>> chosen = ChooseClicks(*instance, icons);
    if (!chosen) return chosen.error();
    Workload workload{.name = "clicks",
                      .title = {},
                      .prepare = {},
                      .unit = {},
                      .all_answer = true,
                      .apart = true};
    std::vector<ClickChoice> clicks;
    if (plan_.dry_run) {
      for (const Clickable& control : *chosen) clicks.push_back({Named(control, icons), {}});
      results_.clicks.insert(results_.clicks.begin(), clicks.begin(), clicks.end());
      return workload;
    }
    const double until = Seconds() + std::min(kSearchTime, plan_.time.count() * kSearchPart);
    std::size_t found = 0;
    for (const Clickable& control : *chosen) {
      std::string why;
      if (found == kMaxClicks) {
        why = "there are enough others";
      } else if (Seconds() > until && !clicks.empty()) {
        why = "the search has come to the end of its time";
      }
      if (why.empty() && instance == nullptr) {
        started = Start(variant);
        if (!started) return started.error();
        instance = std::move(*started);
      }
      const std::string step = "click " + control.finder;
      std::vector<double> answers;  // seconds
      // The next click only if the last has an answer, for which a second is waited.
      for (std::size_t click = 0; click < kMostTries && answers.size() < 2 && why.empty();
           ++click) {
        Tell("trying " + Named(control, icons));
        const auto samples = instance->Do(step + "\n", kBlockDeadline, {.all_answer = true});
        if (samples) {
          for (const std::uint64_t ns : *samples) answers.push_back(static_cast<double>(ns) / 1e9);
          if (!instance->disturbance().unanswered.empty()) {
            why = std::string(click == 0 ? "a click on it" : "its second click") +
                  " changes nothing within 1 s";
          }
        } else if (samples.error().code == Errc::kClosed) {
          return samples.error();
        } else {
          why = "a click on it ends more: " + samples.error().Line();
          instance.reset();
        }
      }
      if (why.empty() && answers.size() < 2) why = kNeverQuiet;
      // What main() goes on adding for a while is over by now.
      if (why.empty() && *by_itself * Median(answers) > kMostByItself &&
          !std::exchange(looked_again, true)) {
        by_itself = ChangesByItself(*instance);
        if (!by_itself) return by_itself.error();
      }
      if (why.empty() && *by_itself * Median(answers) > kMostByItself) {
        why = "the page changes by itself " + std::to_string(std::lround(*by_itself)) +
              " times a second and the answer to a click takes " +
              Shown(Median(answers) * 1e9, "ns") + ", so nobody can tell which patch it is";
      }
      if (why.empty()) {
        workload.unit += (workload.unit.empty() ? "" : "\n") + step;
        clicked_.push_back({Named(control, icons), step});
        ++found;
      }
      clicks.push_back({Named(control, icons), why});
    }
    results_.clicks.insert(results_.clicks.begin(), clicks.begin(), clicks.end());
    if (found == 0) {
      return MakeError(
          Errc::kSetup,
          "no control on the first page that may be clicked answers a click twice, so no latency "
          "was measured; name one with --click FINDER, or say what to do with --steps FILE");
    }
    Say(ClicksText(results_.clicks));
    workload.title =
        "a click until the patch that answers it, " +
        (found == 1 ? "the one control" : std::to_string(found) + " controls in turn") +
        " of the first page";
    return workload;
  }

  const Workload* Once() const {
    for (const WorkloadResult& workload : results_.workloads) {
      if (workload.workload.once) return &workload.workload;
    }
    return nullptr;
  }

  void Round() {
    in_round_ = true;
    round_at_ = Seconds();
    for (const std::size_t variant : Shuffled()) {
      // A start at a display takes seconds.
      if (Seconds() + an_alone_ > plan_.time.count() && AnythingMeasured()) {
        results_.stopped_by = "time";
        return;
      }
      const double began = Seconds();
      Alone(variant);
      an_alone_ = std::max(an_alone_, Seconds() - began);
      if (OutOfTime()) return;
      if (round_lost_ || BaselineIsGone()) return ForgetRound();
    }
    std::vector<std::string> pages;
    for (const WorkloadResult& result : results_.workloads) {
      const Workload& workload = result.workload;
      if ((InTurns(workload) || workload.measure == Measure::kFirstFrame) &&
          std::find(pages.begin(), pages.end(), workload.page) == pages.end())
        pages.push_back(workload.page);
    }
    for (const std::string& page : pages) {
      Together(page);
      if (!results_.stopped_by.empty()) return;
      if (round_lost_ || BaselineIsGone()) return ForgetRound();
    }
    ++results_.rounds;
  }

  // Without the baseline nothing of a round can be used.
  void ForgetRound() {
    round_lost_ = false;
    record_.ForgetRound();
  }

  // What is measured with no other variant alive: PSS divides pages that are shared.
  void Alone(std::size_t variant) {
    const bool memory = record_.Wants(Measure::kMemoryStart) || record_.Wants(Measure::kMemoryEnd);
    const bool idle = record_.Wants(Measure::kIdleCpu) || record_.Wants(Measure::kWakeUps);
    if (!memory && !idle && !record_.Wants(Measure::kStartUp) &&
        !record_.Wants(Measure::kMemoryPeak) && Once() == nullptr)
      return;
    Tell(results_.variants[variant].variant.name + ", start-up, idleness and memory");
    Result<std::unique_ptr<Instance>> started = Start(variant);
    if (!started) return Fail(variant, started.error());
    Instance& instance = **started;
    record_.RecordIf(Measure::kStartUp, variant,
                     static_cast<std::uint64_t>(instance.start_up().count()));
    const bool display = !plan_.client.empty();
    if ((memory || idle) && !Rest(display ? kRestTimeAtDisplay : kRestTime)) return;
    if (memory) record_.RecordIf(Measure::kMemoryStart, variant, PssBytes(instance.processes()));
    if (idle && !Idle(instance, variant)) return;
    if (!Runs(instance, variant) || !Inputs(instance, variant)) return;
    if (record_.Wants(Measure::kMemoryEnd)) {
      if (display && !Rest(kRestTimeAtDisplay)) return;
      record_.RecordIf(Measure::kMemoryEnd, variant, PssBytes(instance.processes()));
      if (!Runs(instance, variant)) return;
    }
    record_.RecordIf(Measure::kMemoryPeak, variant, PeakBytes(instance.processes()));
    instance.Close();
    instance.Join();
    record_.RecordPhases(variant, instance);
  }

  // An app that has raised or ended has no figures.
  bool Runs(Instance& instance, std::size_t variant) {
    const Result<> runs = instance.Check();
    if (!runs) Fail(variant, runs.error());
    return runs.has_value();
  }

  // False if the user interrupts meanwhile.
  bool Rest(std::chrono::milliseconds time) {
    pollfd fd{interrupt_, POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(time.count())) <= 0) return true;
    results_.stopped_by = "interrupt";
    return false;
  }

  bool Idle(const Instance& instance, std::size_t variant) {
    const std::vector<pid_t> pids = instance.processes();
    const Usage before = UsedBy(pids);
    const Clock::time_point begin = Clock::now();
    if (!Rest(kIdleTime)) return false;
    const Usage after = UsedBy(pids);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto a_second = [&](std::uint64_t from, std::uint64_t to) {
      return static_cast<std::uint64_t>(static_cast<double>(to > from ? to - from : 0) / seconds);
    };
    record_.RecordIf(Measure::kIdleCpu, variant, a_second(before.cpu_ns, after.cpu_ns));
    record_.RecordIf(Measure::kWakeUps, variant, a_second(before.wake_ups, after.wake_ups));
    return true;
  }

  // The inputs before the second look at the memory: the script, or some of the first workload.
  bool Inputs(Instance& instance, std::size_t variant) {
    for (std::size_t i = 0; i < results_.workloads.size(); ++i) {
      const Workload& workload = results_.workloads[i].workload;
      if (workload.measure != Measure::kLatency || !workload.page.empty()) continue;
      // The first start shows how many there may be; all others have as many, since an app may keep
      // something of each.
      const std::string first =
          workload.once ? workload.unit : workload.prepare + "\n" + workload.unit;
      const std::uint64_t cpu = record_.CpuBefore(workload, instance);
      const Clock::time_point begin = Clock::now();
      Result<std::vector<std::uint64_t>> samples =
          instance.Do(first + "\n", kBlockDeadline,
                      {.names = workload.once, .all_answer = workload.all_answer});
      if (samples && workload.once) record_.RecordCpu(cpu, variant, 0, samples->size(), instance);
      std::size_t done = 1;
      const auto enough = [&] {
        return inputs_ > 0 ? done >= inputs_
                           : done >= kMostInputs || Clock::now() - begin >= kInputsTime;
      };
      while (samples && !workload.once && !enough()) {
        const std::size_t next = std::min(done, (inputs_ > 0 ? inputs_ : kMostInputs) - done);
        samples = instance.Do(Repeated(workload.unit, next) + "\n", kBlockDeadline,
                              {.all_answer = workload.all_answer});
        done += next;
      }
      if (samples && !workload.once) inputs_ = done;
      if (!samples) {
        Fail(variant, samples.error());
        return false;
      }
      if (workload.once) record_.RecordFrames(variant, instance.disturbance().frames);
      if (workload.once) record_.Note(workload, instance);
      if (workload.once) record_.Record(i, variant, 0, *samples, instance);
      return true;
    }
    return true;
  }

  // One instance of each variant at one page, which take turns at its workloads.
  void Together(const std::string& page) {
    std::vector<std::size_t> todo;
    bool first_frame = false;
    for (std::size_t i = 0; i < results_.workloads.size(); ++i) {
      const Workload& workload = results_.workloads[i].workload;
      if (workload.page != page || IsLeftOut(workload)) continue;
      if (InTurns(workload)) todo.push_back(i);
      first_frame = first_frame || workload.measure == Measure::kFirstFrame;
    }
    if (todo.empty() && !first_frame) return;
    const double began = Seconds();
    // One that is not started costs nothing; the next may take longer, which is seen below.
    if (PastRound(a_page_)) LeaveOutPage(page);
    if (IsLeftOut(page)) return;
    for (const std::size_t variant : Shuffled()) {
      Tell("starting " + results_.variants[variant].variant.name);
      Result<std::unique_ptr<Instance>> started = Start(variant, page);
      if (started) {
        instances_.push_back({variant, std::move(*started)});
        if (first_frame) RecordFirstFrame(page, instances_.back());
      } else {
        Fail(variant, started.error());
      }
      if (OutOfTime()) break;
    }
    a_page_ = std::max(a_page_, Seconds() - began);
    if (PastRound(0)) LeaveOutPage(page);
    for (const std::size_t workload : todo) {
      if (OutOfTime()) break;
      if (!IsLeftOut(results_.workloads[workload].workload)) TakeTurns(workload);
      if (round_lost_ || BaselineIsGone()) break;
    }
    DropTheLost();
    for (Live& live : instances_) live.instance->Close();
    for (Live& live : instances_) live.instance->Join();
    instances_.clear();
  }

  void RecordFirstFrame(const std::string& page, const Live& live) {
    for (std::size_t i = 0; i < results_.workloads.size(); ++i) {
      const Workload& workload = results_.workloads[i].workload;
      if (workload.measure == Measure::kFirstFrame && workload.page == page)
        record_.Record(i, live.variant, 0,
                       {static_cast<std::uint64_t>(live.instance->first_frame().count())});
    }
  }

  // In the first round the run learns what fits into its time.
  bool Learning() const { return results_.rounds == 0; }

  // What starting the pages behind this one will take, at most.
  double PagesBehind(const std::string& page) const {
    std::vector<std::string> pages;
    bool behind = false;
    for (const WorkloadResult& result : results_.workloads) {
      const std::string& other = result.workload.page;
      behind = behind || other == page;
      if (behind && other != page && !IsLeftOut(other) && (pages.empty() || pages.back() != other))
        pages.push_back(other);
    }
    return a_page_ * static_cast<double>(pages.size());
  }

  // Of this one and those behind it: how many still want their part of the first round.
  std::size_t Waiting(std::size_t from) const {
    std::size_t count = 0;
    for (std::size_t i = from; i < results_.workloads.size(); ++i)
      count +=
          InTurns(results_.workloads[i].workload) && !IsLeftOut(results_.workloads[i].workload);
    return count;
  }

  void TakeTurns(std::size_t index) {
    Workload& workload = results_.workloads[index].workload;
    first_ = IsFirst(workload);
    longest_ = {};
    double a_unit = 0;  // of all variants
    for (Live& live : instances_) {
      Tell(workload.name + ", " + Name(live) + ", warm-up");
      a_unit += WarmUp(live, workload);
      if (too_long_) return GiveUp(workload);
    }
    DropTheLost();
    if (workload.block == 0 && longest_.count() > 0) {
      workload.block =
          std::clamp<std::size_t>(static_cast<std::size_t>(kBlockTime / longest_), 1, kMaxBlock);
    }
    if (IsLeftOut(workload)) return;
    a_unit *= static_cast<double>(std::max<std::size_t>(1, workload.block));
    if (PastRound(a_unit) && !first_) return LeaveOut(workload);
    const bool learning = Learning();
    for (int turn = 0; turn < workload.turns; ++turn) {
      const double began = Seconds();
      std::shuffle(instances_.begin(), instances_.end(), random_);
      for (Live& live : instances_) {
        if (live.instance == nullptr) continue;
        if (OutOfTime()) return;
        Tell(workload.name + ", " + Name(live));
        if (const auto samples = DoBlock(live, workload, turn))
          record_.Record(index, live.variant, turn, *samples, *live.instance);
        if (too_long_) return GiveUp(workload);
        if (IsLeftOut(workload)) return;
      }
      if (!learning || turn != 0) continue;
      const double a_turn = Seconds() - began;
      if (PastRound(0) && !first_) return LeaveOut(workload);
      const auto enough = static_cast<int>(
          kTurnsTime / (a_turn / static_cast<double>(std::max<std::size_t>(1, instances_.size()))));
      workload.turns = std::min(workload.turns, std::max(kFewTurns, enough));
      workload.turns =
          1 + budget_.Turns(workload.turns - 1, a_turn, UsedOfRound() + PagesBehind(workload.page),
                            Waiting(index));
    }
    DropTheLost();
  }

  void DropTheLost() {
    std::erase_if(instances_, [](const Live& live) { return live.instance == nullptr; });
  }

  // An input takes longer than the run has time for; its instance cannot be asked any more.
  void GiveUp(const Workload& workload) {
    too_long_ = false;
    LeaveOut(workload);
    DropTheLost();
  }

  // Seconds that a unit takes, with what stands before it; 0 if nobody knows.
  double WarmUp(Live& live, const Workload& workload) {
    if (!workload.prepare.empty() && !Do(live, workload.prepare + "\n")) return 0;
    const Clock::time_point begin = Clock::now();
    Clock::duration spent{0}, measured{0};
    std::size_t done = 0;
    while (done < workload.warm_up && spent < kWarmUpTime) {
      // The first one alone shows how many there may be; but at most twice as many, since a page
      // that they have made restless has to be waited for from then on.
      const std::size_t next =
          done == 0 || !workload.before.empty()
              ? 1
              : std::clamp<std::size_t>(
                    static_cast<std::size_t>((kWarmUpTime - spent) / (spent / done)), 1,
                    std::min(done, workload.warm_up - done));
      if (!workload.before.empty() && !Do(live, workload.before + "\n")) return 0;
      const Clock::time_point unit = Clock::now();
      if (!DoUnits(live, workload, workload.unit, next)) return 0;
      measured += Clock::now() - unit;
      done += next;
      spent = Clock::now() - begin;
    }
    if (done == 0) return 0;
    longest_ = std::max(longest_, measured / static_cast<int>(done));
    return std::chrono::duration<double>(spent).count() / static_cast<double>(done);
  }

  // `unit`: that of the workload, its lines in any order.
  std::optional<std::vector<std::uint64_t>> DoUnits(Live& live, const Workload& workload,
                                                    const std::string& unit, std::size_t times) {
    auto samples = Do(live, Repeated(unit, std::max<std::size_t>(1, times)), workload.all_answer);
    if (!samples || !workload.all_answer) return samples;
    const std::string unanswered = live.instance->disturbance().unanswered;
    if (unanswered.empty()) return samples;
    for (WorkloadResult& result : results_.workloads) {
      if (result.workload.name == workload.name) Unanswered(result, unanswered);
    }
    return std::nullopt;
  }

  const std::string& Name(const Live& live) const {
    return results_.variants[live.variant].variant.name;
  }

  // The samples of one block; nothing if it failed.
  std::optional<std::vector<std::uint64_t>> DoBlock(Live& live, const Workload& workload,
                                                    int turn) {
    if (workload.before.empty() && workload.measure == Measure::kLatency) {
      const std::uint64_t cpu = record_.CpuBefore(workload, *live.instance);
      std::string unit;
      for (const std::string& line : LinesInTurn(workload.unit, workload.apart ? turn : 0))
        unit += (unit.empty() ? "" : "\n") + line;
      auto samples = DoUnits(live, workload, unit, workload.block);
      if (samples) record_.RecordCpu(cpu, live.variant, turn, samples->size(), *live.instance);
      if (samples) record_.Note(workload, *live.instance);
      return samples;
    }
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < workload.block; ++i) {
      if (!workload.before.empty() && !Do(live, workload.before + "\n")) return std::nullopt;
      const auto samples = Do(live, workload.unit + "\n");
      if (!samples) return std::nullopt;
      record_.Note(workload, *live.instance);
      if (workload.measure == Measure::kLatency) {
        all.insert(all.end(), samples->begin(), samples->end());
        continue;
      }
      const Result<std::uint64_t> figure = live.instance->Read(workload.read);
      if (!figure) {
        Lose(live, figure.error());
        return std::nullopt;
      }
      all.push_back(*figure);
    }
    return all;
  }

  // How long one block may take: in the first round what is left of that round, unless it is of the
  // first workload.
  Clock::duration Patience() const {
    if (!Learning() || first_) return kBlockDeadline;
    const std::chrono::duration<double> left(std::max(1.0, budget_.a_round() - UsedOfRound()));
    return std::min<Clock::duration>(kBlockDeadline,
                                     std::chrono::duration_cast<Clock::duration>(left));
  }

  void Lose(Live& live, const Error& why) {
    Fail(live.variant, why);
    live.instance.reset();
  }

  // Nothing if it failed: then the instance has gone, and its variant with it, unless it only took
  // too long for this run.
  std::optional<std::vector<std::uint64_t>> Do(Live& live, const std::string& steps,
                                               bool all_answer = false) {
    if (live.instance == nullptr || !results_.stopped_by.empty()) return std::nullopt;
    const Clock::duration patience = Patience();
    Result<std::vector<std::uint64_t>> samples =
        live.instance->Do(steps, patience, {.all_answer = all_answer});
    if (samples) return std::move(*samples);
    too_long_ = samples.error().code == Errc::kLimit && patience < kBlockDeadline;
    if (too_long_) {
      live.instance.reset();
    } else {
      Lose(live, samples.error());
    }
    return std::nullopt;
  }

  const Plan& plan_;
  const int interrupt_;
  const std::function<void(const Progress&)>& tell_;
  std::mt19937_64 random_;
  EventLoop loop_;
  RuntimeDir folder_;
  Freshness freshness_;
  Results results_;
  Clock::time_point begin_;
  double first_round_at_ = 0;
  bool in_round_ = false;
  bool workloads_known_ = false;
  std::unique_ptr<Starter> starter_;
  Error first_problem_;
  std::string traceback_;  // of the app's first exception
  bool traceback_told_ = false;
  const Icons icons_;
  std::vector<Part> clicked_;  // of the workload `clicks`, without figures
  Recorder record_{results_, icons_};
  std::vector<std::pair<std::string, std::string>> left_out_clicks_;  // kind, reason
  std::map<std::string, int> unanswered_;                             // inputs of found clicks
  std::vector<Live> instances_;  // of this round; they go before the loop
  Budget budget_{0, 1};
  bool tried_again_ = false;  // the baseline
  bool round_lost_ = false;   // it has failed in this round, and gets another one
  double starts_ = 0;         // seconds that starting and ending each variant once has taken
  double an_alone_ = 0;       // seconds of an Alone(), at most
  double round_at_ = 0;       // when the round began, in seconds
  double next_round_ = 0;     // seconds that the next one will take
  bool time_said_ = false;
  std::size_t inputs_ = 0;      // before the second look at the memory; 0: not known yet
  double a_page_ = 0;           // seconds that starting all variants takes, at most
  Clock::duration longest_{0};  // unit of this workload in a warm-up
  bool first_ = false;          // IsFirst() of the workload at work
  bool too_long_ = false;       // the last block was given up
};

}  // namespace

Result<Results> RunPlan(const Plan& plan, int interrupt,
                        const std::function<void(const Progress&)>& tell) {
  if (Result<> pinned = PinTo(plan.cpus); !pinned) return pinned.error();
  return Runner(plan, interrupt, tell).Run();
}

}  // namespace fletbridge::compare
