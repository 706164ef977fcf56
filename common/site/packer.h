// Room: common/site. Makes the brotli forms of large files, one after another, when nothing else is
// to be done: a thread of the lowest priority, which begins some seconds after the first page has
// been asked for. A form is made once: it is kept in a folder of the user's, by the hash of what it
// is the form of, and believed only if it decodes to exactly that. Of several processes one makes
// it.
//
// Threads: any. What cannot be kept is not made: the page goes as gzip.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/site/site.h"

namespace fletbridge::web {

class Packer {
 public:
  // Smaller ones gain too little, larger ones take too long.
  static constexpr std::size_t kLeast = std::size_t{64} << 10;
  static constexpr std::size_t kMost = std::size_t{32} << 20;
  // Of what waits; more are passed over, and asked for again with their next page.
  static constexpr std::size_t kMostWaiting = 32;
  // In the folder, in all; then the oldest go.
  static constexpr std::size_t kMostKept = std::size_t{64} << 20;

  // `folder`: is made when it is needed, for this user alone. `rest`: how long the first form
  // waits.
  Packer(std::string folder, std::chrono::milliseconds rest);
  ~Packer();  // leaves what it is at within some tenths of a second

  // Sets the body's brotli(): now, if the folder has it, else later. Waits for the disk.
  void Want(std::shared_ptr<const Body> body);

 private:
  void Work();
  // False: it is another process's turn.
  [[nodiscard]] bool Make(const Body& body);
  [[nodiscard]] std::string PathOf(const Body& body) const;
  [[nodiscard]] bool Recall(const Body& body) const;
  void Keep(const Body& body, const std::string& packed) const;
  void Tidy() const;

  const std::string folder_;
  const std::chrono::milliseconds rest_;
  std::atomic<bool> stops_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const Body>> waiting_;
  std::thread thread_;  // from the first that is wanted on
};

}  // namespace fletbridge::web
