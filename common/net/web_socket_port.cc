#include "common/net/web_socket_port.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstring>
#include <optional>
#include <sys/socket.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "common/base/post_once.h"
#include "common/platform/peer.h"
#include "common/transport/bounded_queue.h"

namespace fletbridge {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Protocol = asio::generic::stream_protocol;
using boost::system::error_code;

namespace {

// Beast reads nothing any more once a write has failed, and may then wait for ever: what the peer
// said before it reset the connection would be lost, and its end never told. So a write to a broken
// connection does nothing, and the end is for the reading side to find, behind the last packets.
class Socket : public Protocol::socket {
 public:
  using Protocol::socket::socket;

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto&& done, const Buffers& bytes) { this->Write(bytes, std::move(done)); }, handler,
        buffers);
  }

 private:
  template <class Buffers, class Handler>
  void Write(const Buffers& bytes, Handler&& done) {
    const std::size_t size = asio::buffer_size(bytes);
    if (is_broken_)
      return asio::post(get_executor(),
                        beast::bind_front_handler(std::move(done), error_code(), size));
    const auto executor = asio::get_associated_executor(done, get_executor());
    Protocol::socket::async_write_some(
        bytes, asio::bind_executor(executor, [this, size, done = std::move(done)](
                                                 error_code error, std::size_t written) mutable {
          // Of our own: the socket may have gone.
          if (error == asio::error::operation_aborted) return done(error, written);
          if (error) is_broken_ = true;
          done(error_code(), error ? size : written);
        }));
  }

  bool is_broken_ = false;
};
using Stream = websocket::stream<Socket>;
using Request = http::request_parser<http::empty_body>;

// After the closing handshake Beast would wait, without a deadline, for the peer to close its side.
// It finds these two by the type of its socket.

void teardown(beast::role_type /*role*/, Socket& socket, error_code& error) {
  error_code is_broken;
  socket.shutdown(asio::socket_base::shutdown_send, is_broken);
  error = {};
}
template <class Handler>
void async_teardown(beast::role_type role, Socket& socket, Handler&& handler) {
  error_code error;
  teardown(role, socket, error);
  asio::post(socket.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error));
}

constexpr std::uint32_t kMaxHeader = 16 * 1024;
// Most messages, such as events, are smaller: no block is allocated for a silent connection.
constexpr std::size_t kSmallMessage = 2048;
constexpr int kTicksOfSilence = 3;  // after the first of them the peer is pinged

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string_view WebSocketRequest::Header(std::string_view name) const {
  for (const auto& [its, value] : headers) {
    if (SameName(its, name)) return value;
  }
  return {};
}

