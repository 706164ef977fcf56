#include "common/net/stream_port.h"

#include <array>
#include <atomic>
#include <memory>
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

#include "common/base/post_once.h"
#include "common/platform/peer.h"
#include "common/transport/bounded_queue.h"
#include "common/wire/stream_decoder.h"

namespace fletbridge {
namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;

namespace {

// Packets in one write: two buffers each, and Asio passes 64 buffers to the kernel at once.
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

  void OnFrame(Packet&& packet) override { sink.OnPacket(std::move(packet)); }

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
    if (of_connection != connection) return;  // a late handler of an earlier connection
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

  // Notices the end of the connection while receiving is paused. Waiting for readability would not
  // do, since unread data makes the socket readable all the time.
  void WatchForEnd() {
    if (std::exchange(watching, true)) return;
    const auto told = [self = shared_from_this(),
                       watch = ++watch_count](boost::system::error_code error) {
      if (!error && self->watching && watch == self->watch_count) self->OnEndWhilePaused();
    };
    if (UniqueFd fd = platform::WatchForPeerEnd(socket->native_handle())) {
      end.assign(fd.release());
      end.async_wait(asio::posix::stream_descriptor::wait_read, told);
    } else {
      socket->async_wait(Protocol::socket::wait_error, told);  // a reset, or both directions closed
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

  // Writes queued packets, unless a write is in progress, whose end calls this again.
  void Write() {
    if (writing || !socket) return;
    if (decoder.codec() == nullptr) return;  // the peer sends first
    batch_size = 0;
    while (batch_size < kMaxBatch) {
      if (!queue.Pop(batch[batch_size].packet)) {
        if (batch_size != 0 || queue.PrepareToSleep()) break;
        continue;
      }
      Outgoing& out = batch[batch_size];
      const std::optional<std::size_t> size =
          decoder.codec()->Frame(out.packet.type, out.packet.payload.size(), out.header);
      if (!size) {  // there is no place for it
        if (queue.Release(out.packet.payload.size())) sink.OnWritable();
        continue;
      }
      out.header_size = *size;
      ++batch_size;
    }
    if (batch_size == 0) return;
    buffers.clear();
    for (std::size_t i = 0; i < batch_size; ++i) {
      if (batch[i].header_size != 0)
        buffers.emplace_back(batch[i].header.data(), batch[i].header_size);
      if (const Buffer& payload = batch[i].packet.payload; payload.size() != 0) {
        buffers.emplace_back(payload.data(), payload.size());
      }
    }
    writing = true;
    // The operation uses the socket between its steps, even after Drop(): `keep` owns it.
    asio::async_write(
        *socket, buffers,
        [self = shared_from_this(), keep = socket, connection = connection](
            boost::system::error_code error, std::size_t) { self->OnWritten(connection, error); });
  }

  void OnWritten(std::uint64_t of_connection, boost::system::error_code error) {
    if (of_connection != connection) return;
    writing = false;
    ReleaseBatch();
    // A broken connection is reported by the reading side, after the peer's last packets.
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
      // A forked child of an app in this process may hold a duplicate, which would keep the
      // connection open.
      socket->shutdown(asio::socket_base::shutdown_both, ignored);
      socket->close(ignored);
    }
    socket.reset();
    reading = false;
    writing = false;
    decoder.Reset();
  }

  void DropQueue() {
    ReleaseBatch();
    for (Packet packet; queue.Pop(packet);) {
      if (queue.Release(packet.payload.size())) sink.OnWritable();
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
  PostOnce resume;

  // EventLoop's thread only
  struct Outgoing {
    FrameHeader header;
    std::size_t header_size = 0;
    Packet packet;
  };
  std::shared_ptr<Protocol::socket> socket;  // shared with a write in progress
  std::uint64_t connection =
      0;  // the number of the current one; handlers of earlier ones do nothing
  StreamDecoder decoder;
  std::array<Outgoing, kMaxBatch> batch;
  std::size_t batch_size = 0;
  std::vector<asio::const_buffer> buffers;
  asio::posix::stream_descriptor end;  // while paused: becomes readable at the connection's end
  asio::steady_timer end_timer;        // while paused, after the connection's end
  std::uint64_t watch_count = 0;
  bool watching = false;
  bool reading = false;
  bool writing = false;
};

StreamPort::StreamPort(EventLoop& loop, const FlowLimits& limits, StreamSink& sink,
                       Generation generation, std::chrono::milliseconds last_words)
    : impl_(std::make_shared<Impl>(loop, limits, sink, generation, last_words)) {}

StreamPort::~StreamPort() { impl_->Drop(); }

void StreamPort::Connect(UniqueFd socket) {
  impl_->Drop();
  impl_->ReleaseBatch();  // packets of an unfinished write are lost
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
  impl_->resume(impl_->loop, [impl = impl_] { impl->Read(); });
}

}  // namespace fletbridge
