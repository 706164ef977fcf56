#include "common/wire/message.h"

namespace fletbridge::wire {
namespace {

Error Malformed(std::string what) {
  return MakeError(Errc::kPeerMisbehaved, "the app sent a malformed message: " + std::move(what));
}

// Takes the fields out of one body and remembers the first that is wrong.
class Body {
 public:
  Body(const char* name, Map& map) : name_(name), map_(map) {}

  std::string Text(std::string_view key, bool required = true) {
    Value* value = map_.Find(key);
    if (value != nullptr && value->AsText() != nullptr) return std::move(*value->AsText());
    if (required || (value != nullptr && !value->is_nil())) Wrong(key, "text", value);
    return {};
  }
  std::int64_t Int(std::string_view key) {
    Value* value = map_.Find(key);
    if (value != nullptr && value->AsInt()) return *value->AsInt();
    Wrong(key, "an integer", value);
    return 0;
  }
  Value MapValue(std::string_view key, bool required) {
    Value* value = map_.Find(key);
    if (value != nullptr && value->AsMap() != nullptr) return std::move(*value);
    if (required || (value != nullptr && !value->is_nil())) Wrong(key, "a map", value);
    return {};
  }
  Value ListValue(std::string_view key) {
    Value* value = map_.Find(key);
    if (value != nullptr && value->AsList() != nullptr) return std::move(*value);
    Wrong(key, "a list", value);
    return {};
  }
  bool Bool(std::string_view key) {
    const Value* value = map_.Find(key);
    return value != nullptr && value->is_true();
  }

  Result<AppMessage> Done(AppMessage message) {
    if (!wrong_.empty()) return Malformed(wrong_);
    return message;
  }

 private:
  void Wrong(std::string_view key, const char* wanted, const Value* value) {
    if (!wrong_.empty()) return;
    wrong_ = std::string(name_) + ": '" + std::string(key) + "' is " +
             (value == nullptr ? "missing" : value->kind()) + ", not " + wanted;
  }

  const char* name_;
  Map& map_;
  std::string wrong_;
};

Buffer EncodeMessage(int action, std::initializer_list<Value::Pair> body) {
  return Encode(Value::ListOf({Value(action), Value::MapOf(body)}));
}

}  // namespace

std::string CrashText(std::string_view message) {
  constexpr std::string_view kTraceback = "\nTraceback (most recent call last):\n";
  const std::size_t at = message.find(kTraceback);
  if (at == std::string_view::npos || message.starts_with("Exception in effect:"))
    return std::string(message);
  return at == 0 ? CrashLine(message) : std::string(message.substr(0, at));
}

std::string CrashLine(std::string_view message) {
  const std::string_view first = message.substr(0, message.find('\n'));
  if (!first.empty()) return std::string(first);
  while (message.ends_with('\n')) message.remove_suffix(1);
  const std::size_t last = message.rfind('\n');
  return std::string(last == std::string_view::npos ? message : message.substr(last + 1));
}

Result<AppMessage> DecodeAppMessage(std::span<const std::byte> payload,
                                    const DecodeLimits& limits) {
  Result<Value> value = Decode(payload, limits);
  if (!value) return Malformed(value.error().context);
  List* parts = value->AsList();
  if (parts == nullptr || parts->items.size() != 2 || !parts->items[0].AsInt()) {
    return Malformed("it is not [action, body]");
  }
  const std::int64_t action = *parts->items[0].AsInt();
  Map* map = parts->items[1].AsMap();
  if (map == nullptr) {
    return Malformed("the body of action " + std::to_string(action) + " is " +
                     parts->items[1].kind() + ", not a map");
  }
  switch (action) {
    case 1: {
      Body body("register_client", *map);
      return body.Done(RegisterAnswer{body.Text("session_id", false),
                                      body.MapValue("page_patch", true),
                                      body.Text("error", false)});
    }
    case 2: {
      Body body("patch_control", *map);
      return body.Done(PatchControl{body.Int("id"), body.ListValue("patch")});
    }
    case 5: {
      Body body("invoke_method", *map);
      return body.Done(InvokeMethod{body.Int("control_id"), body.Text("call_id"), body.Text("name"),
                                    body.MapValue("args", false)});
    }
    case 6: {
      Body body("session_crashed", *map);
      return body.Done(SessionCrashed{body.Text("message")});
    }
    case 7: {
      Body body("python_output", *map);
      return body.Done(PythonOutput{body.Text("text"), body.Bool("is_stderr")});
    }
    default:
      return Malformed("action " + std::to_string(action) + " is unknown");
  }
}

Buffer EncodeRegister(std::string_view page_name, const Value& page) {
  return EncodeMessage(1, {{"session_id", {}}, {"page_name", page_name}, {"page", page}});
}

Buffer EncodeEvent(std::int64_t target, std::string_view name, Value data) {
  return EncodeMessage(3, {{"target", target}, {"name", name}, {"data", std::move(data)}});
}

Buffer EncodeUpdateProps(std::int64_t id, Value props) {
  return EncodeMessage(4, {{"id", id}, {"props", std::move(props)}});
}

Buffer EncodeMethodAnswer(const InvokeMethod& call, Value result,
                          const std::optional<std::string>& error) {
  return EncodeMessage(5, {{"control_id", call.control_id},
                           {"call_id", call.call_id},
                           {"result", std::move(result)},
                           {"error", error ? Value(*error) : Value()}});
}

}  // namespace fletbridge::wire
