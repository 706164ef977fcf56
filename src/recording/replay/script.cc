#include "src/recording/replay/script.h"

#include <algorithm>

#include "common/wire/codec.h"
#include "src/recording/diff/control_path.h"
#include "src/recording/diff/tree_diff.h"

namespace fletbridge::replay {
namespace {

using recording::Direction;
using recording::Entry;
using wire::Map;
using namespace std::chrono_literals;

constexpr std::size_t kDataKind = 8;
// The pages are compared after the app has been silent for this long.
constexpr auto kQuiet = 50ms;
// At the end: how long an app may still send what the recording has.
constexpr auto kLastWords = 300ms;
// How long an app may take to start.
constexpr auto kStart = 60s;

constexpr std::size_t kRegister = static_cast<std::size_t>(Action::kRegisterClient);
constexpr std::size_t kPatch = static_cast<std::size_t>(Action::kPatchControl);
constexpr std::size_t kCall = static_cast<std::size_t>(Action::kInvokeMethod);

std::size_t KindOf(const wire::Codec& codec, PacketType type, std::span<const std::byte> payload) {
  if (type == PacketType::kData) return kDataKind;
  return type == PacketType::kControl ? static_cast<std::size_t>(codec.Peek(payload)) : 0;
}

}  // namespace

Script::Script(const recording::Recording& recorded, const diff::Mask& mask, ScriptOptions options,
               Out out)
    : recording_(recorded),
      mask_(mask),
      options_(std::move(options)),
      out_(std::move(out)),
      redactor_(recorded.info().redact) {
  CountCalls();
}

void Script::CountCalls() {
  for (const Entry& entry : recording_.entries()) {
    if (entry.kind != Entry::Kind::kPacket || entry.direction != Direction::kToUi ||
        entry.type != PacketType::kControl)
      continue;
    const Result<wire::Message> message = recording::MessageIn(entry, recording_.codec());
    const auto* call = message ? std::get_if<wire::InvokeMethod>(&*message) : nullptr;
    if (call != nullptr) ++calls_left_[call->name];
  }
}

Script::Call Script::CallIn(const wire::InvokeMethod& message, const wire::Session& session) {
  const Map* control = session.Find(message.control_id);
  return {message.control_id, message.call_id, message.name,
          control == nullptr ? std::string() : diff::PlaceOf(*control), wire::Copied(message.args)};
}

Result<> Script::Take(Packet packet, Clock::time_point now) {
  if (finished_) return {};
  const std::size_t kind = KindOf(wire::Newest(), packet.type, packet.payload.span());
  Trace(Direction::kToUi, packet.type, packet.payload.span(), now);
  ++live_counts_[kind];
  last_live_ = now;
  compared_ = false;
  if (packet.type != PacketType::kControl) return {};
  Result<wire::Message> message =
      wire::Newest().Decode(Sender::kApp, packet.payload.span(), wire::Reading::kLenient);
  if (!message) return MakeError(Errc::kPeerMisbehaved, "the app sent a malformed message");
  if (const auto* invoked = std::get_if<wire::InvokeMethod>(&*message)) {
    Call call = CallIn(*invoked, live_);
    if (std::size_t& left = calls_left_[call.name]; left > 0) {
      --left;
      live_calls_.push_back(std::move(call));
    } else if (live_.Find(call.control_id) != nullptr) {
      // The recording has no answer to this call; the app would wait forever.
      Send(
          wire::MethodResult{
              call.control_id, call.call_id, {}, "the recording holds no answer to " + call.name},
          now);
    }
    return {};
  }
  if (kind == kPatch) answers_.Patch(now);
  if (const auto* crash = std::get_if<wire::SessionCrashed>(&*message); crash && crash_.empty()) {
    const bool expected = std::any_of(
        options_.expect_crash.begin(), options_.expect_crash.end(),
        [&](const std::string& part) { return crash->message.find(part) != std::string::npos; });
    if (!expected) crash_ = wire::CrashLine(crash->message);
  }
  if (Result<bool> applied = live_.Apply(*message); !applied) return applied.error();
  return {};
}

// The times in a damaged recording may be anything.
static std::int64_t GapBetween(std::int64_t before_ns, std::int64_t after_ns) {
  constexpr std::uint64_t kLongest = std::uint64_t{24} * 3600 * 1'000'000'000;  // a day
  if (after_ns <= before_ns) return 0;
  const std::uint64_t gap =
      static_cast<std::uint64_t>(after_ns) - static_cast<std::uint64_t>(before_ns);
  return static_cast<std::int64_t>(std::min(gap, kLongest));
}

std::optional<Clock::time_point> Script::Advance(Clock::time_point now) {
  const std::vector<Entry>& entries = recording_.entries();
  while (next_ < entries.size()) {
    const Entry& entry = entries[next_];
    if (entry.kind == Entry::Kind::kGap) break;  // what follows cannot be understood without it
    if (entry.kind == Entry::Kind::kPacket && entry.direction == Direction::kToUi) {
      TakeExpected(entry);
    } else if (entry.kind != Entry::Kind::kState) {
      if (auto later = Wait(now, GapBetween(last_recorded_ns_, entry.at_ns))) return later;
      if (entry.kind == Entry::Kind::kSession) {
        BeginSession(now);
      } else {
        SendAgain(entry, now);
      }
    }
    last_recorded_ns_ = entry.at_ns;
    ++next_;
  }
  if (finished_) return std::nullopt;
  if (auto later = Wait(now, 0)) return later;
  // All frames are here. One more may bring the page to what it was.
  if (!SamePages() && now < last_live_ + kLastWords) return last_live_ + kLastWords;
  finished_ = true;
  return std::nullopt;
}

void Script::TakeExpected(const Entry& entry) {
  std::size_t& expected = expected_[KindOf(recording_.codec(), entry.type, entry.payload)];
  ++expected;
  if (entry.type != PacketType::kControl) return;
  Result<wire::Message> message = recording::MessageIn(entry, recording_.codec());
  if (!message) return;
  if (const auto* call = std::get_if<wire::InvokeMethod>(&*message))
    recorded_calls_.insert_or_assign(call->call_id, CallIn(*call, recorded_));
  const bool flat = std::holds_alternative<wire::FlatPatch>(*message);
  static_cast<void>(recorded_.Apply(*message));
  // On the live side one of these may be several messages, by translation.
  if (flat) expected += wire::Newest().Encode(*message).size() - 1;
}

bool Script::HaveCome() const {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (live_counts_[kind] + given_up_[kind] < expected_[kind]) return false;
  }
  return true;
}

