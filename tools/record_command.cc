// Room: tools. `fletbridge record [options] --to FILE SCRIPT [ARGS…]`: a run that is recorded.
#include "tools/command_line.h"

namespace fletbridge {
namespace {

constexpr std::string_view kFooter =
    "The same as fletbridge run --record FILE. What is typed into password fields is left out, and "
    "what\n"
    "--redact names. FILE is written while the app runs and can be read whatever ends it. Exit "
    "code 1 if\n"
    "the app raised an exception that no step expects; else as of fletbridge run.\n"
    "\n"
    "Examples:\n"
    "  fletbridge record --to shop.rec app.py\n"
    "  fletbridge record --to shop.rec --stage 1 --redact 'token,Card number' app.py\n"
    "  fletbridge inspect shop.rec\n"
    "  fletbridge replay --stage 3 shop.rec\n";

}  // namespace

int RecordCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  return RunAppCommand(
      tools, args,
      {.name = "record",
       .about = "Runs an app and records its session.",
       .words = "--to FILE SCRIPT [ARGS…] | -m MODULE [ARGS…]",
       .footer = kFooter,
       .options =
           [](CLI::App& command, TextPairs& typed) {
             command.add_option("--to")
                 ->expected(1)
                 ->allow_extra_args(false)
                 ->option_text("FILE")
                 ->group("Files")
                 ->description("Where to record; as --record")
                 ->each([&typed](const std::string& file) { typed.emplace_back("record", file); });
           },
       .complete = [](RunRequest& request) -> Result<> {
         if (!request.record_file.empty()) return {};
         return MakeError(Errc::kUsage,
                          "no file to record to; write fletbridge record --to FILE SCRIPT");
       }});
}

}  // namespace fletbridge
