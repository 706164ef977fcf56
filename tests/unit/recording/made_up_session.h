// Room: tests/unit. Messages of a made-up session of Flet, and recordings of them.
#pragma once

#include <string>
#include <vector>

#include "common/wire/codec.h"
#include "src/recording/format.h"

namespace fletbridge::recording {

using wire::Value;

inline Value L(std::initializer_list<Value> items) { return Value::ListOf(items); }
inline Value M(std::initializer_list<Value::Pair> entries) { return Value::MapOf(entries); }
inline Value At(std::int64_t position, Value below) {
  auto map = std::make_shared<wire::Map>();
  map->entries.emplace_back(position, std::move(below));
  return map;
}

inline Buffer Message(int action, Value body) { return wire::Encode(L({action, std::move(body)})); }
inline Buffer Register() {
  return Message(1, M({{"session_id", {}}, {"page_name", ""}, {"page", M({{"route", "/"}})}}));
}
inline Buffer Registered(std::int64_t first_id = 3) {
  return Message(
      1,
      M({{"session_id", "s3cr3t-session"},
         {"page_patch", M({{"_i", 1},
                           {"_c", "Page"},
                           {"views", L({M({{"_i", first_id}, {"_c", "View"}, {"route", "/"}})})}})},
         {"error", ""}}));
}
// Puts controls into the view.
inline Buffer Shows(Value controls) {
  return Message(2, M({{"id", 1},
                       {"patch", L({L({0, M({{"views", L({1, At(0, L({2}))})}})}),
                                    L({0, 2, "controls", std::move(controls)})})}}));
}
// Sets a property of the view's control at `position`.
inline Buffer Sets(std::int64_t position, const char* property, Value value) {
  return Message(
      2,
      M({{"id", 1},
         {"patch",
          L({L({0, M({{"views",
                       L({1, At(0, L({2, M({{"controls", L({3, At(position, L({4}))})}})}))})}})}),
             L({0, 4, property, std::move(value)})})}}));
}
inline Value Text(std::int64_t id, const char* value) {
  return M({{"_c", "Text"}, {"_i", id}, {"value", value}});
}
inline Value Button(std::int64_t id, const char* content) {
  return M({{"_i", id}, {"_c", "Button"}, {"content", content}, {"on_click", true}});
}
inline Buffer Event(std::int64_t target, const char* name, Value data = {}) {
  return wire::Newest().EncodeOne(wire::ControlEvent{target, name, std::move(data)});
}

inline Buffer Update(std::int64_t id, Value props) {
  return wire::Newest().EncodeOne(wire::UpdateProps{id, std::move(props)});
}
inline Buffer Answer(std::int64_t control, const char* call, Value result,
                     std::optional<std::string> error = {}) {
  return wire::Newest().EncodeOne(
      wire::MethodResult{control, call, std::move(result), std::move(error)});
}

struct Frame {
  Direction direction;
  Buffer payload;
};
inline Frame ToApp(Buffer payload) { return {Direction::kToApp, std::move(payload)}; }
inline Frame ToUi(Buffer payload) { return {Direction::kToUi, std::move(payload)}; }

// A file's bytes, as they would be written.
inline std::string FileOf(const std::vector<Frame>& frames, bool ended = true) {
  std::string file = Header();
  Info info;
  info.id = "made-up";
  info.stage = "1";
  AppendRecord(file, RecordKind::kInfo, 0, InfoJson(info));
  std::int64_t at_ns = 0;
  for (const Frame& frame : frames) {
    AppendPacket(file, at_ns += 1'000'000, frame.direction, PacketType::kControl, 0,
                 frame.payload.span());
  }
  if (ended) AppendRecord(file, RecordKind::kEnd, at_ns, EndJson({0, "the UI closed"}));
  return file;
}

// Registers, shows "0" and a button, is clicked, shows "1".
inline std::vector<Frame> Counter(const char* label = "+", std::int64_t first_id = 10) {
  std::vector<Frame> frames;
  frames.push_back(ToApp(Register()));
  frames.push_back(ToUi(Registered()));
  frames.push_back(ToUi(Shows(L({Text(first_id, "0"), Button(first_id + 1, label)}))));
  frames.push_back(ToApp(Event(first_id + 1, "click")));
  frames.push_back(ToUi(Sets(0, "value", "1")));
  return frames;
}

}  // namespace fletbridge::recording
