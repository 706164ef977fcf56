#include "src/recording/diff/recording_diff.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/wire/session.h"
#include "src/recording/diff/control_path.h"
#include "src/recording/diff/tree_diff.h"
#include "src/recording/readable.h"

namespace fletbridge::diff {
namespace {

using recording::Direction;
using recording::Entry;
using wire::Map;
using wire::Value;

// Within how many of its next frames an app may reach the other one's state.
constexpr std::size_t kAhead = 24;
constexpr std::size_t kAheadOfAll = 1000;  // those frames, and the entries between them
constexpr std::size_t kMostListed = 200;
// With more inputs than this on one side only, the two count as different sessions.
constexpr std::size_t kMostInserted = 8;

// An input: what a client sent without being asked.
struct Input {
  std::string name;   // "click"; "properties", "register"
  std::string place;  // of its control, in this session's tree
  std::string words;
  Value data;
  bool is_event = false;  // which changes no page by itself
};

bool IsPlainControl(const Entry& entry) {
  return entry.kind == Entry::Kind::kPacket && entry.type == PacketType::kControl &&
         (entry.flags & recording::kWithheld) == 0;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Reads one session from input to input, and keeps its control tree.
class Reader {
 public:
  Reader(std::span<const Entry> entries, const wire::Codec& codec)
      : entries_(entries), codec_(codec) {}

  // Applies all entries up to the next input, which is then input(); false at the end.
  bool ToNextInput() {
    since_.clear();
    for (; at_ < entries_.size(); ++at_) {
      const Entry& entry = entries_[at_];
      if (entry.kind == Entry::Kind::kSession) {
        Changed();
        session_.Reset();
      }
      if (entry.kind == Entry::Kind::kState) Restore(entry);
      if (entry.kind == Entry::Kind::kPacket && entry.type == PacketType::kData) {
        if (entry.direction == Direction::kToUi && entry.payload.size() >= 4) TakeData(entry);
        continue;
      }
      if (!IsPlainControl(entry)) continue;
      Result<wire::Message> message = recording::MessageIn(entry, codec_);
      if (!message) continue;
      if (entry.direction == Direction::kToApp) {
        if (std::holds_alternative<wire::MethodResult>(*message)) continue;
        static_cast<void>(session_.Settle(*message));
        ReadInput(*message);
        return true;
      }
      frame_ = entry.number;
      TakeFromApp(*message, entry);
    }
    return false;
  }

  // Applies the input itself.
  void PassInput() {
    frame_ = entries_[at_].number;
    if (!input_.is_event) Changed();
    if (Result<wire::Message> message = recording::MessageIn(entries_[at_], codec_); message)
      static_cast<void>(session_.Apply(*message));
    ++at_;
  }

  [[nodiscard]] const Input& input() const { return input_; }
  [[nodiscard]] const wire::ControlTree* tree() const { return session_.tree(); }
  [[nodiscard]] std::size_t frame() const { return frame_; }
  // The app's frames since the input before, as they were sent.
  [[nodiscard]] const std::vector<const Entry*>& since() const { return since_; }
  [[nodiscard]] const std::vector<std::string>& crashes() const { return crashes_; }
  [[nodiscard]] const std::map<std::string, std::vector<std::string>>& calls() const {
    return calls_;
  }
  [[nodiscard]] const std::map<std::uint32_t, std::string>& data() const { return data_; }

  // Whether its page may have changed since the last call.
  [[nodiscard]] bool TakeChanged() { return std::exchange(changed_, false); }

  // An independent copy (a plain copy would share the tree), without the frames collected so far.
  [[nodiscard]] Reader Clone() const {
    Reader clone(entries_, codec_);
    clone.at_ = at_;
    clone.frame_ = frame_;
    if (session_.tree() != nullptr) clone.session_.Restore(PageCopy());
    return clone;
  }

  // Removes from `places` those at which this session comes, within its next frames, to what
  // `other` is now.
  void LookAhead(const wire::ControlTree& other, bool other_is_a, const Mask& mask,
                 std::set<std::string>& places) const {
    if (session_.tree() == nullptr) return;
    wire::Session ahead;
    ahead.Restore(PageCopy());
    std::size_t left = kAhead;
    const std::size_t end = std::min(entries_.size(), at_ + kAheadOfAll);
    for (std::size_t at = at_; at < end && left > 0 && !places.empty(); ++at) {
      const Entry& entry = entries_[at];
      if (entry.kind == Entry::Kind::kSession) return;
      if (!IsPlainControl(entry)) continue;
      Result<wire::Message> message = recording::MessageIn(entry, codec_);
      if (!message || !ahead.Apply(*message) || ahead.tree() == nullptr) return;
      if (entry.direction == Direction::kToApp) continue;
      --left;
      const TreeComparison now = other_is_a ? CompareTrees(other, *ahead.tree(), mask)
                                            : CompareTrees(*ahead.tree(), other, mask);
      std::set<std::string> still;
      for (const TreeDifference& difference : now.differences) {
        if (places.contains(difference.place)) still.insert(difference.place);
      }
      places = std::move(still);
    }
  }

 private:
  Value PageCopy() const { return wire::Copied(session_.page()); }

  void Changed() {
    changed_ = true;
    names_.Clear();
  }

  void Restore(const Entry& entry) {
    Changed();
    if (Result<Value> page = wire::Decode(entry.payload, wire::kStateLimits); page)
      session_.Restore(std::move(*page));
  }

  void ReadInput(wire::Message& message) {
    input_ = {};
    if (std::holds_alternative<wire::Register>(message)) {
      input_.name = "register";
      input_.words = "the client registers";
      return;
    }
    std::int64_t id = 0;
    input_.name = "properties";
    if (auto* event = std::get_if<wire::ControlEvent>(&message)) {
      input_.is_event = true;
      input_.name = std::move(event->name);
      input_.data = std::move(event->data);
      id = event->target;
    } else if (auto* update = std::get_if<wire::UpdateProps>(&message)) {
      input_.data = std::move(update->props);
      id = update->id;
    }
    const Map* control = session_.Find(id);
    input_.place = control == nullptr ? "?" : PlaceOf(*control);
    input_.words = InputInWords(input_.name, control, &input_.data, &names_);
  }

  void TakeFromApp(wire::Message& message, const Entry& entry) {
    if (const auto* call = std::get_if<wire::InvokeMethod>(&message)) {
      const Map* control = session_.Find(call->control_id);
      calls_[(control == nullptr ? "a control that is gone" : names_.PathOf(*control)) + " . " +
             call->name + "()"]
          // The text does not depend on the order of maps.
          .push_back(recording::ToJson(call->args, -1, recording::KeyOrder::kSorted));
    } else if (const auto* crash = std::get_if<wire::SessionCrashed>(&message)) {
      crashes_.push_back(FirstLine(crash->message));
    } else if (std::holds_alternative<wire::RegisterAnswer>(message) ||
               std::holds_alternative<wire::Patch>(message) ||
               std::holds_alternative<wire::FlatPatch>(message)) {
      since_.push_back(&entry);
      Changed();
      static_cast<void>(session_.Apply(message));
    }
  }

  void TakeData(const Entry& entry) {
    std::uint32_t channel = 0;
    for (std::size_t i = 4; i-- > 0;)
      channel = channel << 8 | std::to_integer<std::uint32_t>(entry.payload[i]);
    data_[channel].append(reinterpret_cast<const char*>(entry.payload.data()) + 4,
                          entry.payload.size() - 4);
  }

  const std::span<const Entry> entries_;
  const wire::Codec& codec_;
  std::size_t at_ = 0;
  std::size_t frame_ = 0;
  wire::Session session_;
  Input input_;
  Names names_;
  bool changed_ = true;
  std::vector<const Entry*> since_;
  std::vector<std::string> crashes_;
  std::map<std::string, std::vector<std::string>> calls_;
  std::map<std::uint32_t, std::string> data_;
};

class Comparer {
 public:
  Comparer(const Track& a, const Track& b, const Mask& mask)
      : a_(a.entries, *a.codec), b_(b.entries, *b.codec), track_a_(a), track_b_(b), mask_(mask) {}

  Comparison Run() {
    bool more_a = a_.ToNextInput();
    bool more_b = b_.ToNextInput();
    while (more_a && more_b) {
      ComparePages();
      if (!Matches(a_.input(), b_.input())) {
        const std::size_t skip_a = Distance(a_, b_.input());
        const std::size_t skip_b = Distance(b_, a_.input());
        if (skip_a == 0 && skip_b == 0) {
          ReportInput(a_.input().words, b_.input().words);
          return Finish(false);
        }
        if (skip_a != 0 && (skip_b == 0 || skip_a <= skip_b)) {
          ReportInput(a_.input().words, "");
          a_.PassInput();
          more_a = a_.ToNextInput();
        } else {
          ReportInput("", b_.input().words);
          b_.PassInput();
          more_b = b_.ToNextInput();
        }
        continue;
      }
      CompareInputs();
      last_input_ = a_.input().words;
      ++found_.inputs;
      a_.PassInput();
      b_.PassInput();
      more_a = a_.ToNextInput();
      more_b = b_.ToNextInput();
    }
    for (; more_a; more_a = a_.ToNextInput()) {
      ReportInput(a_.input().words, "");
      a_.PassInput();
    }
    for (; more_b; more_b = b_.ToNextInput()) {
      ReportInput("", b_.input().words);
      b_.PassInput();
    }
    ComparePages();
    return Finish(true);
  }

 private:
  static bool Matches(const Input& a, const Input& b) {
    return a.name == b.name && (a.place == b.place || a.words == b.words);
  }

  // The number of inputs before one like `wanted`; 0 if there is none within reach.
  static std::size_t Distance(const Reader& reader, const Input& wanted) {
    Reader ahead = reader.Clone();
    for (std::size_t n = 0; n < kMostInserted; ++n) {
      ahead.PassInput();
      if (!ahead.ToNextInput()) return 0;
      if (Matches(ahead.input(), wanted)) return n + 1;
    }
    return 0;
  }

  void ComparePages() {
    ++found_.comparisons;
    const bool changed_a = a_.TakeChanged();
    const bool changed_b = b_.TakeChanged();
    if (!changed_a && !changed_b) {  // as before
      for (const std::size_t known : standing_) ++found_.differences[known].times;
      return;
    }
    standing_.clear();
    if (a_.tree() == nullptr || b_.tree() == nullptr) {
      if (a_.tree() != b_.tree()) {
        Add(Kind::kValue, "Page", a_.tree() == nullptr ? "" : "is there",
            b_.tree() == nullptr ? "" : "is there");
      }
      return;
    }
    // Pages that were equal, ids included, and had the same changes are equal.
    if (in_step_ && SameFrames()) return;
    const TreeComparison now = CompareTrees(*a_.tree(), *b_.tree(), mask_);
    in_step_ = now.differences.empty() && now.masked == 0 && now.same_ids;
    found_.masked = std::max(found_.masked, now.masked);

    std::set<std::string> fresh;
    for (const TreeDifference& difference : now.differences) {
      const auto known = known_.find(difference.place);
      if (known == known_.end()) {
        fresh.insert(difference.place);
      } else {
        ++found_.differences[known->second].times;
        standing_.push_back(known->second);
      }
    }
    if (fresh.empty()) return;
    if (found_.differences.size() >= kMostListed) {
      found_.cut = true;
      return;
    }
    a_.LookAhead(*b_.tree(), false, mask_, fresh);
    b_.LookAhead(*a_.tree(), true, mask_, fresh);
    for (const TreeDifference& difference : now.differences) {
      if (!fresh.contains(difference.place)) continue;
      if (Add(Kind::kValue, difference.path, difference.a, difference.b))
        standing_.push_back(
            known_.emplace(difference.place, found_.differences.size() - 1).first->second);
    }
  }

  bool SameFrames() const {
    return std::equal(a_.since().begin(), a_.since().end(), b_.since().begin(), b_.since().end(),
                      [this](const Entry* x, const Entry* y) {
                        if (std::equal(x->payload.begin(), x->payload.end(), y->payload.begin(),
                                       y->payload.end()))
                          return true;
                        const Result<Value> a = track_a_.codec->Show(x->payload);
                        const Result<Value> b = track_b_.codec->Show(y->payload);
                        return a && b && Same(*a, *b, true);
                      });
  }

  void CompareInputs() {
    const Value& a = a_.input().data;
    const Value& b = b_.input().data;
    if (Same(a, b, true)) return;
    in_step_ = false;
    const std::string path = a_.input().words + " . data";
    if (mask_.Covers(path, &a, &b)) {
      ++found_.masked;
      return;
    }
    Add(Kind::kInput, path, recording::ToJson(a), recording::ToJson(b));
  }

  void ReportInput(const std::string& a, const std::string& b) { Add(Kind::kInput, "input", a, b); }

  // False if there are too many already.
  bool Add(Kind kind, std::string path, std::string a, std::string b) {
    if (found_.differences.size() >= kMostListed) {
      found_.cut = true;
      return false;
    }
    Difference difference;
    difference.kind = kind;
    difference.path = std::move(path);
    difference.a = std::move(a);
    difference.b = std::move(b);
    difference.input = last_input_;
    difference.frame_a = a_.frame();
    difference.frame_b = b_.frame();
    found_.differences.push_back(std::move(difference));
    return true;
  }

  void CompareLists(Kind kind, const std::string& path, const std::vector<std::string>& a,
                    const std::vector<std::string>& b) {
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      const std::string left = i < a.size() ? a[i] : "";
      const std::string right = i < b.size() ? b[i] : "";
      if (left == right) continue;
      const Value value_a(left);
      const Value value_b(right);
      if (mask_.Covers(path, i < a.size() ? &value_a : nullptr,
                       i < b.size() ? &value_b : nullptr)) {
        ++found_.masked;
        continue;
      }
      Add(kind, path, left, right);
      return;  // what follows may be shifted
    }
  }

  // `whole`: both were read to their ends.
  Comparison Finish(bool whole) {
    if (whole) {
      static const std::vector<std::string> kNone;
      for (const auto& [path, calls] : a_.calls()) {
        const auto other = b_.calls().find(path);
        CompareLists(Kind::kCall, path, calls, other == b_.calls().end() ? kNone : other->second);
      }
      for (const auto& [path, calls] : b_.calls()) {
        if (!a_.calls().contains(path)) CompareLists(Kind::kCall, path, kNone, calls);
      }
      CompareLists(Kind::kCrash, "what the app raised", a_.crashes(), b_.crashes());
      CompareData();
      if (track_a_.exit_code && track_b_.exit_code && *track_a_.exit_code != *track_b_.exit_code) {
        Add(Kind::kEnd, "exit code", std::to_string(*track_a_.exit_code),
            std::to_string(*track_b_.exit_code));
      }
    }
    return std::move(found_);
  }

  void CompareData() {
    std::set<std::uint32_t> channels;
    for (const auto& [channel, bytes] : a_.data()) channels.insert(channel);
    for (const auto& [channel, bytes] : b_.data()) channels.insert(channel);
    for (const std::uint32_t channel : channels) {
      const auto bytes = [&](const Reader& reader) {
        const auto found = reader.data().find(channel);
        return found == reader.data().end() ? std::string() : found->second;
      };
      const std::string a = bytes(a_);
      const std::string b = bytes(b_);
      if (a == b) continue;
      const auto first = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
      const std::string path = "data channel " + std::to_string(channel);
      if (mask_.Covers(path, nullptr, nullptr)) {
        ++found_.masked;
        continue;
      }
      const auto words = [&](const std::string& all) {
        return std::to_string(all.size()) + " bytes, another from byte " + std::to_string(first);
      };
      Add(Kind::kData, path, words(a), words(b));
    }
  }

  Reader a_;
  Reader b_;
  const Track& track_a_;
  const Track& track_b_;
  const Mask& mask_;
  Comparison found_;
  std::map<std::string, std::size_t> known_;  // place: which difference
  std::vector<std::size_t> standing_;         // those of the pages compared last
  std::string last_input_;
  bool in_step_ = false;
};

}  // namespace

Track TrackOf(const recording::Recording& recording) {
  Track track;
  track.entries = recording.entries();
  track.codec = &recording.codec();
  // A replay's exit code is its verdict.
  if (recording.end() && recording.info().replay_of.empty())
    track.exit_code = recording.end()->code;
  return track;
}

Comparison Compare(const Track& a, const Track& b, const Mask& mask) {
  return Comparer(a, b, mask).Run();
}

std::string InputInWords(std::string_view name, const Map* control, const Value* data,
                         Names* names) {
  std::string words(name);
  Names own;
  words += control == nullptr ? " on a control that is gone"
                              : " on " + (names == nullptr ? own : *names).PathOf(*control);
  if (data != nullptr && !data->is_nil()) {
    const std::string json = recording::ToJson(*data);
    if (json.size() <= 60) words += " (" + json + ")";
  }
  return words;
}

}  // namespace fletbridge::diff
