#include "tools/rollout_choice.h"

#include <ctime>
#include <filesystem>

#include "common/config/config_file.h"
#include "common/config/version.h"
#include "src/rollout/flag_source/flag_source.h"
#include "src/rollout/flags/json_places.h"
#include "src/rollout/start_book.h"
#include "src/rollout/state_folder.h"

namespace fletbridge {
namespace {

// Whether a run with these settings can be on `stage`; one that names a transport may not.
bool Fits(const std::string& stage, const std::string& transport) {
  if (transport.empty() || stage == "auto") return true;
  return (transport == "ffi") == (stage == "3");
}

}  // namespace

std::string EnvironmentOf(const Toolbox& tools, std::string_view name) {
  for (const auto& [key, value] : tools.environment) {
    if (key == name) return value;
  }
  return {};
}

std::string StateFolderOf(const Toolbox& tools) {
  return StateFolder(EnvironmentOf(tools, "XDG_STATE_HOME"), EnvironmentOf(tools, "HOME"));
}

RolloutChoice ChooseByRollout(const Toolbox& tools, const Settings& settings, const AppPlace& app) {
  RolloutChoice choice;
  choice.address = settings.text("rollout");
  choice.asked = !choice.address.empty();
  if (!choice.asked) return choice;
  choice.installation = FindInstallation(StateFolderOf(tools));
  if (!choice.installation.kept) {
    choice.problem = "the rollout's id is for this run alone, and a crash will not be seen: " +
                     choice.installation.problem;
  }
  const Project project = ReadProject(NearestPyproject(app.folder));
  choice.context = {.installation = choice.installation.id,
                    .app = project.name.empty() ? app.name : project.name,
                    .app_version = project.version,
                    .version = std::string(Version())};
  LoadedFlags flags = LoadFlags(
      {choice.address, StateFolderOf(tools), tools.fetcher, settings.text("rollout-token")});
  choice.origin = flags.origin;
  choice.note = flags.note;
  choice.waited = flags.waited;
  if (!flags.file) {
    choice.decision = NoDecision(flags.file.error().Line());
  } else {
    choice.decision = Decide(*flags.file, choice.context, std::time(nullptr));
  }
  choice.decision.why = Printable(choice.decision.why);
  choice.note = Printable(choice.note);
  if (!choice.decision.decided && !choice.decision.killed) {
    choice.problem = "the rollout " + choice.address + " decides nothing, so stage " +
                     choice.decision.given.stage + ": " + choice.decision.why;
  }
  return choice;
}

void TakeRollout(const RolloutChoice& choice, Settings& settings) {
  const Decision& decision = choice.decision;
  const SettingSource source =
      decision.killed ? SettingSource::kKillSwitch : SettingSource::kRollout;
  const std::string where = "rollout " + choice.address + ": " + decision.why;
  const SettingValue& transport = settings.Get("transport");
  const bool open = source > transport.source;
  // Who has chosen a transport has chosen among the stages that have it.
  if (!open && !Fits(decision.given.stage, transport.text)) return;
  const bool takes = source > settings.Get("stage").source;
  settings.Offer("stage", {decision.given.stage, source, where});
  if (takes && open) settings.Offer("transport", {decision.given.transport, source, where});
  settings.Offer("fallback", {"true", SettingSource::kRollout, "rollout " + choice.address});
}

void NoteRollout(const Toolbox& tools, const Settings& settings, const AppPlace& app,
                 const RolloutChoice& choice, RunRequest& request) {
  const SettingSource source = settings.Get("stage").source;
  const bool killed = source == SettingSource::kKillSwitch;
  request.rollout = {choice.address, choice.decision.answer.variant, choice.decision.why,
                     source == SettingSource::kRollout || killed};
  if (!choice.installation.kept) {  // where an id cannot be kept, nothing can
    if (!settings.text("metrics").empty())
      PrintMessage(tools, "no metrics are written: " + choice.installation.problem);
    return;
  }
  BookOptions book;
  book.folder = StateFolderOf(tools);
  book.app_id = AppId(app.path);
  book.app = choice.context.app;
  book.versions = "app " + choice.context.app_version;
  // A script without a version of its own is another one once it has changed.
  std::filesystem::path file = std::filesystem::path(tools.cwd) / app.script;
  if (std::error_code error; std::filesystem::is_directory(file, error)) file /= "__main__.py";
  if (const Result<std::string> script = ReadSmallFile(file.string(), std::size_t{1} << 20);
      script && choice.context.app_version.empty()) {
    book.versions += AppId(*script);
  }
  book.versions += ", fletbridge " + choice.context.version;
  book.app_version = choice.context.app_version;
  book.fletbridge_version = choice.context.version;
  book.metrics = settings.text("metrics");
  book.backoff_s = static_cast<std::int64_t>(settings.number("rollout-backoff"));
  book.may_lower = source <= SettingSource::kRollout || killed;
  request.guard = ToText(book);
}

}  // namespace fletbridge
