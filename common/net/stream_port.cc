#include "common/net/stream_port.h"

#include <array>
#include <atomic>
#include <memory>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "common/transport/bounded_queue.h"
#include "common/wire/stream_decoder.h"

namespace fletbridge {
namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;

namespace {

// One write gathers at most this many packets: two buffers each, and the kernel takes 64 at once.
constexpr std::size_t kMaxBatch = 32;

}  // namespace

struct StreamPort::Impl final : FrameHandler, std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, const FlowLimits& flow_limits, StreamSink& packet_sink,
       Generation generation, std::chrono::milliseconds for_last_words)
      : loop(event_loop),
        limits(flow_limits),
        sink(packet_sink),
        last_words(for_last_words),
        queue(flow_limits),
        decoder(generation, flow_limits.max_packet),
        end(event_loop.io()),
        end_timer(event_loop.io()) {}

  void OnFrame(Packet&& packet) override {
    if (sessions_to_skip.load() == 0) sink.OnPacket(std::move(packet));
  }

  void OnOversizedFrame(std::size_t payload_bytes) override {
    sink.OnRefused(MakeError(
        Errc::kLimit, "refused a packet of " + std::to_string(payload_bytes) + " bytes, limit " +
                          std::to_string(limits.max_packet) + "; raise it with --max-packet"));
  }

  void Read() {
    if (reading || !socket) return;
    if (paused.load()) {
      WatchForEnd();
      return;
    }
    StopWatch();
    reading = true;
    const std::span<std::byte> room = decoder.Room();
    socket->async_read_some(asio::buffer(room.data(), room.size()),
                            [self = shared_from_this(), connection = connection](
                                boost::system::error_code error, std::size_t n) {
                              self->OnRead(connection, error, n);
                            });
  }

  void OnRead(std::uint64_t of_connection, boost::system::error_code error, std::size_t n) {
    if (of_connection != connection) return;  // of a connection that is no longer ours
    reading = false;
    if (error) {
      Fail(decoder.InFrame()
               ? MakeError(Errc::kCut, "the connection ended in the middle of a packet")
               : MakeError(Errc::kPeerGone, "the other side closed the connection"));
      return;
    }
    const Generation before = decoder.generation();
    if (Result<> ok = decoder.Consume(n, *this); !ok) {
      if (of_connection == connection) Fail(ok.error());
      return;
    }
    if (of_connection != connection) return;
    if (decoder.generation() != before) {
      sink.OnGeneration(decoder.generation());
      if (of_connection != connection) return;
      Write();
    }
    Read();
  }

  // While nothing is read, nothing says that the peer has gone: this does. A read would say that
  // there is more to read, for ever.
  void WatchForEnd() {
    if (std::exchange(watching, true)) return;
    const auto told = [self = shared_from_this(),
                       watch = ++watch_count](boost::system::error_code error) {
      if (!error && self->watching && watch == self->watch_count) self->OnEndWhilePaused();
    };
    epoll_event wanted{};
    wanted.events = EPOLLRDHUP;
    UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
    if (fd && ::epoll_ctl(fd.get(), EPOLL_CTL_ADD, socket->native_handle(), &wanted) == 0) {
      end.assign(fd.release());
      end.async_wait(asio::posix::stream_descriptor::wait_read, told);
    } else {
      socket->async_wait(Protocol::socket::wait_error, told);  // a reset, or both directions' end
    }
  }

  void OnEndWhilePaused() {
    const Error why = MakeError(Errc::kPeerGone, "the other side closed the connection");
    if (last_words.count() == 0) {
      Fail(why);
      return;
    }
    end_timer.expires_after(last_words);
    end_timer.async_wait(
        [self = shared_from_this(), watch = watch_count, why](boost::system::error_code error) {
          if (!error && self->watching && watch == self->watch_count) self->Fail(why);
        });
  }

  void StopWatch() {
    if (!std::exchange(watching, false)) return;
    boost::system::error_code ignored;
    end.close(ignored);
    end_timer.cancel();
  }

  // Writes what is queued, unless a write is under way; its end calls this again.
  void Write() {
    if (writing || !socket || at_marker) return;
    if (decoder.generation() == Generation::kUnknown) return;  // the peer speaks first
    batch_size = 0;
    while (batch_size < kMaxBatch) {
      if (!queue.Pop(batch[batch_size].packet)) {
        if (batch_size != 0 || queue.PrepareToSleep()) break;
        continue;
      }
      Outgoing& out = batch[batch_size];
      if (out.packet.type == PacketType::kNewSession) {
        at_marker = true;  // what follows is for the next connection
        if (queue.Release(0)) sink.OnWritable();
        break;
      }
      if (bare() && out.packet.type != PacketType::kControl) {  // there is no place for it
        if (queue.Release(out.packet.payload.size())) sink.OnWritable();
        continue;
      }
      out.header = MakeFrameHeader(out.packet.type, out.packet.payload.size());
      ++batch_size;
    }
    if (batch_size == 0) return;
    buffers.clear();
    for (std::size_t i = 0; i < batch_size; ++i) {
      if (!bare()) buffers.emplace_back(batch[i].header.data(), batch[i].header.size());
      if (const Buffer& payload = batch[i].packet.payload; payload.size() != 0) {
        buffers.emplace_back(payload.data(), payload.size());
      }
    }
    writing = true;
    // Between two of its steps the operation goes back to the socket, which may have been dropped.
    asio::async_write(
        *socket, buffers,
        [self = shared_from_this(), keep = socket, connection = connection](
            boost::system::error_code error, std::size_t) { self->OnWritten(connection, error); });
  }

  void OnWritten(std::uint64_t of_connection, boost::system::error_code error) {
    if (of_connection != connection) return;
    writing = false;
    ReleaseBatch();
    // A broken pipe is told by the reading side, which first delivers what the peer still said.
    if (!error) Write();
  }

  void ReleaseBatch() {
    bool writable = false;
    for (std::size_t i = 0; i < batch_size; ++i) {
      writable |= queue.Release(batch[i].packet.payload.size());
      batch[i].packet = Packet{};
    }
    batch_size = 0;
    if (writable) sink.OnWritable();
  }

  void Drop() {
    ++connection;
    StopWatch();
    if (socket) {
      boost::system::error_code ignored;
      // A fork of the app in this process holds it as well, and would keep the peer from seeing it.
      socket->shutdown(asio::socket_base::shutdown_both, ignored);
      socket->close(ignored);
    }
    socket.reset();
    reading = false;
    writing = false;
    decoder.Reset();
  }

  [[nodiscard]] bool bare() const { return decoder.generation() == Generation::kG2; }

  void DropQueue() {
    ReleaseBatch();
    const bool dropped = std::exchange(at_marker, false);
    for (Packet packet; (!dropped || queue.closed()) && queue.Pop(packet);) {
      if (queue.Release(packet.payload.size())) sink.OnWritable();
      if (packet.type == PacketType::kNewSession && !queue.closed()) break;
    }
  }

  void Fail(const Error& why) {
    Drop();
    sink.OnDisconnected(why);
  }

  EventLoop& loop;
  const FlowLimits limits;
  StreamSink& sink;
  const std::chrono::milliseconds last_words;
  PacketQueue queue;
  std::atomic<bool> paused{false};
  std::atomic<int> sessions_to_skip{0};  // NewSession() calls that the loop has not come to

  // EventLoop's thread only
  struct Outgoing {
    FrameHeader header;
    Packet packet;
  };
  std::shared_ptr<Protocol::socket> socket;  // shared with a write that is under way
  std::uint64_t connection = 0;              // counts them; a handler of an old one does nothing
  StreamDecoder decoder;
  std::array<Outgoing, kMaxBatch> batch;
  std::size_t batch_size = 0;
  std::vector<asio::const_buffer> buffers;
  asio::posix::stream_descriptor end;  // while paused: an epoll that knows only the socket's end
  asio::steady_timer end_timer;        // while paused, after the end
  std::uint64_t watch_count = 0;
  bool watching = false;
  bool reading = false;
  bool writing = false;
  bool at_marker = false;  // the queue's next packet is for the next connection
};

