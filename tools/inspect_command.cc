// Room: tools. `fletbridge inspect FILE`: what a recording holds, for people; its frames and the
// control tree as JSON, for programs.
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "common/config/setting_table.h"
#include "common/wire/session.h"
#include "src/recording/readable.h"
#include "src/recording/recording.h"
#include "tools/command_line.h"
#include "tools/recorded_steps.h"

namespace fletbridge {
namespace {

using recording::Direction;
using recording::Entry;
using recording::Recording;
using wire::Value;

constexpr std::string_view kFooter =
    "Exit code 0 if the recording could be read up to its end or to where it was cut, else 2.\n"
    "\n"
    "Examples:\n"
    "  fletbridge inspect shop.rec                    what it tells of itself, and its frames\n"
    "  fletbridge inspect shop.rec --frames 10..20    these, whole, as JSON, one a line\n"
    "  fletbridge inspect shop.rec --tree             the page as it stands at the end, as JSON\n"
    "  fletbridge inspect shop.rec --tree --frames 1..20\n"
    "                                                 the page after frame 20\n"
    "  fletbridge inspect shop.rec --steps > steps.txt\n"
    "                                                 its input, to be run again and edited\n";

// Frames from the first to the last, both counted.
struct Range {
  std::size_t first = 1;
  std::size_t last = SIZE_MAX;
};

Result<Range> ReadRange(const std::string& text) {
  const auto number = [](std::string_view digits, std::size_t& into) {
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return read.ec == std::errc{} && read.ptr == digits.data() + digits.size();
  };
  Range range;
  const std::string_view all = text;
  const std::size_t dots = all.find("..");
  bool good = number(all.substr(0, dots), range.first);
  range.last = range.first;
  if (dots != std::string_view::npos) {
    const std::string_view last = all.substr(dots + 2);
    range.last = SIZE_MAX;
    good = good && (last.empty() || number(last, range.last));
  }
  if (good && range.first >= 1 && range.first <= range.last) return range;
  return MakeError(Errc::kUsage, "--frames " + Quoted(text) +
                                     " is not allowed; use N, N.. or N..M, counted from 1");
}

std::string Seconds(std::int64_t ns) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3f", static_cast<double>(ns) / 1e9);
  return text.data();
}

std::string Moment(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text;
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text.data();
}

std::string Cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most) + "…";
}

// What a message says, in few words.
struct Summary {
  using Text = std::string;
  static Text Json(const Value& value) { return recording::ToJson(value); }
  static Text Of(std::int64_t id) { return " of " + std::to_string(id) + "  "; }

  Text operator()(const wire::Register&) const { return "register"; }
  Text operator()(const wire::RegisterAnswer&) const { return "registered"; }
  Text operator()(const wire::Patch& m) const {
    // As the newest generation writes it.
    const Result<Value> shown = wire::Newest().Show(wire::Newest().EncodeOne(m).span());
    return "patch" + Of(wire::RootOf(m, 0)) +
           (shown ? Json(wire::In(*shown->AsList()->items[1].AsMap(), "patch")) : Text());
  }
  Text operator()(const wire::FlatPatch& m) const {
    const wire::Codec& codec = *wire::CodecOf(Generation::kG1);
    const Result<Value> shown = codec.Show(codec.EncodeOne(m).span());
    return "changes  " + (shown ? Json(wire::In(*shown->AsMap(), "payload")) : Text());
  }
  Text operator()(const wire::ControlEvent& m) const {
    return "event " + m.name + " on " + std::to_string(m.target) + "  " + Json(m.data);
  }
  Text operator()(const wire::UpdateProps& m) const {
    return "properties" + Of(m.id) + Json(m.props);
  }
  Text operator()(const wire::MethodResult& m) const {
    return "answer" + Of(m.control_id) + (m.error ? "error " + Json(*m.error) : Json(m.result));
  }
  Text operator()(const wire::InvokeMethod& m) const {
    return "call " + m.name + Of(m.control_id) + (m.args.is_nil() ? Text() : Json(m.args));
  }
  Text operator()(const wire::SessionCrashed& m) const { return "crash  " + Json(m.message); }
  Text operator()(const wire::PythonOutput& m) const { return "output  " + Json(m.text); }
  Text operator()(const wire::Other& m) const {
    return "action " + std::to_string(m.action) + "  ";
  }
};

std::string SummaryOf(const Entry& entry, const wire::Codec& codec) {
  if ((entry.flags & recording::kWithheld) != 0) return "left out: it could not be read";
  if (entry.type == PacketType::kData) return "data";
  if (entry.type != PacketType::kControl)
    return "type " + std::to_string(static_cast<int>(entry.type));
  const Result<wire::Message> message = recording::MessageIn(entry, codec);
  std::string text = message ? std::visit(Summary(), *message) : "no message";
  if ((entry.flags & recording::kMasked) != 0) text += "  (masked)";
  return text;
}