bool Script::SamePages() const {
  if (recorded_.tree() == nullptr || live_.tree() == nullptr)
    return recorded_.tree() == live_.tree();
  return diff::CompareTrees(*recorded_.tree(), *live_.tree(), mask_).differences.empty();
}

void Script::GiveUpWaiting() {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const std::size_t have = live_counts_[kind] + given_up_[kind];
    if (have < expected_[kind]) given_up_[kind] += expected_[kind] - have;
  }
}

std::optional<Clock::time_point> Script::Wait(Clock::time_point now, std::int64_t gap_ns) {
  if (!waits_since_) waits_since_ = now;
  if (!HaveCome()) {
    const auto recorded = std::chrono::nanoseconds(std::max<std::int64_t>(gap_ns, 0));
    std::chrono::nanoseconds patience =
        std::max<std::chrono::nanoseconds>(options_.patience, 2 * recorded);
    const bool started = registered() || expected_[kRegister] == 0;
    if (!started) patience = std::max<std::chrono::nanoseconds>(patience, kStart);
    const Clock::time_point end = std::max(*waits_since_, last_live_) + patience;
    const bool quiet = started && now >= std::max(*waits_since_, last_live_) + kQuiet;
    // Fewer frames may have had the same content. An answer to a call needs the call.
    const bool calls = live_counts_[kCall] + given_up_[kCall] >= expected_[kCall];
    if (quiet && !compared_ && calls) {
      compared_ = true;
      if (SamePages()) GiveUpWaiting();
    }
    if (!HaveCome()) {
      if (now < end)
        return compared_ || !started || !calls
                   ? end
                   : std::min(end, std::max(*waits_since_, last_live_) + kQuiet);
      GiveUpWaiting();
    }
  }
  if (!ready_at_) ready_at_ = now;
  if (!options_.full_speed && gap_ns > 0) {
    const Clock::time_point due = *ready_at_ + std::chrono::nanoseconds(gap_ns);
    if (now < due) return due;
  }
  waits_since_.reset();
  ready_at_.reset();
  compared_ = false;
  return std::nullopt;
}

