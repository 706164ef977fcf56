#include "src/rollout/flags/json_logic.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace fletbridge {
namespace {

constexpr int kMaxDepth = 200;
// Steps, values and 16 bytes of text each count one; a rule for people has a few hundred.
constexpr std::int64_t kBudget = 500'000;

// Ends an evaluation; never leaves Evaluate().
struct Impossible : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Values = std::vector<Json>;

const Json& At(const Values& values, std::size_t index) {
  static const Json undefined = Undefined();
  return index < values.size() ? values[index] : undefined;
}

std::string Joined(const Values& values) {
  std::string text;
  for (const Json& value : values) {
    if (!value.is_null() && !value.is_discarded()) text += ToText(value);
  }
  return text;
}

// Where UTF-16 would cut, which is how JavaScript counts, without cutting a character in two.
std::vector<std::size_t> Cuts(const std::string& text) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) == 0x80) continue;
    cuts.push_back(i);
    if (byte >= 0xF0) cuts.push_back(i);  // a surrogate pair
  }
  cuts.push_back(text.size());
  return cuts;
}

std::string Substr(const std::string& text, double start, double length) {
  const std::vector<std::size_t> cuts = Cuts(text);
  const auto count = static_cast<double>(cuts.size() - 1);
  if (std::isnan(start)) start = 0;
  start = std::trunc(start);
  if (start < 0) start = std::max(0.0, count + start);
  start = std::min(start, count);
  const double end = std::clamp(start + std::trunc(length), start, count);
  const std::size_t from = cuts[static_cast<std::size_t>(start)];
  return text.substr(from, cuts[static_cast<std::size_t>(end)] - from);
}

Json SubstrOperator(const Values& values) {
  const std::string text = ToText(At(values, 0));
  const double start = ToNumber(At(values, 1));
  constexpr double kAll = std::numeric_limits<double>::infinity();
  if (At(values, 2).is_discarded()) return Substr(text, start, kAll);
  const double length = ToNumber(At(values, 2));
  if (std::isnan(length)) return "";
  if (length >= 0) return Substr(text, start, length);
  // As PHP: a negative length leaves off so many at the end.
  const std::string rest = Substr(text, start, kAll);
  return Substr(rest, 0, std::max(0.0, static_cast<double>(Cuts(rest).size() - 1) + length));
}

bool In(const Json& needle, const Json& hay) {
  if (hay.is_string())
    return hay.get_ref<const std::string&>().find(ToText(needle)) != std::string::npos;
  if (!hay.is_array()) return false;
  return std::any_of(hay.begin(), hay.end(),
                     [&](const Json& item) { return StrictEqual(item, needle); });
}

// The member or item that `var` names: "a.b.0"; nullptr if it is not there.
const Json* Find(const Json& data, const std::string& path) {
  const Json* at = &data;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = path.find('.', start);
    const std::string key = path.substr(start, dot - start);
    if (at->is_object()) {
      const auto found = at->find(key);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array()) {
      const bool plain =
          !key.empty() && key.size() < 10 && (key == "0" || key[0] != '0') &&
          std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (!plain || std::stoul(key) >= at->size()) return nullptr;
      at = &(*at)[std::stoul(key)];
    } else {
      return nullptr;
    }
    if (dot == std::string::npos) return at;
    start = dot + 1;
  }
}

Json Extreme(const Values& values, bool largest) {
  double best =
      largest ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  for (const Json& value : values) {
    const double number = ToNumber(value);
    if (std::isnan(number)) return number;
    best = largest ? std::max(best, number) : std::min(best, number);
  }
  return FromNumber(best);
}

bool IsChain(const Values& values, bool (*holds)(const Json&, const Json&)) {
  return holds(At(values, 0), At(values, 1)) &&
         (At(values, 2).is_discarded() || holds(At(values, 1), At(values, 2)));
}

Json Sum(const Values& values) {
  double sum = 0;
  for (const Json& value : values) sum += ParseFloat(value);
  return FromNumber(sum);
}

Json Product(const Values& values) {
  if (values.size() == 1) return values[0];
  double product = values.empty() ? std::numeric_limits<double>::quiet_NaN() : 1;
  for (const Json& value : values) product *= ParseFloat(value);
  return FromNumber(product);
}

Json Difference(const Values& values) {
  const double first = ToNumber(At(values, 0));
  if (At(values, 1).is_discarded()) return FromNumber(-first);
  return FromNumber(first - ToNumber(values[1]));
}

Json Merged(const Values& values) {
  Json all = Json::array();
  for (const Json& value : values) {
    if (value.is_array()) {
      all.insert(all.end(), value.begin(), value.end());
    } else {
      all.push_back(value);
    }
  }
  return all;
}

