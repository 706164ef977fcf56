#include "src/compare/plan.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace fletbridge::compare {
namespace {

constexpr std::string_view kForms =
    "legacy, 1:uds, 1:tcp, 2:uds, 2:tcp, 3, with a hosting such as 3@static, flet:uds, flet:tcp, "
    "flet:0.28.3 or another version, original:ffi or bridge:ffi";

Error Wrong(std::string_view text) {
  return MakeError(Errc::kUsage, "there is no variant '" + std::string(text) + "'; there are " +
                                     std::string(kForms));
}

// "+100us"
bool TakeDelay(std::string_view text, std::chrono::nanoseconds& delay) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number > 1'000'000) return false;
  if (std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end)) != "us") {
    return false;
  }
  delay = std::chrono::microseconds(number);
  return true;
}

// "0.28.3"
bool IsVersion(std::string_view text) {
  return text.find('.') != std::string_view::npos && text[0] >= '0' && text[0] <= '9' &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string Times(int times, const std::string& steps) {
  std::string text;
  for (int i = 0; i < times; ++i) text += steps + "\n";
  return text;
}

// What a transport has to do with: small inputs, floods, large packets.
std::vector<Workload> TransportWorkloads() {
  return {
      {.name = "click",
       .group = "transport",
       .title = "a click until the patch that answers it",
       .prepare = "click key=scene-click",
       .unit = "click key=plus"},
      {.name = "type",
       .group = "transport",
       .title = "a letter typed until what depends on it is there",
       .prepare = "click key=scene-type",
       .unit = "type key=field \"a\"\ntype key=field \"ab\"\ntype key=field \"abc\"\ntype "
               "key=field \"ab\""},
      {.name = "busy",
       .group = "transport",
       .title = "a click while the app computes in a thread",
       .page = "busy.py",
       .unit = "click key=plus 5s",
       .warm_up = 5},
      {.name = "busy-thread",
       .group = "transport",
       .title = "a piece of work of that thread, while some 20 clicks a second come",
       .measure = Measure::kPace,
       .page = "busy.py",
       .before = "click key=measure 5s",
       .unit = Times(20, "click key=plus 5s\nsleep 45ms") + "click key=measure 5s",
       .read = "key=pace",
       .warm_up = 0,
       .block = 1,
       .turns = 1},
      {.name = "draw",
       .group = "transport",
       .title =
           "60 movements of a pen a second, each from its intended time until its stroke is there",
       .prepare = "click key=scene-draw",
       .unit = "drag key=pad from 0,0 to 300,200 steps 15 at 60/s 5s",
       .warm_up = 1,
       .block = 1,
       .turns = 4},
      {.name = "burst",
       .group = "transport",
       .title = "1,000 events sent at once, until the patch that answers the last",
       .prepare = "click key=scene-burst",
       .unit = "drag key=pad from 0,0 to 1000,0 steps 1000 60s",
       .warm_up = 1,
       .block = 1,
       .turns = 3},
      {.name = "channel",
       .group = "transport",
       .title = "1 MiB through a data channel to the app and back, 8 of them under way",
       .prepare = "click key=scene-channel\nchannel key=echo\nwait text=\"open\" 10s",
       .unit = "stream 1048576 count 8 30s",
       .warm_up = 2,
       .turns = 6},
      {.name = "thousand",
       .group = "transport",
       .title = "1,000 controls in one update",
       .prepare = "click key=scene-fill",
       .unit = "click key=thousand 30s",
       .warm_up = 1,
       .block = 1,
       .turns = 4},
      {.name = "ten-thousand",
       .group = "transport",
       .title = "10,000 controls in one update",
       .prepare = "click key=scene-fill",
       .unit = "click key=ten-thousand 60s",
       .warm_up = 1,
       .block = 1,
       .turns = 3},
  };
}

// Pages as people write them: a row of a list is a checkbox, a text and a button.
std::vector<Workload> RowsWorkloads() {
  std::vector<Workload> all;
  for (const char* rows : {"100", "1000", "5000"}) {
    all.push_back({.name = std::string("rows-") + rows,
                   .title = std::string("a click that has nothing to do with the ") + rows +
                            " rows on the page",
                   .page = std::string("rows.py ") + rows,
                   .unit = "click key=plus 60s"});
  }
  // Behind rows-1000, whose page they share.
  const std::vector<Workload> on_1000 = {
      {.name = "type-1000",
       .title = "a letter typed into a field on a page of 1,000 rows",
       .unit = "type key=field \"a\" 60s\ntype key=field \"ab\" 60s"},
      {.name = "append-one",
       .title = "one row more, below 1,000",
       .before = "click type=IconButton index=500 60s",
       .unit = "click key=append 60s"},
      {.name = "remove-one",
       .title = "one row of 1,000 less, by the button in its middle",
       .before = "click key=append 60s",
       .unit = "click type=IconButton index=500 60s"},
      {.name = "reverse",
       .title = "1,000 rows in reverse order",
       .unit = "click key=reverse 60s",
       .warm_up = 2,
       .turns = 4},
      {.name = "first-rows-1000",
       .title = "the first frame of a page of 1,000 rows, from the end of the registration",
       .measure = Measure::kFirstFrame},
      // Here, so that there is something to clear from the first time on.
      {.name = "new-1000",
       .title = "1,000 new rows into a column that is there",
       .before = "click key=clear 60s",
       .unit = "click key=new 60s",
       .warm_up = 1,
       .block = 1,
       .turns = 4},
  };
  for (Workload workload : on_1000) {
    workload.page = "rows.py 1000";
    all.insert(all.end() - 1, std::move(workload));
  }
  all.push_back({.name = "component-1000",
                 .title = "a component that renders 1,000 rows again with one changed",
                 .page = "component.py 1000",
                 .unit = "click key=next 60s",
                 .warm_up = 2,
                 .turns = 6});
  all.push_back({.name = "first-texts-10000",
                 .title = "the first frame of 10,000 texts, from the end of the registration",
                 .measure = Measure::kFirstFrame,
                 .page = "texts.py 10000"});
  for (Workload& workload : all) workload.group = "rows";
  return all;
}

// The nine operations of js-framework-benchmark, on a table of a number, a label and a button.
std::vector<Workload> JsFrameworkWorkloads() {
  constexpr const char* kCreate = "click key=create-1000 120s";
  std::vector<Workload> all = {
      {.name = "js-update-10th",
       .title = "the label of each tenth of 1,000 rows",
       .prepare = kCreate,
       .unit = "click key=update 120s",
       .turns = 6},
      {.name = "js-select",
       .title = "one of 1,000 rows selected, another one no more",
       .prepare = kCreate,
       .unit = "click type=TextButton index=4 120s\nclick type=TextButton index=5 120s",
       .turns = 6},
      {.name = "js-swap",
       .title = "two of 1,000 rows in each other's place",
       .prepare = kCreate,
       .unit = "click key=swap 120s",
       .turns = 6},
      {.name = "js-remove",
       .title = "one of 1,000 rows removed",
       .prepare = kCreate,
       .before = "click key=append-1 120s",
       .unit = "click type=IconButton index=4 120s",
       .turns = 6},
      {.name = "js-create-1000",
       .title = "1,000 rows created in an empty table",
       .prepare = kCreate,  // so that there is always something to clear
       .before = "click key=clear 120s",
       .unit = kCreate,
       .warm_up = 1,
       .block = 1,
       .turns = 3},
      {.name = "js-replace-1000",
       .title = "1,000 rows replaced by new ones",
       .prepare = kCreate,
       .unit = kCreate,
       .warm_up = 1,
       .block = 1,
       .turns = 3},
      {.name = "js-append-1000",
       .title = "1,000 rows appended to 1,000",
       .prepare = kCreate,
       .before = std::string("click key=clear 120s\n") + kCreate,
       .unit = "click key=append-1000 120s",
       .warm_up = 0,
       .block = 1,
       .turns = 3},
      {.name = "js-clear",
       .title = "1,000 rows cleared",
       .before = kCreate,
       .unit = "click key=clear 120s",
       .warm_up = 0,
       .block = 1,
       .turns = 3},
      {.name = "js-create-10000",
       .title = "10,000 rows created in an empty table",
       .prepare = kCreate,
       .before = "click key=clear 120s",
       .unit = "click key=create-10000 120s",
       .warm_up = 0,
       .block = 1,
       .turns = 1},
  };
  for (Workload& workload : all) {
    workload.group = "js-framework";
    workload.page = "js_framework.py";
  }
  return all;
}

}  // namespace

