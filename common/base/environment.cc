#include "common/base/environment.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <unistd.h>
#include <vector>

// Not declared by every system's <unistd.h>.
extern "C" char** environ;  // NOLINT(readability-redundant-declaration)

namespace fletbridge {
namespace {

constexpr std::size_t kLeastRoom = 256;

// Two bytes of it are there: getenv() of glibc before 2.41 compares two at once.
char g_removed[2] = {};

// Never destroyed: the environment outlives everything.
struct Ours {
  std::mutex mutex;
  std::set<std::string> texts;
  std::vector<std::unique_ptr<char*[]>> lists;  // the outgrown ones, and last the one in use
  char** list = nullptr;                        // that, unless the C library has made another since
  std::size_t room = 0;                         // of it, its end mark included
};
Ours& Shared() {
  static auto* ours = new Ours;
  return *ours;
}

std::size_t CountOf(char** list) {
  std::size_t count = 0;
  while (list != nullptr && list[count] != nullptr) ++count;
  return count;
}

bool IsOf(const char* text, const std::string& name) {
  return std::strncmp(text, name.c_str(), name.size()) == 0 && text[name.size()] == '=';
}

void Put(char** place, char* text) { __atomic_store_n(place, text, __ATOMIC_RELEASE); }

// Makes the environment a list of ours that has room for one more than these.
void TakeOver(Ours& ours, std::size_t count) {
  if (ours.list == nullptr || ours.room < count + 2) {
    ours.room = std::max(kLeastRoom, 2 * (count + 2));
    ours.list = ours.lists.emplace_back(new char*[ours.room]()).get();
  }
  // One that was the environment before may still be read: it loses no place either.
  const std::size_t before = CountOf(ours.list);
  for (std::size_t i = 0; i < count; ++i) Put(&ours.list[i], environ[i]);
  for (std::size_t i = count; i < before; ++i) Put(&ours.list[i], g_removed);
  __atomic_store_n(&environ, ours.list, __ATOMIC_RELEASE);
}

}  // namespace

void SetVariable(const std::string& name, const std::string& value) {
  Ours& ours = Shared();
  const std::lock_guard lock(ours.mutex);
  char* text = const_cast<char*>(ours.texts.insert(name + "=" + value).first->c_str());
  const std::size_t count = CountOf(environ);
  std::size_t place = count;
  for (std::size_t i = 0; i < count; ++i) {
    if (IsOf(environ[i], name)) return Put(&environ[i], text);
    if (environ[i] == g_removed && place == count) place = i;
  }
  if (place == count && (environ != ours.list || count + 2 > ours.room)) TakeOver(ours, count);
  // Beyond the last there is an end mark already: no place of ours past it was ever used.
  Put(&environ[place], text);
}

void UnsetVariable(const std::string& name) {
  const std::lock_guard lock(Shared().mutex);
  for (char** place = environ; place != nullptr && *place != nullptr; ++place) {
    if (IsOf(*place, name)) Put(place, g_removed);
  }
}

}  // namespace fletbridge
