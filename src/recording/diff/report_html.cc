#include "src/recording/diff/report.h"

namespace fletbridge::diff {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --a: #c6282822; --b: #2e7d3222; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 b { font-weight: 700; } table { border-collapse: collapse; margin: 1rem 0; }
td, th { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line); }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
pre { margin: .2rem 0; padding: .4rem .6rem; border-radius: .3rem; white-space: pre-wrap;
  overflow-wrap: anywhere; max-height: 20rem; overflow: auto; }
.a { background: var(--a); } .b { background: var(--b); } .why { color: GrayText; margin: .6rem 0 0; }
)";

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Row(std::string_view name, std::string_view a, std::string_view b) {
  return "<tr><th scope=row>" + Escaped(name) + "</th><td>" + Escaped(a) + "</td><td>" +
         Escaped(b) + "</td></tr>\n";
}

std::string ValueBlock(const char* side, const std::string& value) {
  return std::string("<pre class=") + side + "><b>" + (side[0] == 'a' ? "A" : "B") + "</b>  " +
         (value.empty() ? "<i>nothing</i>" : Escaped(value)) + "</pre>\n";
}

}  // namespace

std::string HtmlReport(const Comparison& comparison, const Side& a, const Side& b) {
  const std::string headline = Headline(comparison);
  std::string html =
      "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<title>" +
      Escaped(headline) + "</title>\n<style>" + std::string(kStyle) + "</style>\n<h1>" +
      Escaped(headline) +
      "</h1>\n<table>\n<tr><td></td><th scope=col>A</th><th scope=col>B</th></tr>\n";
  const auto app = [](const Side& side) {
    return side.info.script.empty() ? side.info.module : side.info.script;
  };
  const auto stage = [](const Side& side) {
    return side.info.stage + " (" + side.info.transport + "), " + side.info.ui;
  };
  html += Row("recording", a.name, b.name) + Row("app", app(a), app(b)) +
          Row("stage", stage(a), stage(b)) + Row("Flet", a.info.flet, b.info.flet) +
          Row("Python", a.info.python, b.info.python) +
          Row("platform", a.info.platform, b.info.platform) + "</table>\n";
  if (comparison.same())
    html += "<p>Whenever an input came, and at the end, both pages said the same.</p>\n";
  for (const Difference& one : comparison.differences) {
    html += "<section>\n<h2>" + Escaped(one.path) + "</h2>\n" + ValueBlock("a", one.a) +
            ValueBlock("b", one.b) + "<p class=why>";
    html += one.input.empty() ? "From the start" : "After " + Escaped(one.input);
    html += "; frame " + std::to_string(one.frame_a) + " of A, " + std::to_string(one.frame_b) +
            " of B; seen " + std::to_string(one.times) + (one.times == 1 ? " time" : " times") +
            ".</p>\n</section>\n";
  }
  if (comparison.cut) html += "<p>There are more differences than are listed.</p>\n";
  return html + "</html>\n";
}

}  // namespace fletbridge::diff
