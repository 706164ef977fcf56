#include "src/compare/fresh_start.h"

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "src/compare/app_run.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kPrepareTime = 60s;

}  // namespace

FreshStart::~FreshStart() {
  if (copy_ != nullptr && copy_->Written()) freshness_->written = true;
}

Result<> FreshStart::Begin(const Surroundings& around, int number) {
  if (around.freshness.on) {
    copy_ = FreshCopy::Make(around.plan.app_folder, around.folder + "/c" + std::to_string(number));
    around.freshness.too_large = copy_ == nullptr;
    freshness_ = &around.freshness;
  }
  if (around.plan.prepare.empty()) return {};
  AppRun shell(around.loop, variant_ + ", --prepare", around.folder + "/q" + std::to_string(number),
               around.interrupt, around.traceback);
  ChildOptions options;
  options.executable = "/bin/sh";
  options.arguments = {"-c", around.plan.prepare};
  AddTo(options);
  const Here here(*this);
  if (Result<> ok = shell.Launch(std::move(options)); !ok) return ok;
  const Result<> end = shell.Wait(-1, AppRun::Clock::now() + kPrepareTime, "its end");
  if (!end && (shell.exit_code() != -1 || end.error().code == Errc::kClosed)) return end.error();
  return {};
}

Plan FreshStart::Placed(Plan plan) const {
  if (copy_ != nullptr) plan.app = copy_->Placed(plan.app);
  return plan;
}

void FreshStart::AddTo(ChildOptions& options) const {
  options.environment.emplace_back("COMPARE_VARIANT", variant_);
  if (copy_ == nullptr) return;
  const auto more = copy_->Environment();
  options.environment.insert(options.environment.end(), more.begin(), more.end());
}

FreshStart::Here::Here(const FreshStart& start) : before_(::open(".", O_PATH | O_CLOEXEC)) {
  std::error_code ignored;
  if (start.copy_ != nullptr)
    fs::current_path(start.copy_->Placed(fs::current_path(ignored).string()), ignored);
}

FreshStart::Here::~Here() { static_cast<void>(!::fchdir(before_.get())); }

}  // namespace fletbridge::compare
