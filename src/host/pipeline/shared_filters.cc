#include "src/host/pipeline/shared_filters.h"

#include <utility>

namespace fletbridge {

class SharedFilters::Turn final : public Filter {
 public:
  explicit Turn(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() override { End(); }

  void FromApp(Packet&& packet, Onward& onward) override {
    if (!mine_) return onward.ToUi(std::move(packet));
    shared_->filter->FromApp(std::move(packet), onward);
  }
  void FromUi(Packet&& packet, Onward& onward) override {
    if (!mine_) return onward.ToApp(std::move(packet));
    shared_->filter->FromUi(std::move(packet), onward);
  }
  void OnClient(const Spoken& spoken) override {
    if (!std::exchange(shared_->taken, true)) mine_ = true;
    if (mine_) shared_->filter->OnClient(spoken);
  }
  void OnRegistered(const Spoken& spoken) override {
    if (mine_) shared_->filter->OnRegistered(spoken);
  }
  void OnSessionEnd() override { End(); }

 private:
  void End() {
    if (!std::exchange(mine_, false)) return;
    shared_->taken = false;
    shared_->filter->OnSessionEnd();
  }

  const std::shared_ptr<Shared> shared_;
  bool mine_ = false;
};

SharedFilters::SharedFilters(std::vector<std::unique_ptr<Filter>> filters) {
  for (std::unique_ptr<Filter>& filter : filters)
    filters_.push_back(std::make_shared<Shared>(Shared{std::move(filter)}));
}

std::vector<std::unique_ptr<Filter>> SharedFilters::ForSession() {
  std::vector<std::unique_ptr<Filter>> turns;
  for (const auto& shared : filters_) turns.push_back(std::make_unique<Turn>(shared));
  return turns;
}

void SharedFilters::OnRunEnd(int code, const std::string& reason,
                             std::chrono::milliseconds patience) {
  for (const auto& shared : filters_) shared->filter->OnRunEnd(code, reason, patience);
}

}  // namespace fletbridge
