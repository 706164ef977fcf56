#include "src/ui/attach/attach_ui.h"

#include <fcntl.h>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/log.h"
#include "common/net/client_listener.h"

namespace fletbridge::attach {
namespace {

class AttachUi final : public UiSurface {
 public:
  AttachUi(EventLoop& loop, const FlowLimits& limits, SocketAddress address, int life_line)
      : loop_(loop),
        life_line_(life_line),
        listener_(
            loop, limits, std::move(address),
            [this](std::unique_ptr<ClientSession> client) { sink_->OnClient(std::move(client)); }),
        line_(loop.io()) {}

  ~AttachUi() override { line_.release(); }

  std::string name() const override { return "attach"; }
  bool serves_another() const override { return true; }

  void Start(UiSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      Listen();
    });
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (!closed_) End({why, 0});
    });
  }

 private:
  void Listen() {
    if (closed_) return sink_->OnClosed(*closed_);  // before Start()
    if (Result<> listens = listener_.Listen(); !listens) return End({listens.error(), 70});
    // Who holds a life line knows where we are.
    Log(life_line_ < 0 ? LogLevel::kInfo : LogLevel::kDebug,
        "waiting for a Flet client at " + listener_.address().Text());
    if (life_line_ >= 0) FollowLine();
    sink_->OnReady();
  }

  // Nothing comes by it but its end.
  void FollowLine() {
    ::fcntl(life_line_, F_SETFD, FD_CLOEXEC);
    boost::system::error_code error;
    line_.assign(life_line_, error);
    if (error) return;
    line_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code cancelled) {
                       if (!cancelled && !closed_) End({});
                     });
  }

  void End(UiEnd end) {
    line_.release();
    listener_.Close();
    closed_ = std::move(end);
    if (sink_ != nullptr) sink_->OnClosed(*closed_);
  }

  EventLoop& loop_;
  const int life_line_;
  // loop's thread only
  UiSink* sink_ = nullptr;  // from Start() on
  ClientListener listener_;
  boost::asio::posix::stream_descriptor line_;  // lent by this process
  std::optional<UiEnd> closed_;
};

}  // namespace

std::unique_ptr<UiSurface> MakeAttachUi(EventLoop& loop, const FlowLimits& limits,
                                        SocketAddress address, int life_line) {
  return std::make_unique<AttachUi>(loop, limits, std::move(address), life_line);
}

}  // namespace fletbridge::attach