struct WebSocketPort::Impl final : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, const FlowLimits& flow_limits, WebSocketSink& packet_sink,
       Generation its_generation, WebSocketPatience its_patience)
      : loop(event_loop),
        limits(flow_limits),
        patience(its_patience),
        queue(flow_limits),
        sink(&packet_sink),
        generation(its_generation),
        timer(event_loop.io()),
        last_words(event_loop.io()),
        end(event_loop.io()) {}

  // ---- The handshake

  void Take(UniqueFd socket) {
    int family = AF_UNIX;
    socklen_t size = sizeof family;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    stream = std::make_shared<Stream>(loop.io(), Protocol(family, 0), socket.release());
    // Deadlines and pings are this object's own: Beast's would disconnect a peer that is not read
    // from because of back-pressure.
    stream->set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                       websocket::stream_base::none(), false});
    stream->read_message_max(0);  // counted here, so that the session survives
    stream->auto_fragment(false);
    stream->binary(!SpeaksText(generation));
    stream->control_callback(
        [this](websocket::frame_type, beast::string_view) { is_heard = true; });
    After(patience.handshake, [this] {
      Fail(MakeError(Errc::kPeerMisbehaved, "the WebSocket's handshake was not done in time"));
    });
  }

  void Accept(UniqueFd socket, const std::string& read) {
    Take(std::move(socket));
    if (read.size() > kMaxHeader)
      return Refuse(http::status::bad_request, "this request is too long");
    request = std::make_shared<Request>();
    request->header_limit(kMaxHeader);
    asio::buffer_copy(head.prepare(read.size()), asio::buffer(read));
    head.commit(read.size());
    http::async_read_header(
        stream->next_layer(), head, *request,
        [self = shared_from_this(), keep = stream, asked = request](error_code error, std::size_t) {
          if (self->sink != nullptr) self->OnHeader(error);
        });
  }

  void OnHeader(error_code error) {
    if (error) {
      if (error != http::error::end_of_stream && error.category() == BadRequest())
        return Refuse(http::status::bad_request, "this is no request for a WebSocket");
      return Fail(MakeError(Errc::kPeerGone, "the other side left before the handshake"));
    }
    const auto& asked = request->get();
    WebSocketRequest what{std::string(asked.target()), {}};
    for (const auto& field : asked)
      what.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    // Before the answer a client has nothing to say.
    if (head.size() != 0)
      return Refuse(http::status::bad_request, "there is more than a request for a WebSocket");
    if (!websocket::is_upgrade(asked))
      return Refuse(http::status::upgrade_required, "this address serves WebSockets alone");
    if (Result<> admitted = sink->OnRequest(what); !admitted) {
      if (sink != nullptr) Refuse(http::status::forbidden, admitted.error().Line());
      return;
    }
    if (sink == nullptr) return;
    stream->async_accept(asked, [self = shared_from_this(), keep = stream](error_code failed) {
      if (self->sink != nullptr) self->OnHandshake(failed);
    });
  }

  static const boost::system::error_category& BadRequest() {
    return make_error_code(http::error::bad_method).category();
  }

  void Refuse(http::status status, const std::string& why) {
    auto answer = std::make_shared<http::response<http::string_body>>(status, 11);
    answer->set(http::field::content_type, "text/plain; charset=utf-8");
    if (status == http::status::upgrade_required) answer->set(http::field::upgrade, "websocket");
    answer->body() = why + "\n";
    answer->keep_alive(false);
    answer->prepare_payload();
    WebSocketSink* told = std::exchange(sink, nullptr);
    queue.Close();
    After(patience.farewell, [this] { Drop(); });
    http::async_write(stream->next_layer(), *answer,
                      [self = shared_from_this(), keep = stream, answer](error_code, std::size_t) {
                        self->Drop();
                      });
    told->OnDisconnected(MakeError(Errc::kPeerMisbehaved, why));
  }

  void Connect(UniqueFd socket, WebSocketRequest what) {
    Take(std::move(socket));
    const std::string host(what.Header("host"));
    stream->set_option(websocket::stream_base::decorator([what](websocket::request_type& asked) {
      for (const auto& [name, value] : what.headers) {
        if (!SameName(name, "host")) asked.set(name, value);
      }
    }));
    stream->async_handshake(host, what.target,
                            [self = shared_from_this(), keep = stream](error_code failed) {
                              if (self->sink != nullptr) self->OnHandshake(failed);
                            });
  }

  void OnHandshake(error_code failed) {
    if (failed) {
      return Fail(MakeError(
          failed == websocket::error::upgrade_declined ? Errc::kUntrusted : Errc::kPeerMisbehaved,
          "the WebSocket's handshake failed: " + failed.message()));
    }
    request.reset();
    head = {};
    is_open = true;
    timer.cancel();
    Tick();
    sink->OnOpen();
    if (sink == nullptr) return;
    Read();
    Write();
  }

  // ---- Reading

  void Read() {
    if (is_reading || !is_open || sink == nullptr) return;
    if (paused.load()) return WatchForEnd();
    StopWatch();
    is_reading = true;
    stream->async_read_some(
        Room(), [self = shared_from_this(), keep = stream](error_code error, std::size_t n) {
          if (self->sink != nullptr) self->OnRead(error, n);
        });
  }

  // Where the message goes on. Its length is not known beforehand, so the block doubles.
  asio::mutable_buffer Room() {
    if (used == 0 || used > limits.max_packet + 1) return asio::buffer(small);
    if (used == large.size() || large.size() == 0) {
      Buffer larger(std::clamp(used * 2, kSmallMessage * 2, limits.max_packet + 2));
      std::memcpy(larger.data(), large.size() == 0 ? small.data() : large.data(), used);
      large = std::move(larger);
    }
    return {large.data() + used, large.size() - used};
  }

  void OnRead(error_code error, std::size_t n) {
    is_reading = false;
    if (error) return OnReadError(error);
    is_heard = true;
    used += n;
    if (used > limits.max_packet + 1) large = {};
    if (!stream->is_message_done()) return Read();
    if (stream->got_binary() == SpeaksText(generation)) {
      return Fail(MakeError(Errc::kPeerMisbehaved,
                            stream->got_binary()
                                ? "the other side sent no text; before Flet 0.70 messages are text"
                                : "the other side sent text; Flet's messages are binary"),
                  WebSocketClose::kUnsupported);
    }
    const std::byte* const bytes = large.size() == 0 ? small.data() : large.data();
    const std::size_t size = std::exchange(used, 0);
    const Buffer block = std::exchange(large, {});
    OnMessage({bytes, size > limits.max_packet + 1 ? 0 : size}, size);
    Read();
  }

  void OnReadError(error_code error) {
    if (error == websocket::error::closed) {
      return Fail(MakeError(Errc::kPeerGone, "the other side closed the connection (" +
                                                 std::to_string(stream->reason().code) + ")"));
    }
    if (error.category() == make_error_code(websocket::error::closed).category()) {
      return Fail(MakeError(Errc::kPeerMisbehaved,
                            "the other side broke the WebSocket protocol: " + error.message()));
    }
    Fail(used != 0 ? MakeError(Errc::kCut, "the connection ended in the middle of a packet")
                   : MakeError(Errc::kPeerGone, "the other side closed the connection"));
  }

  // `bytes`: none of a message that is too large.
  void OnMessage(std::span<const std::byte> bytes, std::size_t size) {
    if (size == 0) return;  // as Flet has it
    if (bytes.empty()) return RefuseMessage(size - 1);
    if (generation == Generation::kUnknown) {
      const auto first = std::to_integer<unsigned>(bytes[0]);
      // An array of two begins a message of generation 2, the packet's type one of generation 3.
      if (first == 0x92 || first <= 1) {
        generation = first == 0x92 ? Generation::kG2 : Generation::kG3;
        sink->OnGeneration(generation);
        if (sink == nullptr) return;
        Write();
      } else {
        return Fail(MakeError(Errc::kPeerMisbehaved, "the other side speaks no protocol of Flet's"),
                    WebSocketClose::kProtocol);
      }
    }
    PacketType type = PacketType::kControl;
    if (generation == Generation::kG3) {
      if (std::to_integer<unsigned>(bytes[0]) > 1) return;  // as Flet has it
      type = static_cast<PacketType>(bytes[0]);
      bytes = bytes.subspan(1);
    }
    if (bytes.size() > limits.max_packet) return RefuseMessage(bytes.size());
    sink->OnPacket(Packet{type, Buffer(bytes)});
  }

  void RefuseMessage(std::size_t size) {
    sink->OnRefused(MakeError(
        Errc::kLimit, "refused a packet of " + std::to_string(size) + " bytes, limit " +
                          std::to_string(limits.max_packet) + "; raise it with --max-packet"));
  }

  // As StreamPort's: the end of the connection is noticed while receiving is paused.
  void WatchForEnd() {
    if (is_watching) return;
    UniqueFd fd = platform::WatchForPeerEnd(stream->next_layer().native_handle());
    if (!fd) return;
    is_watching = true;
    end.assign(fd.release());
    end.async_wait(asio::posix::stream_descriptor::wait_read,
                   [self = shared_from_this(), watch = ++watch_count](error_code error) {
                     if (error || !self->is_watching || watch != self->watch_count) return;
                     self->OnEndWhilePaused();
                   });
  }

  void OnEndWhilePaused() {
    const auto fail = [self = shared_from_this(), watch = watch_count](error_code cancelled) {
      if (cancelled || !self->is_watching || watch != self->watch_count) return;
      self->Fail(MakeError(Errc::kPeerGone, "the other side closed the connection"));
    };
    if (patience.last_words.count() == 0) return fail({});
    last_words.expires_after(patience.last_words);
    last_words.async_wait(fail);
  }

  void StopWatch() {
    if (!std::exchange(is_watching, false)) return;
    last_words.cancel();
    error_code ignored;
    end.close(ignored);
  }

  // ---- Writing

  void Write() {
    if (is_writing || !is_open || generation == Generation::kUnknown) return;
    while (true) {
      if (!queue.Pop(out)) {
        if (queue.PrepareToSleep()) break;
        continue;
      }
      if (out.type == PacketType::kControl || generation == Generation::kG3) {
        is_writing = true;
        type_byte = static_cast<std::byte>(out.type);
        const std::array<asio::const_buffer, 2> message{
            asio::const_buffer(&type_byte, generation == Generation::kG3 ? 1 : 0),
            asio::const_buffer(out.payload.data(), out.payload.size())};
        stream->async_write(
            message, [self = shared_from_this(), keep = stream](error_code error, std::size_t) {
              self->OnWritten(error);
            });
        return;
      }
      Release();  // generation 2 has no place for it
    }
    if (closing) SayGoodbye();
  }

  void OnWritten(error_code error) {
    is_writing = false;
    Release();
    if (!error) Write();
  }

  void Release() {
    const bool writable = queue.Release(out.payload.size());
    out = Packet{};
    if (writable && sink != nullptr) sink->OnWritable();
  }

  // ---- The end

  template <class Task>
  void After(std::chrono::milliseconds time, Task task) {
    At(std::chrono::steady_clock::now() + time, std::move(task));
  }
  template <class Task>
  void At(std::chrono::steady_clock::time_point time, Task task) {
    timer.expires_at(time);
    timer.async_wait([self = shared_from_this(), task](error_code cancelled) {
      if (!cancelled && self->stream) task();
    });
  }

  // At moments that all connections have in common: a thousand idle ones wake the machine as often
  // as one.
  void Tick() {
    if (patience.ping.count() == 0) return;
    const std::chrono::milliseconds grid = (patience.ping + std::chrono::milliseconds(3)) / 4;
    const auto soonest = std::chrono::steady_clock::now().time_since_epoch() + patience.ping;
    At(std::chrono::steady_clock::time_point((soonest / grid + 1) * grid), [this] {
      if (sink == nullptr) return;
      // What a peer answers is not read while receiving is paused.
      silence = is_heard || paused.load() ? 0 : silence + 1;
      is_heard = false;
      if (silence >= kTicksOfSilence)
        return Fail(MakeError(Errc::kPeerGone, "the other side answers no ping"));
      if (silence == 1)
        stream->async_ping({}, [self = shared_from_this(), keep = stream](error_code) {});
      Tick();
    });
  }

  void Fail(const Error& why, WebSocketClose code = WebSocketClose::kProtocol) {
    WebSocketSink* told = sink;
    if (why.code == Errc::kPeerMisbehaved && is_open) {
      Disconnect(code);
    } else {
      sink = nullptr;
      queue.Close();
      Drop();
    }
    if (told != nullptr) told->OnDisconnected(why);
  }

  void Disconnect(WebSocketClose code) {
    queue.Close();
    if (!std::exchange(sink, nullptr)) return;
    StopWatch();
    timer.cancel();
    if (!is_open) return Drop();
    closing = code;
    After(patience.farewell, [this] { Drop(); });
    Write();
  }

  void SayGoodbye() {
    if (std::exchange(said_goodbye, true)) return;
    stream->async_close(static_cast<websocket::close_code>(*closing),
                        [self = shared_from_this(), keep = stream](error_code) { self->Drop(); });
  }

  void Drop() {
    is_open = false;
    StopWatch();
    timer.cancel();
    if (stream) {
      error_code ignored;
      // A forked child of an app in this process may hold a duplicate.
      stream->next_layer().shutdown(asio::socket_base::shutdown_both, ignored);
      stream->next_layer().close(ignored);
    }
    stream.reset();
    request.reset();
    for (Packet packet; queue.Pop(packet);) (void)queue.Release(packet.payload.size());
  }

  EventLoop& loop;
  const FlowLimits limits;
  const WebSocketPatience patience;
  PacketQueue queue;
  std::atomic<bool> paused{false};
  PostOnce resume;

  // EventLoop's thread only
  WebSocketSink* sink;  // null: the end has come, or is under way
  Generation generation;
  asio::steady_timer timer;            // the handshake's, then the pings', then the end's
  asio::steady_timer last_words;       // while paused, after the connection's end
  asio::posix::stream_descriptor end;  // while paused: becomes readable at the connection's end
  std::shared_ptr<Stream> stream;      // shared with operations that use it
  // During a server's handshake; shared with the operation that fills it.
  std::shared_ptr<Request> request;
  beast::flat_buffer head{kMaxHeader * 2};
  std::array<std::byte, kSmallMessage> small;
  Buffer large;          // the message so far, if it is larger
  std::size_t used = 0;  // its bytes so far
  Packet out;            // is written
  std::byte type_byte{};
  std::optional<WebSocketClose> closing;
  std::uint64_t watch_count = 0;
  int silence = 0;  // ticks
  bool is_heard = false;
  bool is_watching = false;
  bool is_open = false;
  bool is_reading = false;
  bool is_writing = false;
  bool said_goodbye = false;
};

