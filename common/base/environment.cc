#include "common/base/environment.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <unistd.h>

namespace fletbridge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLeastRoom = 256;
// A reader has long left a list that was given up so long ago; and more is not kept waiting.
constexpr auto kRetirement = std::chrono::seconds(5);
constexpr std::size_t kMaxRetiredPlaces = std::size_t{2} << 20;  // 16 MiB

struct List {
  char** places = nullptr;
  std::size_t room = 0;  // the end mark included
  Clock::time_point retired;
};

// Never destroyed: the environment outlives everything.
struct Texts {
  std::mutex mutex;
  std::set<std::string> kept;
  List list;  // ours, if it is the environment's
  std::deque<List> retired;
  std::size_t retired_places = 0;
};
Texts& Shared() {
  static auto* texts = new Texts;
  return *texts;
}

std::size_t Count() {
  std::size_t count = 0;
  while (environ != nullptr && environ[count] != nullptr) ++count;
  return count;
}

// The place of `name`, or `count`.
std::size_t PlaceOf(const std::string& name, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (std::strncmp(environ[i], name.c_str(), name.size()) == 0 && environ[i][name.size()] == '=')
      return i;
  }
  return count;
}

void Put(char** place, char* text) { __atomic_store_n(place, text, __ATOMIC_RELEASE); }

List TakeList(Texts& texts, std::size_t room) {
  while (!texts.retired.empty()) {
    const List oldest = texts.retired.front();
    if (oldest.retired + kRetirement > Clock::now() && texts.retired_places < kMaxRetiredPlaces)
      break;
    texts.retired.pop_front();
    texts.retired_places -= oldest.room;
    if (oldest.room >= room) return oldest;
    delete[] oldest.places;
  }
  return {new char* [room], room, {}};
}

// A list that readers hold may grow at its end, but must never lose a place: some count first and
// read then.
void Publish(Texts& texts, const List& list) {
  if (texts.list.places != nullptr) {  // the environment's, or once it was
    texts.list.retired = Clock::now();
    texts.retired_places += texts.list.room;
    texts.retired.push_back(texts.list);
  }
  texts.list = list;
  __atomic_store_n(&environ, list.places, __ATOMIC_RELEASE);
}

}  // namespace

void SetVariable(const std::string& name, const std::string& value) {
  Texts& texts = Shared();
  const std::lock_guard lock(texts.mutex);
  char* text = const_cast<char*>(texts.kept.insert(name + "=" + value).first->c_str());
  const std::size_t count = Count();
  const std::size_t place = PlaceOf(name, count);
  if (place < count) {
    Put(&environ[place], text);
    return;
  }
  if (environ == texts.list.places && count + 2 <= texts.list.room) {
    environ[count + 1] = nullptr;
    Put(&environ[count], text);
    return;
  }
  const List list = TakeList(texts, std::max(kLeastRoom, 2 * (count + 2)));
  std::copy_n(environ, count, list.places);
  list.places[count] = text;
  list.places[count + 1] = nullptr;
  Publish(texts, list);
}

void UnsetVariable(const std::string& name) {
  Texts& texts = Shared();
  const std::lock_guard lock(texts.mutex);
  const std::size_t count = Count();
  const std::size_t place = PlaceOf(name, count);
  if (place == count) return;
  const List list = TakeList(texts, std::max(kLeastRoom, count + 2));
  std::copy_n(environ, place, list.places);
  std::copy(environ + place + 1, environ + count + 1, list.places + place);
  Publish(texts, list);
}

}  // namespace fletbridge
