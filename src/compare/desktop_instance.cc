#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "src/compare/app_run.h"
#include "src/compare/display_steps.h"
#include "src/compare/file_opens.h"
#include "src/compare/fresh_start.h"
#include "src/compare/instance.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Clock = AppRun::Clock;

// A first showing has settled when it has stood still for so long; it has, once there is something,
// so long for that.
constexpr auto kSettled = 2s;
constexpr auto kSettlingTime = 10s;
// How long the screen must be as it was at the first showing, to be taken for it and not for a
// likeness on its way.
constexpr auto kStays = 300ms;
// The screen must be still for this long after an input and before the next one.
constexpr auto kQuiet = 100ms;
constexpr auto kQuietTime = 10s;
// Parts drawn within kOneFrame are one frame. A gap of kNothingMoves or more is a pause.
constexpr auto kOneFrame = 4ms;
constexpr auto kNothingMoves = 1s;
// Fewer is an empty window on an empty screen.
constexpr std::size_t kFewestColours = 3;

bool ShowsSomething(const Picture& picture) {
  std::set<std::uint32_t> colours;
  for (const std::uint32_t pixel : picture) {
    if (colours.insert(pixel).second && colours.size() >= kFewestColours) return true;
  }
  return false;
}

// What a variant keeps from one start to the next.
struct Place {
  std::string folder;  // of its caches, settings and temporary files
  Picture settled;     // how its first showing ended; empty before that
};

class DesktopInstance final : public Instance {
 public:
  DesktopInstance(const Surroundings& around, const Variant& variant, int number, Place& place)
      : variant_(variant),
        report_file_(around.folder + "/r" + std::to_string(number)),
        screen_folder_(around.folder + "/d" + std::to_string(number)),
        place_(place),
        fresh_(variant.name),
        run_(around.loop, variant.name, around.folder + "/o" + std::to_string(number),
             around.interrupt, around.traceback) {}

  ~DesktopInstance() override {
    // After a failure as well, so that they clean up.
    DesktopInstance::Close();
    DesktopInstance::Join();
    std::error_code ignored;
    fs::remove(report_file_, ignored);
  }

  Result<> Start(const Surroundings& around, int number) {
    if (Result<> ok = fresh_.Begin(around, number); !ok) return ok;
    const Plan plan = fresh_.Placed(around.plan);
    const FreshStart::Here here(fresh_);
    Result<ChildOptions> command = Command(plan);
    if (!command) return command.error();
    Result<std::unique_ptr<Display>> display = Display::Start(around.loop, screen_folder_);
    if (!display) return display.error();
    display_ = std::move(*display);
    command->environment.emplace_back("DISPLAY", display_->name());
    const bool looks = variant_.kind == Variant::Kind::kFlet && plan.module.empty();
    FileOpens opened(looks ? std::vector<std::string>{plan.app, ServerModuleOf(plan.flet_package,
                                                                               plan.python_version)}
                           : std::vector<std::string>());
    begin_ = Clock::now();
    if (Result<> ok = run_.Launch(std::move(*command)); !ok) return ok;
    const Result<Clock::time_point> shown = place_.settled.empty() ? Learn() : Recognize();
    if (!shown) return shown.error();
    start_up_ = *shown - begin_;
    if (!looks) return {};
    const std::vector<FileOpens::Times>& times = opened.Stop();
    if (times[0].empty()) return {};
    python_ready_ = times[0].front() - begin_;
    const auto imported = std::upper_bound(times[1].begin(), times[1].end(), times[0].front());
    if (imported != times[1].end()) imported_ = *imported - begin_;
    return {};
  }

  std::chrono::nanoseconds start_up() const override { return start_up_; }
  std::chrono::nanoseconds first_frame() const override { return std::chrono::nanoseconds(0); }
  Result<> Check() override {
    const Result<bool> ready = run_.Readable(-1, Clock::now(), "the end of the measuring");
    return ready ? Result<>() : ready.error();
  }
  std::vector<pid_t> processes() const override { return run_.processes(); }
  std::string Hosting() const override { return HostingIn(report_file_); }

