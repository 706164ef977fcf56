#include "src/host/handover.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/cause.h"
#include "common/platform/memory.h"
#include "common/process/program.h"
#include "common/python/flet_environment.h"

namespace fletbridge {

// For the library alone, which finds them by their types' namespace.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FlowLimits, max_packet, high_water, low_water)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RolloutNote, address, variant, why, chose)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WebRequest, host, port, name, client, is_public, workers, drain,
                                   metrics, key_file, token, cookie, key, worker, line,
                                   trusted_proxies, has_host, has_port, opens_browser)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunRequest, stage, transport, mode, ui, web, hosting,
                                   accelerators, attach_address, flet_client, hidden, assets,
                                   python, script, module, arguments, environment, steps_file,
                                   steps, report_file, record_file, record_limit, redact,
                                   replay_file, replay_full_speed, replay_masks, replay_wait_ms,
                                   expect_crash, fallback, quiet, limits, start_deadline,
                                   first_frame_deadline, end_deadline, watched_folder,
                                   watches_below, ignored_folders, life_line, guard, rollout)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Interpreter, path, executable, detour, major, minor, micro,
                                   libpython, libpython_hint, flet_version, flet_package, prefix,
                                   base_prefix, soabi, free_threaded, shim_obstacle,
                                   extension_obstacle)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunReport::Fallback, from, to, why)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FoundClient, folder, archive, source, version, generation,
                                   pinned)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LaunchPlan, stage, transport, hostings, hosting_why, why,
                                   fallbacks, doubtful, shown_by, no_window, client, may_be_web,
                                   refusal, direct, mode_why, flet_version, accelerators_package,
                                   start_record, is_client, reloads)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Handover, request, python, plan, start_ns, log_level, errors)

namespace {

using Json = nlohmann::json;

Error Failed(const std::string& what, const std::string& why) {
  return MakeError(Errc::kSetup, what + ": " + why + "; choose another with --hosting");
}

}  // namespace

Result<UniqueFd> WriteHandover(const Handover& handover) {
  // Binary, since arguments and paths may be invalid UTF-8.
  const std::vector<std::uint8_t> bytes = Json::to_cbor(Json(handover));
  const auto refused = [](int number) {
    return MakeError(Errc::kSetup, "cannot hand the run over to the program that hosts Python: " +
                                       CauseAndRemedy(number, "use --stage 1"));
  };
  const UniqueFd low = platform::MakeMemory("fletbridge");
  if (!low) return refused(errno);
  // A number that no shell script uses, since the interpreter may be started by one; and a lower
  // one where the limit of descriptors does not let us have it.
  UniqueFd fd(::fcntl(low.get(), F_DUPFD, 100));
  if (!fd && errno == EINVAL) fd.reset(::fcntl(low.get(), F_DUPFD, 10));
  if (!fd) return refused(errno == EINVAL ? EMFILE : errno);
  const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
  if (written < 0) return refused(errno);
  if (written != static_cast<ssize_t>(bytes.size())) return refused(ENOMEM);
  return fd;
}

Result<Handover> ReadHandover(int inherited) try {
  const UniqueFd fd(inherited);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return MakeError(Errc::kSetup, std::string("nothing was handed over: ") + std::strerror(errno));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(info.st_size));
  if (::pread(fd.get(), bytes.data(), bytes.size(), 0) != info.st_size)
    return MakeError(Errc::kSetup, "what was handed over cannot be read");
  return Json::from_cbor(bytes).get<Handover>();
} catch (const std::exception& error) {
  return MakeError(Errc::kSetup, std::string("what was handed over is broken: ") + error.what());
}

Error Become(Hosting hosting, const Handover& handover, const std::vector<std::string>& arguments) {
  Result<UniqueFd> fd = WriteHandover(handover);
  if (!fd) return fd.error();
  Environment added{
      {kHandoverVariable, std::to_string(fd->get()) + ":" + std::to_string(::getpid())}};
  std::string program = StaticProgramPath();
  std::string name = handover.python.executable;
  if (hosting == Hosting::kInterpreter) {
    name = program = handover.python.path;
    added.emplace_back(kExtensionVariable, ExtensionPath());
    PointToShim(ShimFolder(), added);
  }
  const boost::system::error_code error =
      BecomeProgram({.path = program, .arguments = arguments, .environment = added, .name = name},
                    SignalsOf::kFound);
  return Failed("cannot start " + program, error.message());
}

}  // namespace fletbridge
