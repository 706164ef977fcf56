#include "src/ui/headless/choices.h"

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/cause.h"
#include "common/base/own_file.h"

namespace fletbridge::headless {
namespace {

namespace fs = std::filesystem;
using wire::Map;
using wire::Value;

// Of files that the app wants to have whole, in one answer.
constexpr std::uintmax_t kMostBytes = std::uintmax_t{32} << 20;

Value Plain(const StepValue& value) {
  const std::string& text = value.text;
  if (value.quoted) return text;
  if (text == "none") return {};
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(text.data(), end, whole);
      read.ec == std::errc() && read.ptr == end)
    return whole;
  double number = 0;
  if (const auto read = std::from_chars(text.data(), end, number);
      read.ec == std::errc() && read.ptr == end)
    return number;
  return text;
}

bool IsNone(const Step& answer) {
  return answer.values.size() == 1 && !answer.values[0].quoted && answer.values[0].text == "none";
}

const Value* Argument(const Value& args, std::string_view name) {
  const Map* map = args.AsMap();
  return map == nullptr ? nullptr : map->Find(name);
}

Result<Value> PickedFile(const std::string& path, std::size_t number, bool with_data,
                         std::uintmax_t& left) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    return MakeError(Errc::kUsage, "there is no file " + path + " to pick");
  const std::uintmax_t size = fs::file_size(path, error);
  Value bytes;
  if (with_data) {
    if (size > left) {
      return MakeError(Errc::kUsage,
                       "the app wants the content of the files, and they have more "
                       "than 32 MiB; pick smaller ones");
    }
    left -= size;
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    std::string data(static_cast<std::size_t>(size), '\0');
    in.read(data.data(), static_cast<std::streamsize>(data.size()));
    data.resize(static_cast<std::size_t>(in.gcount()));
    if (!in.is_open() || in.bad()) {
      return MakeError(Errc::kUsage, "cannot read " + path + ": " +
                                         CauseAndRemedy(errno != 0 ? errno : EIO, "pick another"));
    }
    bytes = Value(wire::Bytes{std::move(data)});
  }
  return Value::MapOf({{"id", number},
                       {"name", fs::path(path).filename().string()},
                       {"path", path},
                       {"size", static_cast<std::uint64_t>(size)},
                       {"bytes", std::move(bytes)}});
}

Result<MethodAnswer> PickedFiles(const Step& answer, const Value& args, const std::string& folder) {
  auto files = std::make_shared<wire::List>();
  const Value* several = Argument(args, "allow_multiple");
  if (answer.values.size() > 1 && (several == nullptr || !several->is_true()))
    return MakeError(Errc::kUsage, "the app lets one file be picked, not several");
  const Value* data = Argument(args, "with_data");
  std::uintmax_t left = kMostBytes;
  for (const StepValue& value : answer.values) {
    if (IsNone(answer)) break;
    Result<Value> file = PickedFile((fs::path(folder) / value.text).string(), files->items.size(),
                                    data != nullptr && data->is_true(), left);
    if (!file) return file.error();
    files->items.push_back(std::move(*file));
  }
  return MethodAnswer{Value(std::move(files)), {}};
}

// Flet's client writes what the app has given along.
Result<> Save(const std::string& path, const Value& args) {
  const Value* given = Argument(args, "src_bytes");
  const auto* bytes =
      given == nullptr ? nullptr : std::get_if<std::shared_ptr<wire::Bytes>>(&given->content());
  if (bytes == nullptr) return {};
  if (Result<> written = WriteOwnFile(path, (*bytes)->data); !written)
    return MakeError(Errc::kUsage, "cannot write " + path + ": " + written.error().Line());
  return {};
}

}  // namespace

bool IsFor(const Step& answer, std::string_view type, std::string_view method) {
  const std::string_view name = answer.text;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return name == method;
  return name.substr(0, dot) == type && name.substr(dot + 1) == method;
}

Result<MethodAnswer> AnswerOf(const Step& answer, std::string_view method, const Value& args,
                              const std::string& folder) {
  if (answer.on) return MethodAnswer{{}, answer.values[0].text};
  if (method == "pick_files") return PickedFiles(answer, args, folder);
  if ((method == "save_file" || method == "get_directory_path") && !IsNone(answer)) {
    if (answer.values.size() > 1) return MakeError(Errc::kUsage, "it takes one path");
    const std::string path = (fs::path(folder) / answer.values[0].text).string();
    if (method == "save_file") {
      if (Result<> saved = Save(path, args); !saved) return saved.error();
    }
    return MethodAnswer{Value(path), {}};
  }
  if (answer.values.size() == 1) return MethodAnswer{Plain(answer.values[0]), {}};
  auto list = std::make_shared<wire::List>();
  for (const StepValue& value : answer.values) list->items.push_back(Plain(value));
  return MethodAnswer{Value(std::move(list)), {}};
}

}  // namespace fletbridge::headless
