// Room: tests/extend. A generation of the wire that is words on lines. What a new codec has to
// implement, and no more. Its app adds a control at the end of its parent's, and takes one out by
// its id alone, as Flet's JSON does.
//
//   hello | click ID | set ID NAME VALUE                                           from a client
//   welcome SESSION | set ID NAME VALUE | add PARENT ID TYPE | drop ID | oops TEXT   from an app
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/codec.h"

namespace fletbridge {

inline constexpr Generation kToyGeneration = static_cast<Generation>(99);

class ToyReader final : public FrameReader {
 public:
  std::span<std::byte> Room() override { return room_; }
  Result<> Consume(std::size_t n, FrameHandler& handler) override {
    line_.append(reinterpret_cast<const char*>(room_.data()), n);
    for (std::size_t end; (end = line_.find('\n')) != std::string::npos; line_.erase(0, end + 1))
      handler.OnFrame({PacketType::kControl, Buffer(std::string_view(line_).substr(0, end + 1))});
    return {};
  }
  bool InFrame() const noexcept override { return !line_.empty(); }
  void Reset() noexcept override { line_.clear(); }

 private:
  std::vector<std::byte> room_ = std::vector<std::byte>(64);
  std::string line_;
};

class ToyCodec final : public wire::Codec {
 public:
  Generation generation() const noexcept override { return kToyGeneration; }
  const char* flet() const noexcept override { return "the toy Flet"; }
  Match Recognize(std::span<const std::byte> first) const noexcept override {
    if (first.empty()) return Match::kPerhaps;
    return first[0] == std::byte{'h'} ? Match::kYes : Match::kNo;
  }
  std::unique_ptr<FrameReader> MakeReader(std::size_t) const override {
    return std::make_unique<ToyReader>();
  }
  std::optional<std::size_t> Frame(PacketType, std::size_t, FrameHeader&) const noexcept override {
    return 0;
  }

  using Codec::Peek;
  Action Peek(std::span<const std::byte> control) const noexcept override {
    switch (control.empty() ? 0 : std::to_integer<char>(control[0])) {
      case 'h':
      case 'w':
        return Action::kRegisterClient;
      case 'c':
        return Action::kControlEvent;
      case 's':
      case 'a':
      case 'd':
        return Action::kPatchControl;
      case 'o':
        return Action::kSessionCrashed;
      default:
        return Action::kNone;
    }
  }
  wire::Outline Skim(const Packet& packet) const noexcept override {
    wire::Outline outline;
    outline.action = Peek(packet);
    return outline;
  }
  Result<> Check(std::span<const std::byte>) const override { return {}; }
  Result<wire::Message> Decode(Sender sender, std::span<const std::byte> payload, wire::Reading,
                               const wire::DecodeLimits&) const override {
    using Kind = wire::Change::Kind;
    std::istringstream in(
        std::string(reinterpret_cast<const char*>(payload.data()), payload.size()));
    std::string word, text;
    std::int64_t id = 0;
    in >> word;
    if (word == "hello") return wire::Message(wire::Register{{}, {}, wire::Value::MapOf({})});
    if (word == "welcome" && in >> word)
      return wire::Message(wire::RegisterAnswer{word, Control(1, "Page"), {}});
    if (word == "oops" && in >> word) return wire::Message(wire::SessionCrashed{word});
    if (!(in >> id)) return wire::MalformedMessage(sender, "it is none of the toy's");
    if (word == "click") return wire::Message(wire::ControlEvent{id, "click", {}});
    wire::Patch patch{{{wire::Place::kControl, id, {}}}, {}};
    if (word == "drop") {
      patch.changes.push_back({.kind = Kind::kTakeOut});
    } else if (word == "add" && in >> id >> text) {
      patch.places.push_back({0, 0, "controls"});
      patch.changes.push_back({.kind = Kind::kAppend, .at = 1, .value = Control(id, text)});
    } else if (word == "set" && in >> word >> text) {
      if (sender == Sender::kClient)
        return wire::Message(wire::UpdateProps{id, wire::Value::MapOf({{word, text}})});
      patch.changes.push_back({.key = word, .value = text});
    }
    return wire::Message(std::move(patch));
  }
  std::vector<Packet> Encode(const wire::Message& message) const override {
    std::vector<Packet> packets;
    const auto say = [&](const std::string& line) {
      packets.push_back({PacketType::kControl, Buffer(std::string_view(line + "\n"))});
    };
    const auto set = [&](std::int64_t id, const wire::Value& name, const wire::Value& value) {
      say("set " + std::to_string(id) + " " + *name.AsText() + " " + *value.AsText());
    };
    if (std::holds_alternative<wire::Register>(message)) say("hello");
    if (const auto* answer = std::get_if<wire::RegisterAnswer>(&message))
      say("welcome " + answer->session_id);
    if (const auto* event = std::get_if<wire::ControlEvent>(&message))
      say(event->name + " " + std::to_string(event->target));
    if (const auto* update = std::get_if<wire::UpdateProps>(&message))
      for (const auto& [name, value] : update->props.AsMap()->entries) set(update->id, name, value);
    if (const auto* patch = std::get_if<wire::Patch>(&message))
      for (const wire::Change& one : patch->changes)
        set(wire::RootOf(*patch, one.at), one.key, one.value);
    return packets;
  }
  Result<wire::Value> Show(std::span<const std::byte> payload) const override {
    return wire::Value(std::string(reinterpret_cast<const char*>(payload.data()), payload.size()));
  }

 private:
  static wire::Value Control(std::int64_t id, const std::string& type) {
    return wire::Value::MapOf({{"_c", type}, {"_i", id}, {"controls", wire::Value::ListOf({})}});
  }
};

}  // namespace fletbridge
