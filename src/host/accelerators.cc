#include "src/host/accelerators.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/log.h"
#include "common/base/user_folder.h"
#include "common/config/setting_table.h"
#include "common/python/hosting.h"

namespace fletbridge {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kGeneratedCode = "generated-code";
// The beginning of the package's text for an accelerator with nothing to do.
constexpr std::string_view kNotNeeded = "this Flet has no such ";
constexpr std::size_t kLongestText = 300;  // bytes
constexpr std::size_t kMostEntries = 32;
constexpr std::size_t kMostShown = 3;  // differences, in the log

// The last line of the output, after anything that Flet prints when it is imported.
constexpr const char* kAsk = R"py(
import json, sys
from importlib.util import module_from_spec, spec_from_file_location
folder = sys.argv.pop(1)
spec = spec_from_file_location("fletbridge.accelerate", folder + "/__init__.py", submodule_search_locations=[folder])
package = module_from_spec(spec)
package.hosted = True
sys.modules[spec.name] = package
spec.loader.exec_module(package)
package.switch_on()
print("\n" + json.dumps({"state": package.state()}))
)py";

// One printable line of bounded length, from untrusted text.
std::string Shown(const std::string& text) {
  std::string shown = text.substr(0, kLongestText);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text.size() > kLongestText ? shown + "..." : shown;
}

bool IsName(const std::string& text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || c == '-';
  });
}

std::string Joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// Where the shim keeps the code that Python generates for this Flet, without what the shim adds to
// the name, or why it is to keep none.
std::string CodeCache(const Interpreter& python, std::string& obstacle) {
  const std::string folder = UserCacheFolder();
  const char* no_bytecode = std::getenv("PYTHONDONTWRITEBYTECODE");
  if (no_bytecode != nullptr && *no_bytecode != '\0') {
    obstacle = "PYTHONDONTWRITEBYTECODE is set";
  } else if (folder.empty()) {
    obstacle = "there is no cache folder: neither XDG_CACHE_HOME nor HOME is an absolute path";
  }
  if (!obstacle.empty()) return {};
  return folder + "/generated-code/flet-" + python.flet_version;
}

// The names of the accelerators in the package, as in the setting.
std::vector<std::string> AllNames() {
  std::vector<std::string> names;
  for (const std::string_view name : FindSetting("accelerators")->names) names.emplace_back(name);
  return names;
}

// Why the package is not there; empty if it is.
std::string PackageObstacle(const std::string& package) {
  std::error_code missing;
  if (std::filesystem::exists(package + "/__init__.py", missing)) return {};
  return "there is no " + package + "; install fletbridge as a whole";
}

}  // namespace

std::uint64_t AcceleratorsTold::Counted(std::string_view name) const {
  for (const auto& [key, value] : counters) {
    if (key == name) return value;
  }
  return 0;
}

