#include "src/recording/replay/script.h"

#include <algorithm>

#include "src/recording/diff/control_path.h"
#include "src/recording/diff/tree_diff.h"
#include "common/wire/message.h"

namespace fletbridge::replay {
namespace {

using recording::Direction;
using recording::Entry;
using recording::MessageParts;
using wire::Map;
using wire::Value;
using namespace std::chrono_literals;

constexpr std::size_t kDataKind = 8;
// So long nothing has come: then it is worth the while to compare the pages.
constexpr auto kQuiet = 50ms;
// At the end, for an app that has something more to say.
constexpr auto kLastWords = 300ms;
// The app is being started.
constexpr auto kStart = 60s;

std::size_t KindOf(PacketType type, std::span<const std::byte> payload) {
  if (type == PacketType::kData) return kDataKind;
  if (type != PacketType::kControl || payload.size() < 2 || payload[0] != std::byte{0x92}) return 0;
  const auto action = std::to_integer<std::size_t>(payload[1]);
  return action < kDataKind ? action : 0;
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
        KindOf(entry.type, entry.payload) != recording::kCall)
      continue;
    const Result<Value> message = wire::Decode(entry.payload);
    const auto parts = message ? recording::PartsOf(*message) : std::nullopt;
    if (parts) ++calls_left_[recording::TextIn(*parts->body, "name")];
  }
}

Script::Call Script::CallIn(const Map& body, const recording::SessionTree& session) {
  Call call;
  call.control_id = recording::IntIn(body, "control_id");
  call.call_id = recording::TextIn(body, "call_id");
  call.name = recording::TextIn(body, "name");
  const Map* control = session.tree() == nullptr ? nullptr : session.tree()->Find(call.control_id);
  if (control != nullptr) call.place = diff::PlaceOf(*control);
  if (const Value* args = body.Find("args"); args != nullptr) call.args = recording::Copied(*args);
  return call;
}

Result<> Script::Take(Packet packet, Clock::time_point now) {
  if (finished_) return {};
  const std::size_t kind = KindOf(packet.type, packet.payload.span());
  Trace(Direction::kToUi, packet.type, packet.payload.span(), now);
  ++live_counts_[kind];
  last_live_ = now;
  compared_ = false;
  if (packet.type != PacketType::kControl) return {};
  Result<Value> message = wire::Decode(packet.payload.span());
  const auto parts = message ? recording::PartsOf(*message) : std::nullopt;
  if (!parts) return MakeError(Errc::kPeerMisbehaved, "the app sent a malformed message");
  if (kind == recording::kCall) {
    Call call = CallIn(*parts->body, live_);
    if (std::size_t& left = calls_left_[call.name]; left > 0) {
      --left;
      live_calls_.push_back(std::move(call));
    } else if (live_.tree() != nullptr && live_.tree()->Find(call.control_id) != nullptr) {
      // Nobody ever answered this; the app would wait for ever.
      Packet answer{PacketType::kControl,
                    wire::EncodeMethodAnswer({call.control_id, call.call_id, call.name, {}}, {},
                                             "the recording holds no answer to " + call.name)};
      Trace(Direction::kToApp, answer.type, answer.payload.span(), now);
      out_.send(std::move(answer));
    }
    return {};
  }
  if (kind == recording::kPatch) answers_.Patch(now);
  if (kind == recording::kCrash && crash_.empty()) {
    const std::string raised = recording::TextIn(*parts->body, "message");
    const bool expected = std::any_of(
        options_.expect_crash.begin(), options_.expect_crash.end(),
        [&](const std::string& part) { return raised.find(part) != std::string::npos; });
    if (!expected) crash_ = wire::CrashLine(raised);
  }
  return live_.Apply(Direction::kToUi, std::move(*message));
}

// A damaged recording may say any times.
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
  const std::size_t kind = KindOf(entry.type, entry.payload);
  ++expected_[kind];
  if (entry.type != PacketType::kControl) return;
  Result<Value> message = wire::Decode(entry.payload);
  const auto parts = message ? recording::PartsOf(*message) : std::nullopt;
  if (!parts) return;
  if (kind == recording::kCall) {
    Call call = CallIn(*parts->body, recorded_);
    recorded_calls_.insert_or_assign(call.call_id, std::move(call));
  }
  static_cast<void>(recorded_.Apply(Direction::kToUi, std::move(*message)));
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
    const bool started = registered() || expected_[recording::kRegister] == 0;
    if (!started) patience = std::max<std::chrono::nanoseconds>(patience, kStart);
    const Clock::time_point end = std::max(*waits_since_, last_live_) + patience;
    const bool quiet = started && now >= std::max(*waits_since_, last_live_) + kQuiet;
    // What was said in fewer frames is said. A call's answer needs the call.
    const bool calls =
        live_counts_[recording::kCall] + given_up_[recording::kCall] >= expected_[recording::kCall];
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
  Result<Value> message = wire::Decode(entry.payload);
  const auto parts = message ? recording::PartsOf(*message) : std::nullopt;
  if (!parts) return;
  const bool sent = Translate(*parts);
  if (Result<Value> original = wire::Decode(entry.payload); original)
    static_cast<void>(recorded_.Apply(Direction::kToApp, std::move(*original)));
  if (!sent) return;  // the verdict tells that the app had nothing there to take it
  Packet packet{PacketType::kControl, wire::Encode(*message)};
  Trace(Direction::kToApp, packet.type, packet.payload.span(), now);
  if (parts->action == recording::kEvent) answers_.Input(now);
  static_cast<void>(live_.Apply(Direction::kToApp, std::move(*message)));
  out_.send(std::move(packet));
}

bool Script::Translate(const MessageParts& message) {
  Map& body = *message.body;
  switch (message.action) {
    case recording::kRegister:
      // One that is not nil would keep the app from taking the page up.
      body.Set(Value("session_id"), Value());
      return true;
    case recording::kEvent:
    case recording::kProps: {
      const char* key = message.action == recording::kEvent ? "target" : "id";
      const Map* control = recorded_.tree() == nullptr
                               ? nullptr
                               : recorded_.tree()->Find(recording::IntIn(body, key));
      // For a control that was gone already; Flet ignores it, if there is none now.
      if (control == nullptr)
        return live_.tree() == nullptr ||
               live_.tree()->Find(recording::IntIn(body, key)) == nullptr;
      const Map* live =
          live_.tree() == nullptr ? nullptr : diff::Counterpart(*control, *live_.tree());
      if (live == nullptr) return false;
      body.Set(Value(key), Value(wire::ControlId(*live)));
      return true;
    }
    case recording::kCall:
      return TranslateAnswer(body);
    default:
      return true;
  }
}

bool Script::TranslateAnswer(Map& body) {
  const auto recorded = recorded_calls_.find(recording::TextIn(body, "call_id"));
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
  if (live_.tree() == nullptr || live_.tree()->Find(live.control_id) == nullptr) return false;
  body.Set(Value("control_id"), Value(live.control_id));
  body.Set(Value("call_id"), Value(live.call_id));
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
  return diff::Compare({entries.first(static_cast<std::size_t>(gap - entries.begin())), {}},
                       {trace_, {}}, mask_);
}

}  // namespace fletbridge::replay