WebSocketPort::WebSocketPort(EventLoop& loop, const FlowLimits& limits, WebSocketSink& sink,
                             Generation generation, WebSocketPatience patience)
    : impl_(std::make_shared<Impl>(loop, limits, sink, generation, patience)) {}

WebSocketPort::~WebSocketPort() { Disconnect(WebSocketClose::kGoingAway); }

void WebSocketPort::Accept(UniqueFd socket, std::string read) {
  impl_->Accept(std::move(socket), read);
}
void WebSocketPort::Connect(UniqueFd socket, WebSocketRequest request) {
  impl_->Connect(std::move(socket), std::move(request));
}
void WebSocketPort::Disconnect(WebSocketClose code) { impl_->Disconnect(code); }
bool WebSocketPort::open() const { return impl_->is_open && impl_->sink != nullptr; }

SendResult WebSocketPort::Send(Packet&& packet) {
  bool wake = false;
  const SendResult result = impl_->queue.Push(std::move(packet), wake);
  if (wake) {
    if (impl_->loop.InLoop()) {
      impl_->Write();
    } else {
      impl_->loop.Post([impl = impl_] { impl->Write(); });
    }
  }
  return result;
}

std::size_t WebSocketPort::queued_bytes() const { return impl_->queue.queued_bytes(); }

void WebSocketPort::PauseReceiving() { impl_->paused.store(true); }

void WebSocketPort::ResumeReceiving() {
  if (!impl_->paused.exchange(false)) return;
  impl_->resume(impl_->loop, [impl = impl_] { impl->Read(); });
}

}  // namespace fletbridge
