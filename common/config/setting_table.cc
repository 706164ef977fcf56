#include "common/config/setting_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <limits>

namespace fletbridge {
namespace {

constexpr std::string_view kStage = "Stage and UI";
constexpr std::string_view kApp = "The app";
constexpr std::string_view kFiles = "Files";
constexpr std::string_view kTalk = "Messages";
constexpr std::string_view kLimits = "Limits";
constexpr std::string_view kNotYet = "Known, but not served by this version";

// Flet's frames could count twice as much in their 32 bits; no machine holds such queues.
constexpr std::uint64_t kMaxPayload = std::uint64_t{2} << 30;

constexpr std::uint64_t kMaxSeconds = std::uint64_t{366} * 24 * 3600;

constexpr std::string_view kNoMobile =
    "mobile devices are not in this version; use `flet run` for them";

const std::vector<SettingSpec>& Table() {
  static const std::vector<SettingSpec> table = {
      {.name = "stage",
       .kind = SettingKind::kChoice,
       .metavar = "legacy|1|2|3|auto",
       .initial = "auto",
       .group = kStage,
       .help =
           "Where the app runs: 1 in a process of its own, 2 in this process over sockets, 3 in "
           "this process over direct calls; legacy in a process of its own behind a broker, a "
           "third one; auto takes the highest of 1 to 3 that works",
       .allowed = {"legacy", "1", "2", "3", "auto"}},
      {.name = "transport",
       .kind = SettingKind::kChoice,
       .metavar = "uds|tcp|ffi|ws",
       .group = kStage,
       .help = "How packets travel: a Unix socket or loopback TCP (stages 1 and 2), direct calls "
               "(stage 3), WebSockets (stage legacy); the stage's own default if not given",
       .allowed = {"uds", "tcp", "ffi", "ws"}},
      {.name = "ui",
       .kind = SettingKind::kChoice,
       .metavar = "desktop|webview|web|headless|attach[=ADDRESS]|auto",
       .initial = "auto",
       .group = kStage,
       .help = "What shows the app: desktop opens a window with Flet's own client, webview opens "
               "one with Flet's web client in it, web serves that client to browsers, headless "
               "runs --steps, attach waits for a Flet "
               "client at unix:PATH or tcp:HOST:PORT; auto opens "
               "a window where there is a display",
       .allowed = {"desktop", "webview", "web", "headless", "attach", "attach=unix:PATH",
                   "attach=tcp:HOST:PORT", "auto"}},
      {.name = "web",
       .letter = 'w',
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kStage,
       .help = "The same as --ui web"},
      {.name = "port",
       .letter = 'p',
       .kind = SettingKind::kInteger,
       .metavar = "PORT",
       .initial = "8550",
       .group = kStage,
       .help = "web: the port that browsers are served at; 0 takes one that is free",
       .maximum = 65535},
      {.name = "host",
       .kind = SettingKind::kString,
       .metavar = "HOST",
       .initial = "127.0.0.1",
       .group = kStage,
       .help = "web: the address of this machine to listen at; * for all of them"},
      {.name = "public",
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kStage,
       .help = "web: serve everybody who can reach the address; else it has a token, which whoever "
               "opens it needs"},
      {.name = "trusted-proxy",
       .kind = SettingKind::kString,
       .metavar = "ADDRESS",
       .group = kStage,
       .help =
           "web: a server in front, by its address or network (10.0.0.0/8), whose X-Forwarded-For, "
           "-Proto, -Host and -Prefix count; may be repeated"},
      {.name = "browser",
       .kind = SettingKind::kBool,
       .initial = "true",
       .group = kStage,
       .help = "web: open a browser where the app asks for one, "
               "ft.run(view=ft.AppView.WEB_BROWSER); --no-browser to leave that to you"},
      {.name = "web-client",
       .kind = SettingKind::kPath,
       .metavar = "DIR",
       .group = kStage,
       .help = "web: the folder of Flet's own web client; else that of the package flet-web beside "
               "the app's flet"},
      {.name = "workers",
       .kind = SettingKind::kInteger,
       .metavar = "N",
       .initial = "1",
       .group = kStage,
       .help = "web: how many processes of the app serve the address; a browser stays with the one "
               "that has its session",
       .minimum = 1,
       .maximum = 64},
      {.name = "drain",
       .kind = SettingKind::kInteger,
       .metavar = "SECONDS",
       .initial = "0",
       .group = kStage,
       .help = "web: how long the sessions that there are may go on after SIGTERM, while no others "
               "are taken",
       .maximum = 86400},
      {.name = "metrics-address",
       .kind = SettingKind::kString,
       .metavar = "[HOST:]PORT",
       .group = kStage,
       .help = "web: an address of their own for /metrics, /healthz and /readyz; HOST is 127.0.0.1 "
               "if not given"},
      {.name = "web-key",
       .kind = SettingKind::kPath,
       .metavar = "FILE",
       .group = kStage,
       .help = "web: a file with 32 random bytes or more, from which the token and the cookies are "
               "made: then they hold for every process and machine that has it, and for the next "
               "start"},
      {.name = "mode",
       .kind = SettingKind::kChoice,
       .metavar = "auto|direct|relayed",
       .initial = "auto",
       .group = kStage,
       .help = "desktop: direct gives the client the app's own socket, so that no packet passes "
               "through us (stages 1 and 2, both of one wire generation); relayed carries them; "
               "auto takes direct where that can be",
       .allowed = {"auto", "direct", "relayed"}},
      {.name = "flet-client",
       .kind = SettingKind::kPath,
       .metavar = "DIR",
       .group = kStage,
       .help = "desktop: Flet's own client, a folder or a .tar.gz archive; else the best of "
               "`fletbridge client list`"},
      {.name = "hidden",
       .letter = 'n',
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kStage,
       .help = "desktop: start with the window hidden, for the app to show it"},
      {.name = "hosting",
       .kind = SettingKind::kChoice,
       .metavar = "interpreter|static|library|auto",
       .initial = "auto",
       .group = kStage,
       .help = "Stages 2 and 3: where the interpreter runs: in its own executable, which loads us; "
               "in one of ours with a static libpython; in this one, with the shared libpython; "
               "auto takes the fastest that works",
       .allowed = {"interpreter", "static", "library", "auto"}},
      {.name = "accelerators",
       .kind = SettingKind::kChoice,
       .metavar = "all|none|verify|NAME,…",
       .initial = "all",
       .group = kStage,
       .help =
           "What speeds up Flet's own Python beside any transport: generated-code keeps the code "
           "that Python compiles at each start; the others do natively what Flet does in Python, "
           "where they know its code; verify has Flet's own code do it as well and reports each "
           "difference; none leaves it alone",
       .allowed = {"all", "none", "verify"},
       .names = {"generated-code", "creation", "diff", "events", "encoding", "switching",
                 "collecting", "scan"}},
      {.name = "fallback",
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kStage,
       .help = "Let a stage asked for by name be replaced by the next lower one that works"},
      {.name = "rollout",
       .kind = SettingKind::kPath,
       .metavar = "FILE|DIR|URL",
       .group = kStage,
       .help = "A flag file in flagd's format that says which stage this installation gets, a "
               "folder with fletbridge.flagd.json in it, or where it is served; see `fletbridge "
               "rollout`"},
      {.name = "rollout-token",
       .kind = SettingKind::kPath,
       .metavar = "FILE",
       .group = kStage,
       .help = "With a rollout at an https address: a file with the token that it wants to hear"},
      {.name = "rollout-backoff",
       .kind = SettingKind::kInteger,
       .metavar = "SECONDS",
       .initial = "3600",
       .group = kStage,
       .help = "With a rollout: how long a stage that failed twice in a row rests, doubled at each "
               "further failure",
       .minimum = 1,
       .maximum = 2592000},
      {.name = "python",
       .kind = SettingKind::kPath,
       .metavar = "PATH",
       .group = kApp,
       .help =
           "The interpreter or virtual environment; else $VIRTUAL_ENV, .venv beside the app or in "
           "the folders above up to its pyproject.toml, python3"},
      {.name = "assets",
       .letter = 'a',
       .kind = SettingKind::kPath,
       .metavar = "DIR",
       .group = kApp,
       .help = "The app's folder of images, fonts and the like; relative to the app's own folder",
       .beside_app = true},
      {.name = "upload-dir",
       .kind = SettingKind::kPath,
       .metavar = "DIR",
       .group = kApp,
       .help = "web: the folder for the files that browsers upload, in place of the app's own "
               "ft.run(upload_dir=...); relative to the app's own folder",
       .beside_app = true},
      {.name = "name",
       .kind = SettingKind::kString,
       .metavar = "NAME",
       .group = kApp,
       .help = "The app's name, for apps that share one address"},
      {.name = "directory",
       .letter = 'd',
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kApp,
       .help = "Hot reload: start the app again whenever a file in the script's folder is saved; "
               "the UI stays",
       .in_files = false},
      {.name = "recursive",
       .letter = 'r',
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kApp,
       .help = "The same for that folder and all below it",
       .in_files = false},
      {.name = "ignore-dirs",
       .kind = SettingKind::kString,
       .metavar = "DIRS",
       .group = kApp,
       .help = "With -d or -r: folders not to watch, names or paths with commas between them; "
               "hidden folders, __pycache__, node_modules and virtual environments never are"},
      {.name = "verbose",
       .letter = 'v',
       .kind = SettingKind::kInteger,
       .initial = "0",
       .group = kApp,
       .help = "Show Flet's own log; -vv shows more of it",
       .maximum = 2,
       .counted = true},
      {.name = "steps",
       .kind = SettingKind::kPath,
       .metavar = "FILE",
       .group = kFiles,
       .help = "What is done in the headless UI, or beside a window, one step a line"},
      {.name = "report",
       .kind = SettingKind::kPath,
       .metavar = "FILE",
       .group = kFiles,
       .help = "Write a JSON report of the run: what was used, times, packets, latency"},
      {.name = "metrics",
       .kind = SettingKind::kPath,
       .metavar = "FILE.prom",
       .group = kFiles,
       .help = "With a rollout: write starts, failures and times per stage for node_exporter's "
               "textfile collector"},
      {.name = "record",
       .kind = SettingKind::kPath,
       .metavar = "FILE",
       .group = kFiles,
       .help = "Record the session, for `fletbridge replay`, `diff` and `inspect`"},
      {.name = "record-limit",
       .kind = SettingKind::kBytes,
       .metavar = "BYTES",
       .initial = "64MiB",
       .group = kFiles,
       .help = "Of all files of a recording: FILE keeps the beginning, FILE.1, FILE.2 and so on "
               "the latest",
       .minimum = std::uint64_t{64} << 10,
       .maximum = std::uint64_t{1} << 50},
      {.name = "redact",
       .kind = SettingKind::kString,
       .metavar = "NAMES",
       .group = kFiles,
       .help = "Besides password fields, leave these out of a recording: keys, data or labels of "
               "controls, or keys in an event's data, with commas between them"},
      {.name = "config",
       .kind = SettingKind::kPath,
       .metavar = "FILE",
       .group = kFiles,
       .help = "A .toml or .json file of settings to read in place of the user's own",
       .in_files = false},
      {.name = "log-level",
       .kind = SettingKind::kChoice,
       .metavar = "error|warning|info|debug",
       .initial = "info",
       .group = kTalk,
       .help = "How much fletbridge says; debug shows the life cycle",
       .allowed = {"error", "warning", "info", "debug"}},
      {.name = "quiet",
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kTalk,
       .help = "Say nothing but warnings and errors, unless --log-level is given"},
      {.name = "start-deadline",
       .kind = SettingKind::kInteger,
       .metavar = "SECONDS",
       .group = kLimits,
       .help = "How long the app may take until it listens, and then until it answers its first "
               "client; 0 for as long as it likes. If not given: 120 with --steps, else 0. A "
               "debugger, and input() at a terminal, have all the time",
       .maximum = kMaxSeconds},
      {.name = "first-frame-deadline",
       .kind = SettingKind::kInteger,
       .metavar = "SECONDS",
       .group = kLimits,
       .help = "With --steps: how long main() may take until it has drawn something; 0 for as long "
               "as it likes. If not given: 120",
       .maximum = kMaxSeconds},
      {.name = "end-deadline",
       .kind = SettingKind::kInteger,
       .metavar = "SECONDS",
       .group = kLimits,
       .help = "How long the app's own work may take after its UI has closed; then it is ended by "
               "force, and the exit code is not 0. 0 for as long as it likes. If not given: 60 "
               "with --steps, else 0",
       .maximum = kMaxSeconds},
      {.name = "max-packet",
       .kind = SettingKind::kBytes,
       .metavar = "BYTES",
       .initial = "64MiB",
       .group = kLimits,
       .help = "A larger packet is refused and the session goes on",
       .minimum = 1,
       .maximum = kMaxPayload},
      {.name = "high-water",
       .kind = SettingKind::kBytes,
       .metavar = "BYTES",
       .initial = "16MiB",
       .group = kLimits,
       .help = "With more than this waiting for a slow reader, the sender is held",
       .minimum = 1,
       .maximum = kMaxPayload},
      {.name = "ios",
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kNotYet,
       .help = "Show the app on an iOS device",
       .refusal = kNoMobile},
      {.name = "android",
       .kind = SettingKind::kBool,
       .initial = "false",
       .group = kNotYet,
       .help = "Show the app on an Android device",
       .refusal = kNoMobile},
  };
  return table;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string Kebab(std::string_view name) {
  std::string kebab(name);
  std::replace(kebab.begin(), kebab.end(), '_', '-');
  return kebab;
}

// How many letters were left out, added, replaced, or exchanged with the next one.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

bool IsAttachAddress(std::string_view text) {
  constexpr std::string_view kUnix = "attach=unix:";
  constexpr std::string_view kTcp = "attach=tcp:";
  if (text.starts_with(kUnix)) return text.size() > kUnix.size();
  return text.starts_with(kTcp) && text.size() > kTcp.size();  // the host reads the rest
}

// Those of `text`, which has commas between them, each once and in the table's order; empty if it
// has another one.
std::string ParseNames(std::span<const std::string_view> names, std::string_view text) {
  std::vector<bool> given(names.size());
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    std::string_view word = text.substr(begin, comma - begin);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    const auto found = std::find(names.begin(), names.end(), word);
    if (found == names.end()) return {};
    given[static_cast<std::size_t>(found - names.begin())] = true;
    begin = comma + 1;
  }
  std::string parsed;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (given[i]) parsed += (parsed.empty() ? "" : ",") + std::string(names[i]);
  }
  return parsed;
}

std::string Joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

Result<std::uint64_t> ParseDigits(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return MakeError(Errc::kUsage, "not a number");
  }
  return value;
}

}  // namespace