  // From our run's report; Flet alone reports nothing.
  std::vector<std::pair<std::string, std::chrono::nanoseconds>> Phases() const override {
    std::vector<std::pair<std::string, std::chrono::nanoseconds>> phases;
    if (python_ready_) phases.emplace_back(kUntilPython, *python_ready_);
    if (imported_) phases.emplace_back(kUntilImported, *imported_);
    for (const auto& [phase, milestone] :
         {std::pair(kUntilPython, "python_ready"), std::pair(kUntilImported, "app_imported"),
          std::pair(kUntilListening, "app_listening"), std::pair(kUntilShown, "window_shown"),
          std::pair(kUntilDrawn, "frame_drawn")}) {
      if (const auto at = ReachedIn(report_file_, milestone)) phases.emplace_back(phase, *at);
    }
    return phases;
  }

  // Flet's Python does not end on SIGTERM, but with its client, once it has one.
  void Close() override {
    if (variant_.kind != Variant::Kind::kFlet) return run_.Signal(SIGTERM);
    const std::vector<pid_t> all = run_.processes();
    if (all.size() == 1) return run_.Signal(SIGKILL);
    for (std::size_t i = 1; i < all.size(); ++i) ::kill(all[i], SIGTERM);
  }
  void Join() override { run_.Join(0); }

  Result<std::vector<std::uint64_t>> Do(const std::string& text, std::chrono::nanoseconds,
                                        DoOptions how) override {
    const Result<std::vector<DisplayStep>> steps = ParseDisplaySteps(text);
    if (!steps) return steps.error();
    std::vector<std::uint64_t> samples;
    disturbance_ = {};
    std::uint32_t number = 0;
    for (const DisplayStep& step : *steps) {
      ++number;
      const Result<std::uint64_t> sample = step.x < 0 ? Sleep(step) : Click(step);
      if (!sample) return sample.error();
      if (!step.watch) continue;
      samples.push_back(*sample);
      disturbance_.of.push_back(number);
      if (how.names) disturbance_.inputs.push_back({number, step.source, 0, {}});
    }
    return samples;
  }

  const Disturbance& disturbance() const override { return disturbance_; }

  Result<std::uint64_t> Read(const std::string& finder) override {
    return Failure("nobody can read " + finder + " at a display");
  }

  Result<std::vector<Clickable>> Clickables(const std::string&) override {
    return MakeError(Errc::kSetup,
                     "what can be clicked is not known at a display; name it with "
                     "--steps FILE");
  }

 private:
  Error Failure(const std::string& what) const {
    return MakeError(Errc::kSetup, variant_.name + ": " + what);
  }

  Result<ChildOptions> Command(const Plan& plan) const {
    ChildOptions options;
    switch (variant_.kind) {
      case Variant::Kind::kStage:
        options = StageCommand(plan, variant_, {}, "desktop", report_file_,
                               {"--flet-client", plan.client});
        break;
      case Variant::Kind::kFlet:
        if (!plan.client_is_of_the_app) {
          return Failure("Flet's own needs a client of the app's Flet " + plan.flet + ", and " +
                         plan.client +
                         " is of another one; name one with --flet-client, or an environment with "
                         "another Flet with --python");
        }
        options = PythonCommand(plan, {});
        // Its own client where it is, in place of a copy below ~/.flet.
        options.environment = {
            {"FLET_VIEW_PATH", plan.client},
            {"FLET_SERVER_PORT", std::to_string(variant_.transport == "tcp" ? FreePort() : 0)},
            {"TMPDIR", place_.folder}};  // for what it leaves
        break;
      case Variant::Kind::kPackaged:
        return Failure("it is measured with --ui headless alone");
    }
    for (const char* kind : {"CONFIG", "DATA", "STATE"})
      options.environment.emplace_back("XDG_" + std::string(kind) + "_HOME", place_.folder);
    fresh_.AddTo(options);
    // Shaders are compiled once.
    options.environment.emplace_back("XDG_CACHE_HOME", place_.folder);
    options.environment.insert(options.environment.end(), {{"GDK_BACKEND", "x11"},
                                                           {"LIBGL_ALWAYS_SOFTWARE", "1"},
                                                           {"MESA_SHADER_CACHE_DISABLE", "false"},
                                                           {"GSETTINGS_BACKEND", "memory"},
                                                           {"NO_AT_BRIDGE", "1"}});
    return options;
  }

