#include "common/wire/message.h"

namespace fletbridge::wire {

std::int64_t RootOf(const Patch& patch, std::size_t place) noexcept {
  while (patch.places[place].above != Place::kControl) place = patch.places[place].above;
  return patch.places[place].control;
}

Error MalformedPatch(std::int64_t control, std::size_t change, const std::string& what) {
  std::string where = "the app sent a malformed patch for control " + std::to_string(control);
  if (change != 0) where += ", operation " + std::to_string(change);
  return MakeError(Errc::kPeerMisbehaved, where + ": " + what);
}

std::string CrashText(std::string_view message) {
  constexpr std::string_view kTraceback = "\nTraceback (most recent call last):\n";
  const std::size_t at = message.find(kTraceback);
  if (at == std::string_view::npos || message.starts_with("Exception in effect:"))
    return std::string(message);
  return at == 0 ? CrashLine(message) : std::string(message.substr(0, at));
}

std::string CrashLine(std::string_view message) {
  const std::string_view first = message.substr(0, message.find('\n'));
  if (!first.empty()) return std::string(first);
  while (message.ends_with('\n')) message.remove_suffix(1);
  const std::size_t last = message.rfind('\n');
  return std::string(last == std::string_view::npos ? message : message.substr(last + 1));
}

}  // namespace fletbridge::wire
