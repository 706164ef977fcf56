#include "src/ui/web/upload_reader.h"

#include <chrono>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/read.hpp>

namespace fletbridge::web {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10;
constexpr auto kNextBytes = 30s;
constexpr std::uint64_t kSlowest = 16 * 1024;  // bytes in a second, after the first minute
constexpr auto kBeforeThat = 60s;

class Reader final : public UploadReader, public std::enable_shared_from_this<Reader> {
 public:
  Reader(asio::ip::tcp::socket& socket, beast::flat_buffer& buffer, Head&& head,
         std::unique_ptr<Upload> upload, Done done)
      : socket_(socket),
        buffer_(buffer),
        parser_(std::move(head)),
        timer_(socket.get_executor()),
        upload_(std::move(upload)),
        done_(std::move(done)) {
    parser_.body_limit(boost::none);  // the file's is counted
  }

  void Start() {
    if (!beast::iequals(parser_.get()[http::field::expect], "100-continue")) return Read();
    Wait();
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kGoOn),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!self->done_) return;
                        error ? self->End({0, {}}) : self->Read();
                      });
  }

  void Stop() override {
    done_ = nullptr;
    timer_.cancel();
    upload_.reset();
  }

 private:
  void Wait() {
    timer_.expires_after(kNextBytes);
    timer_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) self->End({0, {}});
    });
  }

  void End(UploadAnswer answer) {
    if (!done_) return;
    const bool whole = parser_.is_done();
    const Done done = std::exchange(done_, nullptr);
    Stop();
    done(std::move(answer), whole);
  }

  void Read() {
    if (parser_.is_done()) {
      return upload_->Finish(
          [self = shared_from_this()](UploadAnswer answer) { self->End(std::move(answer)); });
    }
    chunk_.resize(kChunk);
    parser_.get().body().data = chunk_.data();
    parser_.get().body().size = chunk_.size();
    Wait();
    http::async_read_some(socket_, buffer_, parser_,
                          [self = shared_from_this()](error_code error, std::size_t) {
                            if (self->done_) self->OnBytes(error);
                          });
  }

  void OnBytes(error_code error) {
    timer_.cancel();
    if (error == http::error::need_buffer) error = {};
    if (error) return End({0, {}});
    chunk_.resize(chunk_.size() - parser_.get().body().size);
    received_ += chunk_.size();
    const auto allowed = kBeforeThat + std::chrono::seconds(received_ / kSlowest);
    if (std::chrono::steady_clock::now() - begun_ > allowed) return End({0, {}});
    if (chunk_.empty()) return Read();
    upload_->Write(std::move(chunk_), [self = shared_from_this()](UploadAnswer answer) {
      if (!self->done_) return;
      answer.status == 200 ? self->Read() : self->End(std::move(answer));
    });
    chunk_.clear();
  }

  asio::ip::tcp::socket& socket_;
  beast::flat_buffer& buffer_;
  http::request_parser<http::buffer_body> parser_;
  asio::steady_timer timer_;  // until the next bytes
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::unique_ptr<Upload> upload_;
  Done done_;  // null: stopped
  std::string chunk_;
  std::uint64_t received_ = 0;
};

}  // namespace

std::shared_ptr<UploadReader> ReadUpload(asio::ip::tcp::socket& socket, beast::flat_buffer& buffer,
                                         UploadReader::Head&& head, std::unique_ptr<Upload> upload,
                                         UploadReader::Done done) {
  auto reader =
      std::make_shared<Reader>(socket, buffer, std::move(head), std::move(upload), std::move(done));
  reader->Start();
  return reader;
}

}  // namespace fletbridge::web