  // Waits for drawing within the box, until then; false if there was none.
  Result<bool> Drawing(const Box& box, Clock::time_point until, const char* for_what) {
    while (true) {
      const Result<bool> drawn = display_->Drawn(box);
      if (!drawn || *drawn) return drawn;
      const Result<bool> readable = run_.Readable(display_->fd(), until, for_what);
      if (!readable || !*readable) return readable;
    }
  }

  // The first showing: how the screen is when it stays as it is.
  Result<Clock::time_point> Learn() {
    constexpr const char* kWhat = "its window";
    const Clock::time_point deadline = begin_ + kFirstFrameTime;
    Clock::time_point changed = begin_;
    bool something = false;
    Clock::time_point since;  // there is something
    Picture last;
    while (true) {
      const Clock::time_point until = something ? changed + kSettled : deadline;
      const Result<bool> drawn = Drawing(Display::kScreen, until, kWhat);
      if (!drawn) return drawn.error();
      const Clock::time_point now = Clock::now();
      if (*drawn && (last.empty() || !display_->Looks(Display::kScreen, last))) {
        last = display_->Look(Display::kScreen);
        changed = now;
        if (!ShowsSomething(last)) {
          something = false;
        } else if (!something) {
          something = true;
          since = now;
        }
      } else if (something && now >= changed + kSettled) {
        place_.settled = std::move(last);
        return changed;
      }
      if (something && now > since + kSettlingTime)
        return Failure("its first page does not come to rest within " +
                       std::to_string(std::chrono::seconds(kSettlingTime).count()) +
                       " s, so nobody can tell when it is there; take away what moves, or measure "
                       "with --ui headless");
      if (!something && now >= deadline)
        return run_.Failure("no window with something in it within " +
                            std::to_string(kFirstFrameTime.count()) + " s");
    }
  }

  // A later one: since when the screen is as it was then.
  Result<Clock::time_point> Recognize() {
    const Clock::time_point deadline = begin_ + kFirstFrameTime;
    bool alike = false;
    Clock::time_point since;
    while (true) {
      const Result<bool> drawn =
          Drawing(Display::kScreen, alike ? since + kStays : deadline, "its window");
      if (!drawn) return drawn.error();
      const Clock::time_point now = Clock::now();
      if (!display_->Looks(Display::kScreen, place_.settled)) {
        alike = false;
      } else if (!alike) {
        alike = true;
        since = now;
      }
      if (alike && now >= since + kStays) return since;
      if (!alike && now >= deadline)
        return run_.Failure("the screen was not as at its first showing within " +
                            std::to_string(kFirstFrameTime.count()) +
                            " s: its first page must look the same at each start");
    }
  }

  // Waits until nothing is drawn any more.
  Result<> Rest(const DisplayStep& step) {
    const Clock::time_point deadline = Clock::now() + kQuietTime;
    while (true) {
      const Result<bool> drawn =
          Drawing(Display::kScreen, Clock::now() + kQuiet, "the end of a step");
      if (!drawn) return drawn.error();
      if (!*drawn) return {};
      if (Clock::now() > deadline)
        return Failure("the screen does not come to rest within " +
                       std::to_string(std::chrono::seconds(kQuietTime).count()) + " s, " +
                       step.source);
    }
  }

  Result<std::uint64_t> Sleep(const DisplayStep& step) {
    const Result<bool> over = run_.Readable(-1, Clock::now() + step.time, "the end of a step");
    if (!over) return over.error();
    return std::uint64_t{0};
  }