Result<Variant> ParseVariant(std::string_view text) {
  Variant variant;
  variant.name = text;
  std::string_view rest = text;
  if (const std::size_t plus = rest.find('+'); plus != std::string_view::npos) {
    const std::string_view added = rest.substr(plus + 1);
    variant.accelerated = added == "accelerators";
    if (!variant.accelerated && !TakeDelay(added, variant.delay)) {
      return MakeError(Errc::kUsage, "what is added to '" + std::string(text) +
                                         "' is neither a delay of at most a second, like +100us, "
                                         "nor +accelerators");
    }
    rest = rest.substr(0, plus);
  }
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    variant.hosting = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (variant.hosting != "interpreter" && variant.hosting != "static" &&
        variant.hosting != "library") {
      return Wrong(text);
    }
  }
  const std::size_t colon = rest.find(':');
  variant.stage = rest.substr(0, colon);
  if (colon != std::string_view::npos) variant.transport = rest.substr(colon + 1);
  const bool socket = variant.transport == "uds" || variant.transport == "tcp";
  if (variant.stage == "flet" && variant.hosting.empty() && IsVersion(variant.transport)) {
    variant.other = std::exchange(variant.transport, "uds");
    variant.kind = Variant::Kind::kFlet;
    if (variant.other.starts_with("0.1.")) {  // its fletd, and our client
      variant.kind = Variant::Kind::kStage;
      variant.stage = "legacy";
      variant.transport = "ws";
    }
  } else if (variant.stage == "flet" && variant.hosting.empty() && socket) {
    variant.kind = Variant::Kind::kFlet;
  } else if ((variant.stage == "original" || variant.stage == "bridge") &&
             variant.hosting.empty() && variant.transport == "ffi") {
    variant.kind = Variant::Kind::kPackaged;
  } else if (variant.stage == "3") {
    if (colon != std::string_view::npos && variant.transport != "ffi") return Wrong(text);
    variant.transport = "ffi";
  } else if (variant.stage == "legacy") {
    if (colon != std::string_view::npos && variant.transport != "ws") return Wrong(text);
    variant.transport = "ws";
    if (!variant.hosting.empty()) return Wrong(text);
  } else if (variant.stage == "1" || variant.stage == "2") {
    if (colon == std::string_view::npos) variant.transport = "uds";
    if (!socket && colon != std::string_view::npos) return Wrong(text);
    if (variant.stage == "1" && !variant.hosting.empty()) return Wrong(text);
  } else {
    return Wrong(text);
  }
  if (variant.accelerated && (variant.kind != Variant::Kind::kStage || !variant.other.empty())) {
    return MakeError(Errc::kUsage, std::string(rest) +
                                       " is Flet alone and has no accelerators; add them to one "
                                       "of our stages");
  }
  return variant;
}

