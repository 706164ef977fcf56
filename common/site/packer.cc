#include "common/site/packer.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/own_file.h"
#include "common/platform/self.h"
#include "common/platform/threads.h"
#include "common/platform/unique_fd.h"
#include "common/site/brotli.h"

namespace fletbridge::web {
namespace fs = std::filesystem;

namespace {

// Another process is at it: its result is awaited.
constexpr std::chrono::milliseconds kAnotherLook{2000};

}  // namespace

Packer::Packer(std::string folder, std::chrono::milliseconds rest)
    : folder_(std::move(folder)), rest_(rest) {}

Packer::~Packer() {
  {
    const std::lock_guard lock(mutex_);
    stops_.store(true);
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Packer::Want(std::shared_ptr<const Body> body) {
  if (body->bytes.size() < kLeast || body->bytes.size() > kMost || body->gzip.empty() ||
      body->brotli() || Recall(*body))
    return;
  const std::lock_guard lock(mutex_);
  if (stops_.load() || waiting_.size() >= kMostWaiting ||
      std::find(waiting_.begin(), waiting_.end(), body) != waiting_.end())
    return;
  waiting_.push_back(std::move(body));
  if (!thread_.joinable()) {
    thread_ = platform::StartWithoutSignals([this] {
      platform::NameThread("fletbridge-pack");
      platform::GiveWay();
      Work();
    });
  }
  changed_.notify_all();
}

void Packer::Work() {
  std::unique_lock lock(mutex_);
  const auto stops = [this] { return stops_.load(); };
  if (changed_.wait_for(lock, rest_, stops)) return;
  while (true) {
    changed_.wait(lock, [&] { return stops() || !waiting_.empty(); });
    if (stops()) return;
    const std::shared_ptr<const Body> body = waiting_.front();
    lock.unlock();
    bool is_done = true;
    try {
      is_done = Make(*body);
    } catch (const std::exception& error) {  // no memory, most likely; gzip is there
      Log(LogLevel::kWarning, "cannot make a smaller form of a file: " + CauseOf(error));
    }
    lock.lock();
    if (is_done) {
      waiting_.pop_front();
    } else if (changed_.wait_for(lock, kAnotherLook, stops)) {
      return;
    }
  }
}

bool Packer::Make(const Body& body) {
  std::error_code error;
  fs::create_directories(fs::path(folder_).parent_path(), error);
  ::mkdir(folder_.c_str(), 0700);
  const UniqueFd turn(::open((folder_ + "/turn").c_str(),
                             O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!turn) return true;  // what cannot be kept is not worth the time
  if (::flock(turn.get(), LOCK_EX | LOCK_NB) != 0) return false;
  if (Recall(body)) return true;
  std::optional<std::string> packed = Brotli(body.bytes, stops_);
  if (!packed) return true;
  if (packed->size() >= body.gzip.size()) packed->clear();
  if (!packed->empty()) Keep(body, *packed);
  body.SetBrotli(std::move(*packed));
  return true;
}

std::string Packer::PathOf(const Body& body) const {
  return folder_ + "/" + body.etag.substr(1, body.etag.size() - 2) + ".br";
}

bool Packer::Recall(const Body& body) const {
  const UniqueFd file(::open(PathOf(body).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0 ||
      info.st_size >= static_cast<off_t>(body.gzip.size()))
    return false;
  std::string packed(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t have = 0;
  while (have < packed.size()) {
    const ssize_t n = ::read(file.get(), packed.data() + have, packed.size() - have);
    if (n <= 0) return false;
    have += static_cast<std::size_t>(n);
  }
  if (!IsBrotliOf(packed, body.bytes)) return false;
  ::futimens(file.get(), nullptr);  // is used: not one of the oldest
  body.SetBrotli(std::move(packed));
  return true;
}

void Packer::Keep(const Body& body, const std::string& packed) const {
  if (WriteOwnFile(PathOf(body), packed, 0600)) Tidy();
}

void Packer::Tidy() const {
  struct Form {
    fs::file_time_type used;
    std::uintmax_t size;
    fs::path path;
  };
  std::vector<Form> forms;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    if (at->path().extension() == ".br")
      forms.push_back({at->last_write_time(error), at->file_size(error), at->path()});
  }
  std::sort(forms.begin(), forms.end(),
            [](const Form& a, const Form& b) { return a.used > b.used; });
  std::uintmax_t kept = 0;
  for (const Form& form : forms) {
    kept += form.size;
    if (kept > kMostKept) fs::remove(form.path, error);
  }
}

}  // namespace fletbridge::web
