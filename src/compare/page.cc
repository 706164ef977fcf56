#include "src/compare/page.h"

#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

namespace fletbridge::compare {
namespace {

Result<std::string> Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad() || text.empty()) {
    return MakeError(Errc::kSetup, "cannot make a page: there is no " + path +
                                       "; run tools/setup.sh and build again, or use --json");
  }
  return text;
}

void Replace(std::string& text, std::string_view mark, const std::string& by) {
  if (const std::size_t at = text.find(mark); at != std::string::npos)
    text.replace(at, mark.size(), by);
}

// JSON within a script element: its end tag, or a comment's begin, must not show.
std::string Embedded(const nlohmann::json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

Result<std::string> PageHtml(const Results& results, const std::string& parts) {
  Result<std::string> page = Read(parts + "/page.html");
  if (!page) return page;
  const Result<std::string> script = Read(parts + "/page.js");
  if (!script) return script;
  const Result<std::string> plotly = Read(parts + "/plotly.min.js");
  if (!plotly) return plotly;
  // The largest last: what was put in is searched for the marks that remain.
  Replace(*page, "@SCRIPT@", *script);
  Replace(*page, "@DATA@", Embedded(ToJson(results)));
  Replace(*page, "@PLOTLY@", *plotly);
  return page;
}

}  // namespace fletbridge::compare