Result<std::vector<Variant>> ParseVariants(std::string_view text) {
  std::vector<Variant> variants;
  while (true) {
    const std::size_t comma = text.find(',');
    Result<Variant> variant = ParseVariant(text.substr(0, comma));
    if (!variant) return variant.error();
    if (std::any_of(variants.begin(), variants.end(),
                    [&](const Variant& known) { return known.name == variant->name; })) {
      return MakeError(Errc::kUsage,
                       "the variant " + variant->name + " is named twice; name it once");
    }
    variants.push_back(std::move(*variant));
    if (comma == std::string_view::npos) return variants;
    text.remove_prefix(comma + 1);
  }
}

Plan PlanOf(const Variant& variant, Plan plan) {
  for (const OtherFlet& other : plan.others) {
    if (variant.other.empty() || other.version != variant.other) continue;
    plan.python = other.python;
    plan.python_home = other.python_home;
    plan.python_version = other.python_version;
    plan.flet_package = other.flet_package;
    plan.flet = other.version;
    if (!other.app.empty()) {
      plan.app = other.app;
      plan.module.clear();
    }
    break;
  }
  return plan;
}

const char* UnitOf(Measure measure) {
  switch (measure) {
    case Measure::kMemoryStart:
    case Measure::kMemoryEnd:
    case Measure::kMemoryPeak:
      return "bytes";
    case Measure::kWakeUps:
    case Measure::kLateFrames:
      return "1/s";
    default:
      return "ns";
  }
}