void Script::SendAgain(const Entry& entry, Clock::time_point now) {
  if ((entry.flags & recording::kWithheld) != 0) return;
  if (entry.type != PacketType::kControl) {
    Trace(Direction::kToApp, entry.type, entry.payload, now);
    out_.send(Packet{entry.type, Buffer(entry.payload)});
    return;
  }
  Result<wire::Message> message = recording::MessageIn(entry, recording_.codec());
  if (!message) return;
  static_cast<void>(recorded_.Settle(*message));
  const bool sent = Adapt(*message);
  if (Result<wire::Message> original = recording::MessageIn(entry, recording_.codec()); original)
    static_cast<void>(recorded_.Apply(*original));
  if (!sent) return;  // the verdict tells that the app had nothing there to take it
  if (std::holds_alternative<wire::ControlEvent>(*message)) answers_.Input(now);
  Send(*message, now);
  static_cast<void>(live_.Apply(*message));
}

void Script::Send(const wire::Message& message, Clock::time_point now) {
  for (Packet& packet : wire::Newest().Encode(message)) {
    Trace(Direction::kToApp, packet.type, packet.payload.span(), now);
    out_.send(std::move(packet));
  }
}

bool Script::Adapt(wire::Message& message) {
  if (auto* registration = std::get_if<wire::Register>(&message)) {
    // With an id, the app would look for that session instead of beginning one.
    registration->session_id.clear();
  } else if (auto* event = std::get_if<wire::ControlEvent>(&message)) {
    return AdaptTarget(event->target);
  } else if (auto* update = std::get_if<wire::UpdateProps>(&message)) {
    return AdaptTarget(update->id);
  } else if (auto* result = std::get_if<wire::MethodResult>(&message)) {
    return AdaptResult(*result);
  }
  return true;
}

bool Script::AdaptTarget(std::int64_t& id) const {
  const Map* control = recorded_.Find(id);
  // For a control that was gone already; Flet ignores it, if there is none now.
  if (control == nullptr) return live_.Find(id) == nullptr;
  const Map* live = live_.tree() == nullptr ? nullptr : diff::Counterpart(*control, *live_.tree());
  if (live == nullptr) return false;
  id = wire::ControlId(*live);
  return true;
}

bool Script::AdaptResult(wire::MethodResult& result) {
  const auto recorded = recorded_calls_.find(result.call_id);
  if (recorded == recorded_calls_.end()) return false;
  const Call& call = recorded->second;
  // The same call; or the same method there with other arguments; or the same method elsewhere.
  auto best = live_calls_.end();
  int best_fit = 0;
  for (auto one = live_calls_.begin(); one != live_calls_.end(); ++one) {
    if (one->name != call.name) continue;
    int fit = 1;
    if (one->place == call.place) fit += diff::Same(one->args, call.args, true) ? 2 : 1;
    if (fit > best_fit) {
      best_fit = fit;
      best = one;
    }
  }
  if (best == live_calls_.end()) return false;
  const Call live = std::move(*best);
  live_calls_.erase(best);
  // An answer for a control that is gone would make Flet close the connection.
  if (live_.Find(live.control_id) == nullptr) return false;
  result.control_id = live.control_id;
  result.call_id = live.call_id;
  return true;
}

void Script::BeginSession(Clock::time_point now) {
  recorded_.Reset();
  live_.Reset();
  expected_ = {};
  live_counts_ = {};
  given_up_ = {};
  recorded_calls_.clear();
  live_calls_.clear();
  redactor_.NewSession();
  Entry entry;
  entry.kind = Entry::Kind::kSession;
  entry.number = packets_;
  entry.at_ns = std::chrono::nanoseconds(now - start_).count();
  trace_.push_back(entry);
  out_.new_client();
}

void Script::Trace(Direction direction, PacketType type, std::span<const std::byte> payload,
                   Clock::time_point now) {
  recording::Redactor::Outcome outcome = redactor_.Pass(direction, type, payload);
  bytes_.push_back(outcome.payload ? std::move(*outcome.payload) : Buffer(payload));
  Entry entry;
  entry.number = ++packets_;
  entry.at_ns = std::chrono::nanoseconds(now - start_).count();
  entry.direction = direction;
  entry.type = type;
  entry.flags = outcome.flags;
  entry.payload = bytes_.back().span();
  trace_.push_back(entry);
}

diff::Comparison Script::Verdict() const {
  std::span<const Entry> entries = recording_.entries();
  const auto gap = std::find_if(entries.begin(), entries.end(),
                                [](const Entry& entry) { return entry.kind == Entry::Kind::kGap; });
  const std::size_t before = static_cast<std::size_t>(gap - entries.begin());
  return diff::Compare({entries.first(before), &recording_.codec(), {}},
                       {trace_, &wire::Newest(), {}}, mask_);
}

}  // namespace fletbridge::replay
