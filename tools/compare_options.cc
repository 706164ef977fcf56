#include "tools/compare_options.h"

namespace fletbridge {
namespace {

constexpr const char* kFooter =
    "VARIANT: legacy, 1:uds, 1:tcp, 2:uds, 2:tcp or 3, with a hosting where wanted (3@static); "
    "flet:uds, "
    "flet:tcp: Flet\n"
    "alone, with our headless client; flet:0.28.3: another Flet, which --flet names; original:ffi, "
    "bridge:ffi: as `flet build` packages it, on "
    "flet-dev's\n"
    "libdart_bridge.so or on ours. Our stages run without accelerators, but for "
    "2:uds+accelerators.\n"
    "--ui desktop measures windows from outside, at a display of its own, flet:… with Flet's own "
    "client. Its\n"
    "steps are `click at X,Y watch X,Y,WIDTH,HEIGHT`: until something changes there.\n"
    "Exit code 0; 1 if a threshold was passed or a self-test found a difference; 2 for wrong "
    "usage; 70 if a\n"
    "variant failed or a report could not be written: what was measured is still shown; 130 after "
    "Ctrl-C.\n"
    "\n"
    "Examples:\n"
    "  fletbridge compare app.py --html report.html        what can be clicked on its first page\n"
    "  fletbridge compare app.py --dry-run                 what would be clicked\n"
    "  fletbridge compare app.py --click key=next --stages flet:uds,3\n"
    "  fletbridge compare --workload click,draw            a built-in app\n"
    "  fletbridge compare --workload rows,js-framework --stages flet:uds,3,3+accelerators\n"
    "  fletbridge compare app.py --stages flet:0.28.3,3 --flet 0.28.3=OLD_VENV,old_app.py\n"
    "  fletbridge compare app.py --ui desktop --stages flet:uds,1:uds,2:uds\n"
    "  fletbridge compare app.py --save before, then --against before\n"
    "  fletbridge compare --self-test                      a stage with itself\n";

}  // namespace

const char* CompareFooter() { return kFooter; }

void AddOptions(CLI::App& command, CompareOptions& options) {
  command
      .add_option("--stages", options.stages,
                  std::string("What to compare (default ") + kDefaultStages + ")")
      ->option_text("VARIANT,…")
      ->group("What");
  command
      .add_option("--baseline", options.baseline,
                  "What the others are compared with (default: the first)")
      ->option_text("VARIANT")
      ->group("What");
  command
      .add_option("--flet", options.others,
                  "For the variant flet:VERSION: that Flet's interpreter or environment, and the "
                  "app written for it, if that is another; may be repeated")
      ->option_text("VERSION=PYTHON[,SCRIPT]")
      ->allow_extra_args(false)
      ->group("What");
  command
      .add_option(
          "--workload", options.workload,
          "Measure these alone: start-up, memory, idle of any app; without SCRIPT also the "
          "built-in apps': those of the groups transport (the default), rows and js-framework, "
          "such as click, rows-1000 or js-swap; another name lists them all")
      ->option_text("NAME,…")
      ->group("What");
  command
      .add_option("--click", options.clicks,
                  "Click this, and only what is named so, whatever it says; may be repeated")
      ->option_text("FINDER")
      ->allow_extra_args(false)
      ->group("What");
  command
      .add_option("--not", options.not_clicks,
                  "Never click this; may be repeated. What says that it deletes, sends, buys, "
                  "orders or logs out is never clicked")
      ->option_text("FINDER")
      ->allow_extra_args(false)
      ->group("What");
  command
      .add_flag("--dry-run", options.dry_run,
                "Tell what would be clicked and what would not, and why; click nothing")
      ->group("What");
  command
      .add_flag("--self-test", options.self_test,
                "Compare the first variant with itself; a difference is a failure")
      ->group("What");
  command
      .add_option("--time", options.seconds,
                  "Measure for at most so many seconds (default 90; with --ui desktop 420, for "
                  "the built-in apps 600)")
      ->option_text("SECONDS")
      ->check(CLI::Range(0.1, 86400.0))
      ->group("How");
  command
      .add_option("--precision", options.precision,
                  "End when all ratios are known within so many per cent (default 1)")
      ->option_text("PERCENT")
      ->check(CLI::Range(0.01, 100.0))
      ->group("How");
  command.add_option("--rounds", options.rounds, "End after so many rounds")
      ->option_text("N")
      ->check(CLI::Range(1, 100000))
      ->group("How");
  command
      .add_option("--seed", options.seed, "Repeat an order of the variants (default: a new one)")
      ->option_text("N")
      ->group("How");
  command.add_option("--cpus", options.cpus, "Pin everything to these processors")
      ->option_text("N,…")
      ->delimiter(',')
      ->group("How");
  command
      .add_flag(
          "--fresh-copy,!--no-fresh-copy",
          [&options](std::int64_t value) { (value > 0 ? options.fresh : options.in_place) = true; },
          "Start the app from a new copy of its folder each time, with a HOME of its own "
          "(default: if it is seen to write there, and is no larger than 64 MiB)")
      ->group("How");
  command
      .add_option("--prepare", options.prepare,
                  "A shell's command before each start, in the app's folder if that is copied")
      ->option_text("CMD")
      ->group("How");
  command.add_option("--json", options.json, "Write all figures with their histograms")
      ->option_text("FILE")
      ->group("Results");
  command.add_option("--html", options.html, "Write a page with plots, in one file")
      ->option_text("FILE")
      ->group("Results");
  command.add_option("--markdown", options.markdown, "Write tables for a pull request")
      ->option_text("FILE")
      ->group("Results");
  command
      .add_option("--csv", options.csv,
                  "Write a line for each variant of each workload, input and phase")
      ->option_text("FILE")
      ->group("Results");
  command
      .add_option("--save", options.save,
                  "Keep the results under this name, of this app, for --against")
      ->option_text("NAME")
      ->group("Results");
  command
      .add_option("--against", options.against,
                  "Tell what has become slower since an older --json, or since what was kept with "
                  "--save")
      ->option_text("OLD.json|NAME")
      ->group("Results");
  command
      .add_option("--threshold", options.threshold,
                  "With --against: more than so many per cent is a failure (default 5)")
      ->option_text("PERCENT")
      ->check(CLI::Range(0.0, 1000.0))
      ->group("Results");
}

}  // namespace fletbridge
