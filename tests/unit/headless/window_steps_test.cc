#include "src/ui/headless/window_steps.h"

#include <fstream>
#include <future>
#include <sstream>

#include <gtest/gtest.h>

#include "common/base/event_loop.h"
#include "common/wire/value.h"
#include "src/ui/headless/steps.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

using wire::Value;

constexpr std::chrono::seconds kDeadline{20};

Packet Message(int action, Value body) {
  return {PacketType::kControl, wire::Encode(Value::ListOf({Value(action), std::move(body)}))};
}

// A window whose client draws late: asked for pictures, it answers with these, one after the other,
// and then always with the last.
class LateWindow final : public UiSurface {
 public:
  LateWindow(EventLoop& loop, std::vector<std::string> pictures)
      : loop_(loop), pictures_(std::move(pictures)) {}

  std::string name() const override { return "late"; }
  void Start(UiSink& sink) override {
    sink_ = &sink;
    loop_.Post([this] {
      sink_->OnReady();
      sink_->OnClient(std::make_unique<Client>(*this));
    });
  }
  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (UiSink* sink = std::exchange(sink_, nullptr)) sink->OnClosed({why});
    });
  }

 private:
  class Client final : public ClientSession {
   public:
    explicit Client(LateWindow& window) : window_(window) {}
    void Start(ClientSessionSink& sink) override {
      sink_ = &sink;
      sink_->OnPacket(
          Message(1, Value::MapOf({{"page", Value::MapOf({{"_i", 1}, {"_c", "Page"}})}})));
    }
    SendResult Send(Packet&& packet) override {
      const Result<Value> message = wire::Decode(packet.payload.span());
      const wire::List& parts = *message->AsList();
      if (*parts.items[0].AsInt() == 5) Answer(*parts.items[1].AsMap()->Find("call_id"));
      return SendResult::kAccepted;
    }
    std::size_t queued_bytes() const override { return 0; }
    void PauseReceiving() override {}
    void ResumeReceiving() override {}

   private:
    void Answer(const Value& call) {
      const std::size_t number = std::min(window_.asked_++, window_.pictures_.size() - 1);
      const wire::Bytes picture{window_.pictures_[number]};
      window_.loop_.Post([this, call, picture] {
        sink_->OnPacket(Message(
            5, Value::MapOf(
                   {{"control_id", 1}, {"call_id", call}, {"result", picture}, {"error", {}}})));
      });
    }

    LateWindow& window_;
    ClientSessionSink* sink_ = nullptr;
  };

  EventLoop& loop_;
  const std::vector<std::string> pictures_;
  UiSink* sink_ = nullptr;
  std::size_t asked_ = 0;
};

// The host, and behind it an app that has drawn at once.
class Host final : public UiSink, private ClientSessionSink {
 public:
  std::future<UiEnd> end() { return end_.get_future(); }

  void OnReady() override {}
  void OnClient(std::unique_ptr<ClientSession> client) override {
    client_ = std::move(client);
    client_->Start(*this);
  }
  void OnClosed(const UiEnd& end) override { end_.set_value(end); }

 private:
  void OnPacket(Packet&& packet) override {
    const Result<Value> message = wire::Decode(packet.payload.span());
    if (*message->AsList()->items[0].AsInt() != 1) return;
    (void)client_->Send(Message(
        1, Value::MapOf(
               {{"session_id", "s"},
                {"error", ""},
                {"page_patch", Value::MapOf({{"_i", 1},
                                             {"_c", "Page"},
                                             {"views", Value::ListOf({Value::MapOf(
                                                           {{"_i", 3}, {"_c", "View"}})})}})}})));
    (void)client_->Send(Message(
        2, Value::MapOf({{"id", 3},
                         {"patch", Value::ListOf({Value::ListOf({0}),
                                                  Value::ListOf({0, 0, "route", "/"})})}})));
  }
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnGone(const Error&) override {}

  std::unique_ptr<ClientSession> client_;
  std::promise<UiEnd> end_;
};

class WindowSteps : public testing::Test {
 protected:
  ~WindowSteps() override {
    loop_.Stop();
    loop_.Join();
  }

  // What the step has written.
  std::string Screenshot(std::vector<std::string> pictures) {
    const std::string file = folder_.path() + "/picture.png";
    HeadlessOptions options;
    Result<Steps> steps = ParseSteps("screenshot " + file + " 10s\n");
    EXPECT_TRUE(steps);
    options.steps = std::move(*steps);
    ui_ = MakeWindowSteps(loop_, std::make_unique<LateWindow>(loop_, std::move(pictures)),
                          std::move(options));
    std::future<UiEnd> end = host_.end();
    loop_.Start();
    ui_->Start(host_);
    if (end.wait_for(kDeadline) != std::future_status::ready) return "no end";
    EXPECT_EQ(end.get().exit_code, 0);
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  const TempFolder folder_;
  EventLoop loop_;
  std::unique_ptr<UiSurface> ui_;
  Host host_;  // its session goes before the UI
};

TEST_F(WindowSteps, TakePicturesUntilTwoInARowAreTheSame) {
  EXPECT_EQ(Screenshot({"before", "moving", "after", "after"}), "after");
}

TEST_F(WindowSteps, TakeTheLastOfSomePicturesWhereTheWindowNeverStandsStill) {
  EXPECT_EQ(Screenshot({"1", "2", "3", "4", "5", "6", "7"}), "5");
}

}  // namespace
}  // namespace fletbridge
