#include "tests/conformance/pipe_peer.h"

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/conformance/rig.h"

namespace fletbridge::conformance {
namespace {

using nlohmann::json;

constexpr char kCommand = '\xc1';

class PipePeer final : public PipeApp {
 public:
  PipePeer(int side, std::string start) : side_(side), start_(std::move(start)) {}
  ~PipePeer() override {
    for (std::thread& thread : threads_) thread.join();
  }

  bool ignores_signals() const override { return start_ == "deaf_hold"; }

  void Begin(PipeHost& host) override {
    Tell({{"at", "started"}});
    if (start_ == "hold" || start_ == "deaf_hold") WaitForGo(host);
    if (start_ == "exit") host.Exit(3);
    if (start_ == "raise") host.Exit(1);
  }

  void OnSession(PipeHost&, int number, PacketPort& port) override {
    session_ = number;
    port_ = &port;
    Tell({{"session", number}});
  }
  void OnSessionEnd(PipeHost&, int number) override {
    port_ = nullptr;
    producing_ = nullptr;
    waiting_.clear();
    Tell({{"ended", number}});
  }

  void OnPacket(PipeHost& host, Packet&& packet) override {
    const std::string_view text = packet.payload.text();
    if (packet.type == PacketType::kControl && text.starts_with(kCommand)) {
      Obey(host, json::parse(text.substr(1)));
    } else if (counting_) {
      Count(packet);
    } else {
      Say(std::move(packet));
    }
  }

  void OnWritable(PipeHost& host) override {
    while (!waiting_.empty()) {
      if (!Send(waiting_.front())) return;
      waiting_.pop_front();
    }
    if (port_ != nullptr) port_->ResumeReceiving();
    if (then_) return then_();
    Produce(host);
  }

  void AfterRun(PipeHost& host) override {
    if (start_ != "slow_end") return;
    Tell({{"at", "cleaning"}});
    WaitForGo(host);
    Tell({{"at", "clean"}});
  }

 private:
  void Tell(const json& facts) const {
    const std::string line = facts.dump() + "\n";
    [[maybe_unused]] const ssize_t n = ::send(side_, line.data(), line.size(), MSG_NOSIGNAL);
  }
  void WaitForGo(PipeHost& host) const {
    if (!host.WaitForByte(side_)) host.Exit(99);  // the test has gone
  }

  // False: it must wait.
  bool Send(Packet& packet) {
    return port_ == nullptr || port_->Send(std::move(packet)) != SendResult::kFull;
  }
  // An app that cannot say what it has to say listens no longer.
  void Say(Packet&& packet) {
    if (waiting_.empty() && Send(packet)) return;
    waiting_.push_back(std::move(packet));
    if (port_ != nullptr) port_->PauseReceiving();
  }

  void Count(const Packet& packet) {
    ++count_;
    bytes_ += packet.payload.size();
    std::uint32_t label[3] = {};
    std::memcpy(label, packet.payload.data(), sizeof label);
    const std::uint32_t next = numbers_.contains(label[1]) ? numbers_[label[1]] + 1 : 0;
    const Buffer expected = Labelled(0, label[1], label[2], packet.payload.size());
    if (label[2] != next || packet.payload.text() != expected.text()) ++wrong_;
    numbers_[label[1]] = label[2];
  }

  void Obey(PipeHost& host, const json& order) {
    const std::string what = order["do"];
    if (what == "count") counting_ = true;
    if (what == "report") {
      const json facts = {
          {"count", count_}, {"bytes", bytes_}, {"wrong", wrong_}, {"sessions", session_}};
      Say({PacketType::kControl, Buffer(std::string_view(facts.dump()))});
    }
    if (what == "stall") {
      Tell({{"at", "stalled"}});
      WaitForGo(host);
    }
    if (what == "produce") {
      produced_ = 0;
      producing_ = std::make_unique<json>(order);
      Produce(host);
    }
    if (what == "threads") StartThreads(order);
    if (what == "exit") ObeyExit(host, order);
  }

  // As far as the pipe takes it; a turn for each, so that orders are heard in between.
  void Produce(PipeHost& host) {
    if (producing_ == nullptr || !waiting_.empty()) return;
    const json& order = *producing_;
    if (!order.value("forever", false) && produced_ >= order["n"].get<std::uint32_t>()) {
      producing_.reset();
      return;
    }
    Packet packet{PacketType::kControl,
                  Labelled(static_cast<std::uint32_t>(session_), 0, produced_, order["size"])};
    if (!Send(packet)) return;  // OnWritable() goes on
    ++produced_;
    if (order.value("progress", false)) Tell({{"sent", produced_}});
    host.InApp([this, &host, session = session_] {
      if (session == session_ && port_ != nullptr) Produce(host);
    });
  }

  void StartThreads(const json& order) {
    for (std::uint32_t sender = 0; sender < order["threads"].get<std::uint32_t>(); ++sender) {
      threads_.emplace_back([port = port_, session = static_cast<std::uint32_t>(session_), sender,
                             n = order["n"].get<std::uint32_t>(),
                             size = order["size"].get<std::size_t>()] {
        for (std::uint32_t number = 0; number < n; ++number)
          (void)port->Send({PacketType::kControl, Labelled(session, sender, number, size)});
      });
    }
  }

  void ObeyExit(PipeHost& host, const json& order) {
    const std::string how = order["how"];
    for (std::uint32_t number = 0; number < order.value("packets", 0U); ++number) {
      Say({PacketType::kControl, Labelled(static_cast<std::uint32_t>(session_), 0, number,
                                          order.value("size", std::size_t{0}))});
    }
    const int code = order.value("code", 0);
    if (how == "thread") {
      threads_.emplace_back([] {});
    } else if (how == "os in a thread") {
      threads_.emplace_back([&host, code] { host.ExitSoon(code); });
    } else {
      then_ = [&host, code = how == "raise" ? 1 : how == "return" ? 0 : code] { host.Exit(code); };
      if (waiting_.empty()) then_();
    }
  }

  const int side_;
  const std::string start_;
  PacketPort* port_ = nullptr;
  int session_ = 0;
  std::deque<Packet> waiting_;
  std::unique_ptr<json> producing_;
  std::uint32_t produced_ = 0;
  std::function<void()> then_;  // once all has been said
  std::vector<std::thread> threads_;
  bool counting_ = false;
  std::uint64_t count_ = 0, bytes_ = 0, wrong_ = 0;
  std::map<std::uint32_t, std::uint32_t> numbers_;  // sender: its last number
};

}  // namespace

std::unique_ptr<PipeApp> MakePipePeer(int side, const std::string& start) {
  return std::make_unique<PipePeer>(side, start);
}

}  // namespace fletbridge::conformance
