#include "src/ui/web/uploads.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/platform/unique_fd.h"
#include "src/ui/web/access.h"

namespace fletbridge::web {
namespace {

namespace fs = std::filesystem;

// Of a file that is not complete; nobody else may use such names.
constexpr std::string_view kTemporary = ".fletbridge-upload-";

UploadAnswer NoPlace() { return {400, "Invalid upload destination"}; }

UploadAnswer NotWritten(const std::string& what, int error) {
  Log(LogLevel::kError, "cannot save an upload: " + what + ": " +
                            CauseAndRemedy(error, "make the upload folder writable"));
  const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {is_full ? 507 : 500,
          is_full ? "There is no room for the upload" : "Cannot save the upload"};
}

// Where a name leads, below the folder; none if it leads out of it, or is no file's.
std::optional<fs::path> PlaceOf(const fs::path& folder, const std::string& name) {
  if (name.find('\0') != std::string::npos || name.ends_with('/')) return std::nullopt;
  std::error_code error;
  fs::path place = fs::weakly_canonical(folder / fs::path(name), error);
  if (error) return std::nullopt;
  const std::string inside = folder.string() + (folder == folder.root_path() ? "" : "/");
  if (!place.string().starts_with(inside) || place.string().size() <= inside.size())
    return std::nullopt;
  if (fs::is_directory(place, error)) return std::nullopt;
  for (const fs::path& part : place) {
    if (part.string().starts_with(kTemporary)) return std::nullopt;
  }
  return place;
}

// Of processes that are no more: a living one holds a lock.
void RemoveLeftovers(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().starts_with(kTemporary)) continue;
    const UniqueFd fd(::open(at->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(at->path().c_str());
  }
}

}  // namespace

// On the disk's thread, but for what is said to be of any.
struct Uploads::Disk {
  std::atomic<int> under_way{0};  // any thread
  std::string swept;              // the folder that has no leftovers
  bool is_started = false;        // the loop's thread

  struct File {
    explicit File(Disk& disk) : of(disk) {}
    ~File() {
      if (!path.empty()) ::unlink(path.c_str());
      of.under_way.fetch_sub(1);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    UploadAnswer Open() {
      std::error_code error;
      fs::create_directories(terms.folder, error);
      folder = fs::canonical(terms.folder, error);
      if (error) return NotWritten(terms.folder, error.value());
      if (of.swept != folder.string()) RemoveLeftovers(folder);
      of.swept = folder.string();
      const std::optional<fs::path> found = PlaceOf(folder, name);
      if (!found) return NoPlace();
      place = *found;
      fs::create_directories(place.parent_path(), error);
      if (error) return NotWritten(place.parent_path().string(), error.value());
      path = folder / (std::string(kTemporary) + MakeToken());
      fd.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
      if (!fd) {
        const int number = errno;
        const std::string what = std::exchange(path, {});
        return NotWritten(what, number);
      }
      (void)::flock(fd.get(), LOCK_EX | LOCK_NB);
      return {};
    }

    UploadAnswer Write(std::string_view bytes) {
      if (!fd) {
        if (UploadAnswer opened = Open(); opened.status != 200) return opened;
      }
      size += bytes.size();
      const std::uint64_t most = terms.most_bytes != 0 ? terms.most_bytes : kMostUploadBytes;
      if (size > most) return {413, "Max upload size exceeded: " + std::to_string(most) + " bytes"};
      while (!bytes.empty()) {
        const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return NotWritten(place.string(), n < 0 ? errno : EIO);
        bytes.remove_prefix(static_cast<std::size_t>(n));
      }
      return {};
    }

    UploadAnswer Finish() {
      if (UploadAnswer written = Write({}); written.status != 200) return written;
      // Folders may have become links meanwhile.
      if (PlaceOf(folder, name) != place) return NoPlace();
      if (::rename(path.c_str(), place.c_str()) != 0) return NotWritten(place.string(), errno);
      path.clear();
      return {};
    }

    Disk& of;
    UploadTerms terms;
    std::string name;
    fs::path folder, place;
    std::string path;  // the temporary file; empty: none
    UniqueFd fd;
    std::uint64_t size = 0;
  };

  EventLoop thread;  // any thread posts to it; its tasks are the first to go
};

// The file lives on the disk's thread, this object on the loop's.
class Uploads::One final : public Upload {
 public:
  using File = Disk::File;
  One(EventLoop& loop, std::shared_ptr<Disk> disk, std::shared_ptr<File> file)
      : loop_(loop), disk_(std::move(disk)), file_(std::move(file)) {}
  ~One() override {
    disk_->thread.Post([file = std::move(file_)]() mutable { file.reset(); });
  }

  void Write(std::string bytes, Done done) override {
    Do([bytes = std::move(bytes)](File& file) { return file.Write(bytes); }, std::move(done));
  }
  void Finish(Done done) override {
    Do([](File& file) { return file.Finish(); }, std::move(done));
  }

 private:
  template <class Work>
  void Do(Work work, Done done) {
    disk_->thread.Post(
        [&loop = loop_, file = file_, work = std::move(work), done = std::move(done)]() mutable {
          UploadAnswer answer{500, "Cannot save the upload"};
          try {
            answer = work(*file);
          } catch (const std::exception& error) {
            Log(LogLevel::kError, "cannot save an upload: " + CauseOf(error));
          }
          file.reset();
          loop.Post([done = std::move(done), answer = std::move(answer)] { done(answer); });
        });
  }

  EventLoop& loop_;
  const std::shared_ptr<Disk> disk_;
  std::shared_ptr<File> file_;
};

Uploads::Uploads(EventLoop& loop) : loop_(loop), disk_(std::make_shared<Disk>()) {}

Uploads::~Uploads() {
  disk_->thread.Stop();
  disk_->thread.Join();
}

void Uploads::SetTerms(UploadTerms terms) { terms_ = std::move(terms); }

std::unique_ptr<Upload> Uploads::Begin(std::string name) {
  if (disk_->under_way.load() >= kMostUploads) return nullptr;
  if (!std::exchange(disk_->is_started, true)) disk_->thread.Start();
  disk_->under_way.fetch_add(1);
  auto file = std::make_shared<Disk::File>(*disk_);
  file->terms = terms_;
  file->name = std::move(name);
  return std::make_unique<One>(loop_, disk_, std::move(file));
}

}  // namespace fletbridge::web
