// Room: tools. `fletbridge diff A B`: whether two recordings of the same input say the same.
#include "common/measure/run_report.h"
#include "src/recording/diff/report.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

using recording::Recording;

constexpr std::string_view kFooter =
    "Compares what the page is whenever an input comes, and at the end, the calls the app makes "
    "and\n"
    "what it raises. Numbers of controls and the order of maps do not count.\n"
    "Exit code 0: the same; 1: there are differences; 2: wrong usage; 70: a failure of ours.\n"
    "\n"
    "Examples:\n"
    "  fletbridge diff old.rec new.rec\n"
    "  fletbridge diff old.rec new.rec --mask time --mask '*Text #clock . value'\n"
    "  fletbridge diff old.rec new.rec --mask 're:Text \"Order [0-9]+\"' --html report.html\n";

}  // namespace

int DiffCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Compares two recordings by what they say.", "diff");
  command.formatter(HelpShape("fletbridge diff [options] A B"));
  command.footer(std::string(kFooter));
  std::string file_a;
  std::string file_b;
  std::vector<std::string> masks;
  std::string html;
  bool json = false;
  AddWord(command, "A", file_a);
  AddWord(command, "B", file_b);
  command.add_option("--mask", masks)
      ->allow_extra_args(false)
      ->option_text("MASK")
      ->group("Options")
      ->description(
          "Differences that do not count: time or random, which pass over such parts of values; a "
          "pattern with * for the path that is shown; re:EXPRESSION. May be repeated");
  command.add_option("--html", html, "Write a report for people, in one file")
      ->option_text("FILE")
      ->group("Options");
  command.add_flag("--json", json, "Print one JSON object")->group("Options");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;

  const Result<diff::Mask> mask = diff::Mask::Of(masks);
  if (!mask) return PrintError(tools, mask.error());
  const Result<Recording> a = Recording::Load(file_a);
  if (!a) return PrintError(tools, a.error());
  const Result<Recording> b = Recording::Load(file_b);
  if (!b) return PrintError(tools, b.error());
  for (const auto& [name, one] : {std::pair(file_a, &*a), std::pair(file_b, &*b)}) {
    for (const std::string& flaw : one->flaws()) PrintMessage(tools, name + ": " + flaw);
  }
  const diff::Comparison comparison = diff::Compare(diff::TrackOf(*a), diff::TrackOf(*b), *mask);
  const diff::Side side_a{file_a, a->info()};
  const diff::Side side_b{file_b, b->info()};
  tools.out << (json ? diff::JsonReport(comparison, side_a, side_b)
                     : diff::TextReport(comparison, side_a, side_b));
  if (!html.empty()) {
    if (const Result<> written =
            WriteReportText(html, diff::HtmlReport(comparison, side_a, side_b));
        !written)
      return PrintError(tools, written.error());
  }
  return comparison.same() ? 0 : 1;
}

}  // namespace fletbridge
