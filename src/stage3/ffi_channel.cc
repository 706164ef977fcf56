#include "src/stage3/ffi_channel.h"

#include <cstring>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/post_once.h"
#include "common/platform/wake_up.h"

namespace fletbridge::stage3 {
namespace asio = boost::asio;

namespace {

// Packets delivered before other tasks of the loop run.
constexpr int kBatch = 256;
constexpr std::uint32_t kChannelIdBytes = 4;

}  // namespace

// The loop's end of to_ui_; shared with pending handlers.
struct FfiChannel::Reader : std::enable_shared_from_this<Reader> {
  Reader(FfiChannel& owner, asio::io_context& io) : channel(&owner), signalled(io, wake.fd()) {}
  ~Reader() { signalled.release(); }

  void Wait() {
    waiting = true;
    signalled.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](boost::system::error_code error) {
                           self->waiting = false;
                           if (error || self->channel == nullptr) return;
                           self->wake.Clear();
                           self->Deliver();
                         });
  }

  void Deliver() {
    if (waiting || channel == nullptr) return;
    for (int i = 0; i < kBatch; ++i) {
      if (channel == nullptr || paused.load()) return;
      Outgoing packet;
      if (!channel->to_ui_.Pop(packet)) {
        if (channel->to_ui_.PrepareToSleep()) {
          Wait();
          return;
        }
        continue;
      }
      const std::size_t size = packet.payload.size();
      channel->HandToSink(std::move(packet));
      if (channel != nullptr && channel->to_ui_.Release(size)) {
        channel->room_epoch_.fetch_add(1);
        channel->room_epoch_.notify_all();
        if (channel->form_ == Form::kStream) {
          Message marker;
          marker.kind = Message::Kind::kRoom;
          channel->inbox_.PushMarker(std::move(marker));
        }
      }
    }
    channel->loop_.Post([self = shared_from_this()] { self->Deliver(); });
  }

  FfiChannel* channel;
  platform::WakeUp wake{platform::WakeUp::Reader::kLoop};
  asio::posix::stream_descriptor signalled;
  std::atomic<bool> paused{false};
  PostOnce resume;
  bool waiting = false;
};

FfiChannel::FfiChannel(EventLoop& loop, const FlowLimits& limits, std::int64_t protocol_port,
                       Form form)
    : loop_(loop),
      protocol_port_(protocol_port),
      form_(form),
      to_ui_(limits),
      reader_(std::make_shared<Reader>(*this, loop.io())),
      inbox_(limits, [&loop, reader = reader_] {
        loop.Post([reader] {
          if (reader->channel == nullptr) return;
          if (reader->channel->on_room_) reader->channel->on_room_();
          if (reader->channel->sink_ != nullptr) reader->channel->sink_->OnWritable();
        });
      }) {
  inbox_.Open();  // packets sent before the app listens wait in it
}

FfiChannel::~FfiChannel() { reader_->channel = nullptr; }

void FfiChannel::OpenSession(PacketSink& sink) {
  sink_ = &sink;
  const std::uint32_t number = session_.fetch_add(1) + 1;
  if (form_ == Form::kStream) open_stream_.store(number);
  if (number > 1 || form_ == Form::kStream) inbox_.BeginSession(number);
}

void FfiChannel::EndStream() {
  if (const std::uint32_t number = open_stream_.exchange(0); number != 0) inbox_.EndSession(number);
}

void FfiChannel::CloseSession() {
  sink_ = nullptr;
  EndStream();
  ResumeReceiving();  // the app's further packets are dropped
}

SendResult FfiChannel::Send(Packet&& packet) {
  Message message;
  if (packet.type == PacketType::kData) {
    // A data channel's port is its id, and its messages have no type byte. A packet too short for
    // an id is dropped, as by Flet's socket server.
    if (packet.payload.size() < kChannelIdBytes) return SendResult::kAccepted;
    std::uint32_t id = 0;
    std::memcpy(&id, packet.payload.data(), kChannelIdBytes);
    message.port = id;
    message.skip = kChannelIdBytes;
  } else {
    message.port = protocol_port_;
    message.prefix = {{static_cast<std::byte>(packet.type)}, 1};
  }
  return Push(std::move(message), std::move(packet));
}

SendResult FfiChannel::SendOnStream(const Prefix& prefix, Packet&& packet) {
  Message message;
  message.port = protocol_port_;
  message.prefix = prefix;
  return Push(std::move(message), std::move(packet));
}

SendResult FfiChannel::Push(Message&& message, Packet&& packet) {
  message.session = session_.load();
  message.payload = std::move(packet.payload);
  const SendResult result = inbox_.Push(std::move(message));
  if (result != SendResult::kAccepted) packet.payload = message.payload.TakeBuffer();
  return result;
}

void FfiChannel::PauseReceiving() { reader_->paused.store(true); }

void FfiChannel::ResumeReceiving() {
  if (!reader_->paused.exchange(false)) return;
  reader_->resume(loop_, [reader = reader_] { reader->Deliver(); });
}

void FfiChannel::Start() { reader_->Deliver(); }

void FfiChannel::Close() {
  CloseToPython();
  inbox_.Shut();
  reader_->paused.store(false);
  for (Outgoing packet; to_ui_.Pop(packet);) {
    const std::size_t size = packet.payload.size();
    HandToSink(std::move(packet));
    [[maybe_unused]] const bool room = to_ui_.Release(size);
  }
}

void FfiChannel::HandToSink(Outgoing&& packet) {
  if (sink_ != nullptr && packet.session == session_.load()) sink_->OnPacket(std::move(packet));
}

void FfiChannel::CloseToPython() {
  to_ui_.Close();
  room_epoch_.fetch_add(1);
  room_epoch_.notify_all();
}

FfiChannel::Sent FfiChannel::SendFromPython(Packet&& packet, std::uint32_t& room) {
  room = room_epoch_.load();  // before Push(): room made after it changes this value
  return Push(Outgoing{std::move(packet), app_session_.load()}, packet);
}

FfiChannel::Sent FfiChannel::SendOnStreamFromPython(std::uint32_t session, Buffer&& bytes) {
  if (session != open_stream_.load()) return Sent::kClosed;
  Packet packet{PacketType::kControl, std::move(bytes)};
  return Push(Outgoing{std::move(packet), session}, packet);
}

void FfiChannel::EndStreamFromPython(std::uint32_t session) {
  if (to_ui_.PushMarker(Outgoing{Packet{}, session})) reader_->wake.Signal();
}

FfiChannel::Sent FfiChannel::Push(Outgoing&& outgoing, Packet& packet) {
  bool wake = false;
  const SendResult result = to_ui_.Push(std::move(outgoing), wake);
  if (result != SendResult::kAccepted) packet.payload = std::move(outgoing.payload);
  switch (result) {
    case SendResult::kAccepted:
      if (wake) reader_->wake.Signal();
      return Sent::kOk;
    case SendResult::kFull:
      return Sent::kFull;
    case SendResult::kTooLarge:
      return Sent::kTooLarge;
    case SendResult::kClosed:
      break;
  }
  return Sent::kClosed;
}

void FfiChannel::WaitForRoom(std::uint32_t room) { room_epoch_.wait(room); }

}  // namespace fletbridge::stage3