// Those that need no more than their evaluated arguments.
using Plain = Json (*)(const Values&);
const std::map<std::string, Plain>& PlainOperators() {
  static const std::map<std::string, Plain> operators = {
      {"==", [](const Values& v) { return Json(LooseEqual(At(v, 0), At(v, 1))); }},
      {"===", [](const Values& v) { return Json(StrictEqual(At(v, 0), At(v, 1))); }},
      {"!=", [](const Values& v) { return Json(!LooseEqual(At(v, 0), At(v, 1))); }},
      {"!==", [](const Values& v) { return Json(!StrictEqual(At(v, 0), At(v, 1))); }},
      {">", [](const Values& v) { return Json(Less(At(v, 1), At(v, 0))); }},
      {">=", [](const Values& v) { return Json(LessOrEqual(At(v, 1), At(v, 0))); }},
      {"<", [](const Values& v) { return Json(IsChain(v, Less)); }},
      {"<=", [](const Values& v) { return Json(IsChain(v, LessOrEqual)); }},
      {"!!", [](const Values& v) { return Json(Truthy(At(v, 0))); }},
      {"!", [](const Values& v) { return Json(!Truthy(At(v, 0))); }},
      {"%",
       [](const Values& v) {
         return FromNumber(std::fmod(ToNumber(At(v, 0)), ToNumber(At(v, 1))));
       }},
      {"/", [](const Values& v) { return FromNumber(ToNumber(At(v, 0)) / ToNumber(At(v, 1))); }},
      {"+", Sum},
      {"*", Product},
      {"-", Difference},
      {"min", [](const Values& v) { return Extreme(v, false); }},
      {"max", [](const Values& v) { return Extreme(v, true); }},
      {"cat", [](const Values& v) { return Json(Joined(v)); }},
      {"substr", SubstrOperator},
      {"in", [](const Values& v) { return Json(In(At(v, 0), At(v, 1))); }},
      {"merge", Merged},
      // Prints nothing: what an app's flag file says is not for its terminal.
      {"log", [](const Values& v) { return v.empty() ? Json() : v[0]; }},
  };
  return operators;
}

class Evaluation {
 public:
  Evaluation(const std::map<std::string, JsonLogic::Operator>& added, const Json* references)
      : added_(added), references_(references) {}

  // NOLINTNEXTLINE(misc-no-recursion): bounded by kMaxDepth
  Json Apply(const Json& rule, const Json& data) {
    Spend(1);
    if (rule.is_array()) {
      Level level(*this);
      Json all = Json::array();
      for (const Json& item : rule) all.push_back(Apply(item, data));
      return all;
    }
    if (!JsonLogic::IsRule(rule)) return Copy(rule);
    Level level(*this);
    const std::string& name = rule.begin().key();
    const Json& body = rule.begin().value();
    if (name == "$ref") return Referred(body, data);
    // {"var": "x"} is short for {"var": ["x"]}.
    const Values short_form = body.is_array() ? Values() : Values{body};
    const Arguments raw(body, short_form);
    if (const auto special = Specials().find(name); special != Specials().end())
      return (this->*special->second)(raw, data);
    Values values;
    for (std::size_t i = 0; i < raw.size(); ++i) values.push_back(Apply(raw[i], data));
    if (name == "var") return Var(values, data);
    if (name == "missing") return Missing(values, data);
    if (name == "missing_some") return MissingSome(values, data);
    if (const auto plain = PlainOperators().find(name); plain != PlainOperators().end())
      return Made(plain->second(values));
    if (const auto added = added_.find(name); added != added_.end())
      return Made(added->second(values, data));
    throw Impossible("unknown operator " + name.substr(0, 60));
  }

 private:
  class Arguments {
   public:
    Arguments(const Json& body, const Values& short_form) : body_(body), short_form_(short_form) {}
    [[nodiscard]] std::size_t size() const {
      return body_.is_array() ? body_.size() : short_form_.size();
    }
    const Json& operator[](std::size_t i) const {
      static const Json null;
      if (i >= size()) return null;
      return body_.is_array() ? body_[i] : short_form_[i];
    }

   private:
    const Json& body_;
    const Values& short_form_;
  };

  struct Level {
    explicit Level(Evaluation& owner) : evaluation(owner) {
      if (++evaluation.depth_ > kMaxDepth) throw Impossible("it is nested too deeply");
    }
    ~Level() { --evaluation.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Evaluation& evaluation;
  };

  void Spend(std::int64_t cost) {
    left_ -= cost;
    if (left_ < 0) throw Impossible("it takes too many steps");
  }
  void SpendOn(const Json& value) {
    Spend(1);
    if (value.is_string())
      Spend(static_cast<std::int64_t>(value.get_ref<const std::string&>().size() / 16));
    if (value.is_structured()) {
      Level level(*this);
      for (const Json& item : value) SpendOn(item);
    }
  }
  Json Copy(const Json& value) {
    SpendOn(value);
    return value;
  }
  Json Made(Json value) {
    SpendOn(value);
    return value;
  }

  Json Referred(const Json& name, const Json& data) {
    if (!name.is_string()) throw Impossible("$ref wants the name of one of $evaluators");
    const std::string& text = name.get_ref<const std::string&>();
    if (references_ == nullptr || !references_->is_object() || !references_->contains(text))
      throw Impossible("$ref " + text.substr(0, 60) + " is none of $evaluators");
    return Apply((*references_)[text], data);
  }