bool ByDifference(Measure measure) {
  return measure == Measure::kIdleCpu || measure == Measure::kWakeUps ||
         measure == Measure::kLateFrames;
}

bool InTurns(const Workload& workload) {
  return !workload.once &&
         (workload.measure == Measure::kLatency || workload.measure == Measure::kPace);
}

const std::vector<Workload>& BuiltInWorkloads() {
  static const std::vector<Workload> workloads = [] {
    std::vector<Workload> all = TransportWorkloads();
    for (auto* more : {RowsWorkloads, JsFrameworkWorkloads}) {
      std::vector<Workload> group = more();
      std::move(group.begin(), group.end(), std::back_inserter(all));
    }
    return all;
  }();
  return workloads;
}

std::vector<std::string> BuiltInGroups() {
  std::vector<std::string> groups;
  for (const Workload& workload : BuiltInWorkloads()) {
    if (groups.empty() || groups.back() != workload.group) groups.push_back(workload.group);
  }
  return groups;
}

std::vector<Workload> FrameWorkloads() {
  return {
      {.name = "frames",
       .title = "from one drawn frame to the next, while the steps measure them; 16.7 ms where "
                "the engine keeps up",
       .measure = Measure::kFrameTime},
      {.name = "late-frames",
       .title = "frames a second that come 25 ms or more behind the one before, while the steps "
                "measure them",
       .measure = Measure::kLateFrames}};
}

std::vector<Workload> AnyAppWorkloads(bool at_display) {
  return {
      {.name = "start-up",
       .title = at_display ? "start of the first process until the app is on the screen as it stays"
                           : "start of the first process until the first frame",
       .measure = Measure::kStartUp,
       .phases = at_display ? std::vector<std::string>{kUntilPython, kUntilImported,
                                                       kUntilListening, kUntilShown, kUntilDrawn}
                            : std::vector<std::string>{kInterpreter, kImports, kListening,
                                                       kRegistration, kFirstFrame}},
      {.name = "memory",
       .title = at_display ? "memory of all processes once the app is on the screen (PSS)"
                           : "memory of all processes after the first frame (PSS)",
       .measure = Measure::kMemoryStart},
      {.name = "memory-after",
       .title = "memory of all processes after inputs (PSS)",
       .measure = Measure::kMemoryEnd},
      {.name = "memory-peak",
       .title = "the most memory until then: PSS, and by how much each process once had more "
                "resident",
       .measure = Measure::kMemoryPeak},
      {.name = "idle-cpu",
       .title = "processor time in a second in which nobody touches the app",
       .measure = Measure::kIdleCpu},
      {.name = "wake-ups",
       .title = "wake-ups in a second in which nobody touches the app",
       .measure = Measure::kWakeUps},
      {.name = "cpu-per-input",
       .title = "processor time of all processes for each input of the first workload that has any",
       .measure = Measure::kInputCpu},
  };
}

}  // namespace fletbridge::compare