void PrintInfo(const Toolbox& tools, const Recording& recording) {
  const recording::Info& info = recording.info();
  const auto line = [&](std::string_view name, const std::string& text) {
    if (!text.empty())
      tools.out << name << std::string(12 - name.size(), ' ') << recording::Printable(text) << "\n";
  };
  std::string app = info.script.empty() ? "-m " + info.module : info.script;
  for (const std::string& argument : info.arguments) app += " " + argument;
  line("app", app);
  line("recorded", Moment(info.started_unix_ns) + ", " + Seconds(recording.duration_ns()) + " s");
  line("stage", info.stage + " (" + info.transport +
                    (info.hosting.empty() ? "" : ", hosting " + info.hosting) + "), " + info.ui);
  std::string versions = "fletbridge " + info.fletbridge;
  if (!info.flet.empty()) versions += ", Flet " + info.flet;
  if (!info.python.empty()) versions += ", Python " + info.python;
  line("versions", versions);
  if (info.generation >= 0) {
    std::string generation = std::to_string(info.generation);
    if (info.client_generation > 0 && info.client_generation != info.generation)
      generation += ", its client's " + std::to_string(info.client_generation);
    line("generation", generation);
  }
  line("platform", info.platform);
  line("replay of", info.replay_of);
  std::size_t packets[2] = {0, 0};
  std::size_t bytes[2] = {0, 0};
  for (const Entry& entry : recording.entries()) {
    if (entry.kind != Entry::Kind::kPacket) continue;
    ++packets[static_cast<std::size_t>(entry.direction)];
    bytes[static_cast<std::size_t>(entry.direction)] += entry.payload.size();
  }
  line("frames", std::to_string(recording.packets()) + ": " + std::to_string(packets[0]) +
                     " to the app (" + FormatBytes(bytes[0]) + "), " + std::to_string(packets[1]) +
                     " to the UI (" + FormatBytes(bytes[1]) + ")");
  if (recording.end()) {
    line("end",
         "exit code " + std::to_string(recording.end()->code) + ": " + recording.end()->reason);
  }
  for (const std::string& flaw : recording.flaws()) line("flaw", flaw);
}

void PrintTable(const Toolbox& tools, const Recording& recording) {
  tools.out << "\n";
  for (const Entry& entry : recording.entries()) {
    if (entry.kind == Entry::Kind::kGap) tools.out << "        -- files are missing here --\n";
    if (entry.kind == Entry::Kind::kSession) tools.out << "        -- another client --\n";
    if (entry.kind != Entry::Kind::kPacket) continue;
    std::array<char, 64> head;
    std::snprintf(head.data(), head.size(), "%6zu %9s s  %s %7zu B  ", entry.number,
                  Seconds(entry.at_ns).c_str(),
                  entry.direction == Direction::kToApp ? "> app" : "< ui ", entry.payload.size());
    tools.out << head.data() << Cut(recording::Printable(SummaryOf(entry, recording.codec())), 100)
              << "\n";
  }
}

void PrintFrames(const Toolbox& tools, const Recording& recording, const Range& range) {
  for (const Entry& entry : recording.entries()) {
    if (entry.kind != Entry::Kind::kPacket || entry.number < range.first ||
        entry.number > range.last)
      continue;
    Value message;
    if (entry.type == PacketType::kControl && (entry.flags & recording::kWithheld) == 0) {
      if (Result<Value> read = recording.codec().Show(entry.payload); read)
        message = std::move(*read);
    }
    tools.out << recording::ToJson(
                     Value::MapOf({{"frame", entry.number},
                                   {"at_ns", entry.at_ns},
                                   {"to", entry.direction == Direction::kToApp ? "app" : "ui"},
                                   {"type", static_cast<int>(entry.type)},
                                   {"bytes", entry.payload.size()},
                                   {"masked", (entry.flags & recording::kMasked) != 0},
                                   {"withheld", (entry.flags & recording::kWithheld) != 0},
                                   {"message", std::move(message)}}))
              << "\n";
  }
}

Result<> PrintTree(const Toolbox& tools, const Recording& recording, std::size_t last) {
  wire::Session session;
  for (const Entry& entry : recording.entries()) {
    if (entry.number > last) break;
    if (entry.kind == Entry::Kind::kSession) session.Reset();
    if (entry.kind == Entry::Kind::kState) {
      if (Result<Value> page = wire::Decode(entry.payload, wire::kStateLimits); page)
        session.Restore(std::move(*page));
    }
    if (entry.kind != Entry::Kind::kPacket || entry.type != PacketType::kControl) continue;
    Result<wire::Message> message = recording::MessageIn(entry, recording.codec());
    if (!message && !recording.codec().Check(entry.payload)) continue;
    const Result<bool> applied = message ? session.Apply(*message) : message.error();
    if (!applied) {
      return MakeError(Errc::kUsage, "frame " + std::to_string(entry.number) +
                                         " does not fit the page: " + applied.error().Line());
    }
  }
  if (session.tree() == nullptr)
    return MakeError(Errc::kUsage, "no client had registered by then: there is no page");
  tools.out << recording::ToJson(session.page(), 2) << "\n";
  return {};
}

}  // namespace

int InspectCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Shows what a recording holds.", "inspect");
  command.formatter(HelpShape("fletbridge inspect [options] FILE"));
  command.footer(std::string(kFooter));
  std::string file;
  std::string frames;
  bool tree = false;
  bool steps = false;
  AddWord(command, "FILE", file);
  command.add_option("--frames", frames, "Print these frames as JSON, one a line")
      ->option_text("N..M")
      ->group("Options");
  command.add_flag("--tree", tree, "Print the page as it stands after the last frame, as JSON")
      ->group("Options");
  command.add_flag("--steps", steps, "Print its input as steps, for run --steps")
      ->group("Options")
      ->excludes("--tree")
      ->excludes("--frames");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;

  Range range;
  if (!frames.empty()) {
    const Result<Range> read = ReadRange(frames);
    if (!read) return PrintError(tools, read.error());
    range = *read;
  }
  const Result<Recording> recording = Recording::Load(file);
  if (!recording) return PrintError(tools, recording.error());
  if (steps) {
    tools.out << StepsOf(*recording, file);
    return 0;
  }
  if (tree) {
    const Result<> printed = PrintTree(tools, *recording, range.last);
    return printed ? 0 : PrintError(tools, printed.error());
  }
  if (!frames.empty()) {
    PrintFrames(tools, *recording, range);
    return 0;
  }
  PrintInfo(tools, *recording);
  PrintTable(tools, *recording);
  return 0;
}

}  // namespace fletbridge