  Json Var(const Values& values, const Json& data) {
    const Json& name = At(values, 0);
    if (name.is_discarded() || name.is_null() || (name.is_string() && name == ""))
      return Copy(data);
    if (const Json* found = Find(data, ToText(name))) return Copy(*found);
    return At(values, 1).is_discarded() ? Json() : values[1];
  }

  Json Missing(const Values& values, const Json& data) {
    const bool list = !values.empty() && values[0].is_array();
    Json missing = Json::array();
    const auto look = [&](const Json& key) {
      const Json value = Var({key}, data);
      if (value.is_null() || value == "") missing.push_back(key);
    };
    if (list) {
      for (const Json& key : values[0]) look(key);
    } else {
      for (const Json& key : values) look(key);
    }
    return missing;
  }

  Json MissingSome(const Values& values, const Json& data) {
    Json options = At(values, 1).is_array() ? values[1] : Json::array();
    const double wanted = ToNumber(At(values, 0));
    const auto count = static_cast<double>(options.size());
    Json missing = Missing({std::move(options)}, data);
    if (count - static_cast<double>(missing.size()) >= wanted) return Json::array();
    return missing;
  }

  // Those that decide themselves what of their arguments is evaluated.
  Json If(const Arguments& raw, const Json& data) {
    std::size_t i = 0;
    for (; i + 1 < raw.size(); i += 2) {
      if (Truthy(Apply(raw[i], data))) return Apply(raw[i + 1], data);
    }
    return i < raw.size() ? Apply(raw[i], data) : Json();
  }
  Json And(const Arguments& raw, const Json& data) { return FirstWith(false, raw, data); }
  Json Or(const Arguments& raw, const Json& data) { return FirstWith(true, raw, data); }
  Json FirstWith(bool truth, const Arguments& raw, const Json& data) {
    Json value;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      value = Apply(raw[i], data);
      if (Truthy(value) == truth) break;
    }
    return value;
  }
  Json Filter(const Arguments& raw, const Json& data) {
    Json kept = Json::array();
    for (const Json& item : List(raw, data)) {
      if (Truthy(Apply(raw[1], item))) kept.push_back(Copy(item));
    }
    return kept;
  }
  Json Map(const Arguments& raw, const Json& data) {
    Json made = Json::array();
    for (const Json& item : List(raw, data)) made.push_back(Apply(raw[1], item));
    return made;
  }
  Json Reduce(const Arguments& raw, const Json& data) {
    const Json list = Apply(raw[0], data);
    Json total = raw.size() > 2 ? Apply(raw[2], data) : Json();
    if (!list.is_array()) return total;
    for (const Json& item : list) {
      const Json scope = {{"current", Copy(item)}, {"accumulator", std::move(total)}};
      total = Apply(raw[1], scope);
    }
    return total;
  }
  Json All(const Arguments& raw, const Json& data) {
    const Json list = List(raw, data);
    return !list.empty() && std::all_of(list.begin(), list.end(), [&](const Json& item) {
      return Truthy(Apply(raw[1], item));
    });
  }
  Json Some(const Arguments& raw, const Json& data) { return Any(raw, data); }
  Json None(const Arguments& raw, const Json& data) { return !Any(raw, data); }
  bool Any(const Arguments& raw, const Json& data) {
    const Json list = List(raw, data);
    return std::any_of(list.begin(), list.end(),
                       [&](const Json& item) { return Truthy(Apply(raw[1], item)); });
  }
  Json List(const Arguments& raw, const Json& data) {
    Json list = Apply(raw[0], data);
    return list.is_array() ? list : Json::array();
  }

  using Special = Json (Evaluation::*)(const Arguments&, const Json&);
  static const std::map<std::string, Special>& Specials() {
    static const std::map<std::string, Special> specials = {
        {"if", &Evaluation::If},         {"?:", &Evaluation::If},
        {"and", &Evaluation::And},       {"or", &Evaluation::Or},
        {"filter", &Evaluation::Filter}, {"map", &Evaluation::Map},
        {"reduce", &Evaluation::Reduce}, {"all", &Evaluation::All},
        {"some", &Evaluation::Some},     {"none", &Evaluation::None},
    };
    return specials;
  }

  friend bool IsSpecial(const std::string& name);

  const std::map<std::string, JsonLogic::Operator>& added_;
  const Json* references_;
  int depth_ = 0;
  std::int64_t left_ = kBudget;
};

bool IsSpecial(const std::string& name) { return Evaluation::Specials().count(name) != 0; }

}  // namespace

void JsonLogic::Add(std::string name, Operator operation) {
  added_.insert_or_assign(std::move(name), std::move(operation));
}

bool JsonLogic::Knows(const std::string& name) const {
  return name == "var" || name == "missing" || name == "missing_some" || name == "$ref" ||
         IsSpecial(name) || PlainOperators().count(name) != 0 || added_.count(name) != 0;
}

Result<Json> JsonLogic::Evaluate(const Json& rule, const Json& data) const try {
  return Evaluation(added_, references_).Apply(rule, data);
} catch (const std::exception& error) {
  return MakeError(Errc::kUsage, std::string("the rule cannot be evaluated: ") + error.what());
}

}  // namespace fletbridge