std::span<const SettingSpec> AllSettings() { return Table(); }

const SettingSpec* FindSetting(std::string_view name) {
  const std::string kebab = Kebab(name);
  const auto found = std::find_if(Table().begin(), Table().end(),
                                  [&](const SettingSpec& spec) { return spec.name == kebab; });
  return found == Table().end() ? nullptr : &*found;
}

std::size_t IndexOf(const SettingSpec& spec) {
  return static_cast<std::size_t>(&spec - Table().data());
}

std::string EnvironmentName(const SettingSpec& spec) {
  std::string name = "FLETBRIDGE_";
  for (const char c : spec.name) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string_view NearestName(std::string_view word, std::span<const std::string_view> known) {
  const std::string wanted = Kebab(Lower(word));
  std::string_view nearest;
  std::size_t least = std::clamp<std::size_t>(wanted.size() / 3, 1, 3) + 1;
  for (const std::string_view name : known) {
    const bool begun = wanted.size() >= 3 && name.starts_with(wanted);
    const std::size_t distance = begun ? 1 : EditDistance(wanted, name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string_view NearestSetting(std::string_view name) {
  std::vector<std::string_view> names;
  for (const SettingSpec& spec : Table()) {
    if (spec.refusal.empty()) names.push_back(spec.name);
  }
  return NearestName(name, names);
}

std::string AllowedText(const SettingSpec& spec) {
  switch (spec.kind) {
    case SettingKind::kChoice:
      return "one of " + Joined(spec.allowed) +
             (spec.names.empty() ? ""
                                 : ", or any of " + Joined(spec.names) + ", with commas between");
    case SettingKind::kBool:
      return "true or false";
    case SettingKind::kBytes:
      return "a size from " + FormatBytes(spec.minimum) + " to " + FormatBytes(spec.maximum) +
             ", such as 64MiB, 16M or 65536";
    case SettingKind::kInteger:
      return "a whole number from " + std::to_string(spec.minimum) + " to " +
             std::to_string(spec.maximum);
    case SettingKind::kString:
      return "a text that is not empty";
    case SettingKind::kPath:
      return "a path";
  }
  return {};
}

Result<std::string> ParseSetting(const SettingSpec& spec, std::string_view text) {
  const auto refuse = [&] { return MakeError(Errc::kUsage, "use " + AllowedText(spec)); };
  switch (spec.kind) {
    case SettingKind::kChoice: {
      const bool known =
          std::find(spec.allowed.begin(), spec.allowed.end(), text) != spec.allowed.end();
      if (spec.name == "ui" && text.starts_with("attach=")) {
        if (!IsAttachAddress(text)) return refuse();
      } else if (!known && !spec.names.empty()) {
        std::string names = ParseNames(spec.names, text);
        if (names.empty()) return refuse();
        return names;
      } else if (!known) {
        return refuse();
      }
      return std::string(text);
    }
    case SettingKind::kBool: {
      const std::string lower = Lower(text);
      for (const std::string_view yes : {"true", "1", "yes", "on"}) {
        if (lower == yes) return std::string("true");
      }
      for (const std::string_view no : {"false", "0", "no", "off"}) {
        if (lower == no) return std::string("false");
      }
      return refuse();
    }
    case SettingKind::kBytes:
    case SettingKind::kInteger: {
      const Result<std::uint64_t> value =
          spec.kind == SettingKind::kBytes ? ParseBytes(text) : ParseDigits(text);
      if (!value || *value < spec.minimum || *value > spec.maximum) return refuse();
      return std::to_string(*value);
    }
    case SettingKind::kString:
    case SettingKind::kPath:
      if (text.empty() || text.find('\0') != std::string_view::npos) return refuse();
      return std::string(text);
  }
  return refuse();
}

Result<std::uint64_t> ParseBytes(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{}) return MakeError(Errc::kUsage, "not a size");
  std::string unit = Lower({stop, static_cast<std::size_t>(end - stop)});
  if (unit.starts_with(' ')) unit.erase(0, 1);
  unsigned shift = 0;
  if (unit == "k" || unit == "kib") {
    shift = 10;
  } else if (unit == "m" || unit == "mib") {
    shift = 20;
  } else if (unit == "g" || unit == "gib") {
    shift = 30;
  } else if (!unit.empty() && unit != "b") {
    return MakeError(Errc::kUsage, "not a size");
  }
  if (value > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    return MakeError(Errc::kUsage, "too large a size");
  }
  return value << shift;
}

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && (bytes >> (10 * (unit + 1))) != 0) ++unit;
  if (unit == 0) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  const double value =
      static_cast<double>(bytes) / static_cast<double>(std::uint64_t{1} << (10 * unit));
  char text[32];
  const bool whole = bytes % (std::uint64_t{1} << (10 * unit)) == 0;
  std::snprintf(text, sizeof text, whole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::string quoted = "\"";
  for (const char c : text.substr(0, kLongest)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + (text.size() > kLongest ? "…\"" : "\"");
}

}  // namespace fletbridge