StreamPort::StreamPort(EventLoop& loop, const FlowLimits& limits, StreamSink& sink,
                       Generation generation, std::chrono::milliseconds last_words)
    : impl_(std::make_shared<Impl>(loop, limits, sink, generation, last_words)) {}

StreamPort::~StreamPort() { impl_->Drop(); }

void StreamPort::Connect(UniqueFd socket) {
  impl_->Drop();
  impl_->ReleaseBatch();  // what an old connection was writing is lost with it
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  impl_->socket =
      std::make_shared<Protocol::socket>(impl_->loop.io(), Protocol(family, 0), socket.release());
  impl_->Read();
  impl_->Write();
}

void StreamPort::Disconnect() {
  impl_->Drop();
  impl_->DropQueue();
}

void StreamPort::SetGeneration(Generation generation) { impl_->decoder.SetGeneration(generation); }

void StreamPort::MarkNewSession() {
  impl_->sessions_to_skip.fetch_add(1);
  if (impl_->queue.PushMarker(Packet{PacketType::kNewSession, {}})) {
    impl_->loop.Post([impl = impl_] { impl->Write(); });
  }
}

void StreamPort::DisconnectForNewSession() {
  impl_->sessions_to_skip.fetch_sub(1);
  Disconnect();
}

std::size_t StreamPort::unread_bytes() const {
  int unread = 0;
  if (impl_->socket == nullptr || ::ioctl(impl_->socket->native_handle(), FIONREAD, &unread) != 0)
    return 0;
  return static_cast<std::size_t>(unread);
}

void StreamPort::Close() { impl_->queue.Close(); }

bool StreamPort::connected() const { return impl_->socket != nullptr; }

SendResult StreamPort::Send(Packet&& packet) {
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

std::size_t StreamPort::queued_bytes() const { return impl_->queue.queued_bytes(); }

void StreamPort::PauseReceiving() { impl_->paused.store(true); }

void StreamPort::ResumeReceiving() {
  if (!impl_->paused.exchange(false)) return;
  impl_->loop.Post([impl = impl_] { impl->Read(); });
}

}  // namespace fletbridge