std::optional<AcceleratorsTold> ReadAcceleratorsNote(const std::string& note) {
  const Json json = Json::parse(note, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  AcceleratorsTold told;
  const Json state = json.value("state", Json());
  const Json counters = json.value("counters", Json());
  const Json differences = json.value("differences", Json());
  for (const auto& [name, why] : state.items()) {
    if (told.state.size() == kMostEntries || !IsName(name)) continue;
    if (why.is_null()) told.state[name] = {};
    if (why.is_string())
      told.state[name] = why.get_ref<const std::string&>().empty()
                             ? "it does not say why"
                             : Shown(why.get_ref<const std::string&>());
  }
  for (const auto& [name, value] : counters.items()) {
    if (told.counters.size() < kMostEntries && IsName(name) && value.is_number_unsigned())
      told.counters.emplace_back(name, value.get<std::uint64_t>());
  }
  for (const Json& difference : differences) {
    if (told.differences.size() < kMostEntries && difference.is_string())
      told.differences.push_back(Shown(difference.get_ref<const std::string&>()));
  }
  return told;
}

std::vector<RunReport::Accelerator> AskForAccelerators(const Interpreter& python) {
  std::string obstacle = PackageObstacle(AcceleratePackage());
  std::optional<AcceleratorsTold> told;
  if (!obstacle.empty()) {
    // None of them.
  } else if (const Result<std::string> text =
                 AskInterpreter(python.path, kAsk, {AcceleratePackage()});
             !text) {
    obstacle = text.error().Line();
  } else {
    if (const std::size_t begin = text->rfind("\n{"); begin != std::string::npos)
      told = ReadAcceleratorsNote(text->substr(begin, text->find('\n', begin + 1) - begin));
    obstacle = told ? "this version has no such accelerator" : "its Flet cannot be asked";
  }
  std::vector<RunReport::Accelerator> answer;
  for (const std::string& name : AllNames()) {
    std::string why = obstacle;
    if (name == kGeneratedCode) {
      why.clear();
      (void)CodeCache(python, why);
    } else if (told && told->state.contains(name)) {
      why = told->state.at(name);
    }
    answer.push_back({name, why});
  }
  return answer;
}

Accelerators::Accelerators(const RunRequest& request, std::string package,
                           const Interpreter& python)
    : quiet_(request.quiet),
      package_(std::move(package)),
      package_obstacle_(PackageObstacle(package_)) {
  const std::string& asked = request.accelerators;
  verify_ = asked == "verify";
  if (asked == "all" || verify_) {
    names_ = AllNames();
  } else if (asked != "none") {
    by_name_ = true;
    std::istringstream in(asked);
    for (std::string name; std::getline(in, name, ',');) names_.push_back(name);
  }
  if (std::find(names_.begin(), names_.end(), kGeneratedCode) != names_.end())
    code_cache_ = CodeCache(python, code_cache_obstacle_);
}

void Accelerators::GiveTo(AppSpec& spec) const {
  if (!code_cache_.empty()) spec.environment.emplace_back("FLETBRIDGE_CODE_CACHE", code_cache_);
  if (!package_obstacle_.empty()) return;
  std::vector<std::string> words = names_;
  std::erase(words, kGeneratedCode);
  if (verify_) words.emplace_back("verify");
  spec.environment.emplace_back("FLETBRIDGE_ACCELERATE", Joined(words, ",") + ":" + package_);
  spec.note_fd = note_.fd();
}

std::optional<AcceleratorsTold> Accelerators::Told() const {
  const std::optional<std::string> note = note_.Read();
  return note ? ReadAcceleratorsNote(*note) : std::nullopt;
}

std::vector<RunReport::Accelerator> Accelerators::State(
    const std::optional<AcceleratorsTold>& told) const {
  std::vector<RunReport::Accelerator> state;
  for (const std::string& name : names_) {
    std::string obstacle;
    if (name == kGeneratedCode) {
      obstacle = code_cache_obstacle_;
    } else if (told && told->state.contains(name)) {
      obstacle = told->state.at(name);
    } else if (!package_obstacle_.empty()) {
      obstacle = package_obstacle_;
    } else {
      obstacle = "the app has imported no part of Flet that it knows";
    }
    state.push_back({name, obstacle});
  }
  return state;
}

void Accelerators::AddTo(RunReport& report) const {
  const std::optional<AcceleratorsTold> told = Told();
  report.accelerators.verify = verify_;
  report.accelerators.state = State(told);
  report.used.accelerators.clear();
  for (const RunReport::Accelerator& one : report.accelerators.state) {
    if (one.obstacle.empty()) report.used.accelerators.push_back(one.name);
  }
  if (!told) return;
  report.accelerators.counters = told->counters;
  report.accelerators.differences = told->differences;
}

void Accelerators::SayWhatIsOn() {
  if (names_.empty() || std::exchange(said_, true)) return;
  std::vector<std::string> on;
  std::vector<std::string> off;
  std::string last;
  for (const RunReport::Accelerator& one : State(Told())) {
    if (one.obstacle.empty()) {
      on.push_back(one.name);
    } else if (!by_name_ && one.obstacle.starts_with(kNotNeeded)) {
      continue;
    } else if (one.obstacle == last) {
      off.back().insert(off.back().find(':'), ", " + one.name);
    } else {
      off.push_back(one.name + ": " + one.obstacle);
      last = one.obstacle;
    }
  }
  const std::string line = "accelerators: " + (on.empty() ? "none" : Joined(on, ", "));
  if (off.empty()) return Log(LogLevel::kDebug, line);
  const std::string whole = line + "; not " + Joined(off, "; not ");
  // As the line that says what runs how: for the person at a terminal.
  const bool for_person = !quiet_ && ::isatty(STDERR_FILENO) != 0;
  Log(by_name_ ? LogLevel::kWarning : for_person ? LogLevel::kInfo : LogLevel::kDebug, whole);
}

void Accelerators::SayWhatCameOfIt() {
  SayWhatIsOn();
  const std::optional<AcceleratorsTold> told = Told();
  if (!told) {
    if (verify_) Log(LogLevel::kWarning, "verify: nothing was compared");
    return;
  }
  if (const std::uint64_t failures = told->Counted("failures"); failures > 0) {
    Log(LogLevel::kWarning, "the accelerators failed in " + std::to_string(failures) +
                                " calls, which Flet's own code did instead; --accelerators none "
                                "runs that alone");
  }
  if (!verify_) return;
  const std::uint64_t found = told->Counted("differences");
  const std::string compared = std::to_string(told->Counted("compared")) + " updates compared";
  if (found == 0) {
    const bool nothing = told->Counted("compared") == 0;
    Log(nothing ? LogLevel::kWarning : LogLevel::kInfo,
        nothing ? "verify: nothing was compared" : "verify: " + compared + ", no difference");
    return;
  }
  Log(LogLevel::kWarning, "verify: " + compared + ", " + std::to_string(found) +
                              " differences from Flet's own code, whose answers were used; "
                              "--report has them");
  for (std::size_t i = 0; i < std::min(told->differences.size(), kMostShown); ++i)
    Log(LogLevel::kWarning, "verify: " + told->differences[i]);
}

}  // namespace fletbridge