  Result<std::uint64_t> Click(const DisplayStep& step) {
    display_->Move(step.x, step.y);
    if (!display_->HasWindowAtPointer())
      return Failure("there is no window of the app where it is to click, " + step.source);
    if (Result<> ok = Rest(step); !ok) return ok.error();
    const Box watch = step.watch.value_or(Box{});
    const Picture before = display_->Look(watch);
    const Clock::time_point pressed = Clock::now();
    if (variant_.delay.count() > 0) {
      const Result<bool> over = run_.Readable(-1, pressed + variant_.delay, "the end of a step");
      if (!over) return over.error();
    }
    if (step.frames) {
      if (step.scroll == 0) display_->Press();
      if (Result<> ok = Frames(step); !ok) return ok.error();
      return std::uint64_t{0};
    }
    display_->Press();
    Clock::time_point seen = pressed;
    while (step.watch) {
      const Result<bool> drawn = Drawing(watch, pressed + step.time, "an answer");
      if (!drawn) return drawn.error();
      seen = Clock::now();
      if (!display_->Looks(watch, before)) break;
      if (!*drawn)
        return Failure("nothing changed where it is watched within " +
                       std::to_string(step.time.count()) + " ms, " + step.source);
    }
    if (Result<> ok = Rest(step); !ok) return ok.error();
    if (step.watch && !display_->HasWindowAtPointer()) {
      // What changed was that the window went, mostly with its app, of which we hear a little
      // later.
      const Result<bool> over = run_.Readable(-1, Clock::now() + kEndTime, "the end of the app");
      if (!over) return over.error();
      return Failure("its window is gone after the click, " + step.source);
    }
    return static_cast<std::uint64_t>((seen - pressed).count());
  }

  // Until the step's time is over; turns the wheel evenly meanwhile.
  Result<> Frames(const DisplayStep& step) {
    const Clock::time_point begin = Clock::now(), end = begin + step.time;
    const int turns = std::abs(step.scroll);
    std::optional<Clock::time_point> last;
    int turned = 0;
    while (Clock::now() < end) {
      const Clock::time_point due = turned < turns ? begin + step.time * turned / turns : end;
      if (turned < turns && due <= Clock::now()) {
        display_->Wheel(step.scroll > 0);
        ++turned;
        continue;
      }
      const Result<bool> drawn = Drawing(Display::kScreen, due, "the end of a step");
      if (!drawn) return drawn.error();
      if (!*drawn) continue;
      const Clock::time_point now = Clock::now();
      if (last && now - *last < kOneFrame) continue;
      if (last && now - *last < kNothingMoves)
        disturbance_.frames.push_back(static_cast<std::uint64_t>((now - *last).count()));
      last = now;
    }
    return {};
  }

  const Variant variant_;
  const std::string report_file_, screen_folder_;
  Place& place_;
  FreshStart fresh_;                  // goes after the processes
  std::unique_ptr<Display> display_;  // goes after the processes; what is left of them ends with it
  AppRun run_;
  Disturbance disturbance_;
  Clock::time_point begin_;
  std::chrono::nanoseconds start_up_{0};
  std::optional<std::chrono::nanoseconds> python_ready_, imported_;  // of Flet itself
};

class Desktop final : public Starter {
 public:
  explicit Desktop(Surroundings around) : around_(std::move(around)) {}

  Result<std::unique_ptr<Instance>> Start(const Variant& variant, const std::string&) override {
    Place& place = places_[variant.name];
    if (place.folder.empty()) {
      place.folder = around_.folder + "/v" + std::to_string(places_.size());
      std::error_code error;
      fs::create_directories(place.folder, error);
    }
    const int number = ++started_;
    auto instance = std::make_unique<DesktopInstance>(around_, variant, number, place);
    // Whatever happens, the destructor ends what was started.
    if (Result<> ok = instance->Start(around_, number); !ok) return ok.error();
    return std::unique_ptr<Instance>(std::move(instance));
  }

 private:
  const Surroundings around_;
  std::map<std::string, Place> places_;
  int started_ = 0;
};

}  // namespace

std::unique_ptr<Starter> DesktopStarter(Surroundings around) {
  return std::make_unique<Desktop>(std::move(around));
}

}  // namespace fletbridge::compare
