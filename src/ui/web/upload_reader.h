// Room: src/ui/web. Reads the body of one request into a file (uploads.h), as fast as the disk
// takes it, within bounds of size and time.
//
// Threads: the EventLoop's.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "src/ui/web/uploads.h"

namespace fletbridge::web {

class UploadReader {
 public:
  // `whole`: the body has been read to its end. Status 0: the connection cannot go on.
  using Done = std::function<void(UploadAnswer answer, bool whole)>;
  using Head = boost::beast::http::request_parser<boost::beast::http::empty_body>;

  virtual ~UploadReader() = default;
  // The connection is closed: `done` is not called.
  virtual void Stop() = 0;
};

// `socket` and `buffer` must live until `done` is called or Stop() has been. `head` has been read,
// and nothing of the body.
[[nodiscard]] std::shared_ptr<UploadReader> ReadUpload(boost::asio::ip::tcp::socket& socket,
                                                       boost::beast::flat_buffer& buffer,
                                                       UploadReader::Head&& head,
                                                       std::unique_ptr<Upload> upload,
                                                       UploadReader::Done done);

}  // namespace fletbridge::web
