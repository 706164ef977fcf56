#include "common/wire/control_tree.h"

#include <random>

#include <gtest/gtest.h>

#include "common/wire/msgpack_codec.h"
#include "tests/unit/support/growth.h"

namespace fletbridge::wire {
namespace {

Value L(std::initializer_list<Value> items) { return Value::ListOf(items); }
Value M(std::initializer_list<Value::Pair> entries) { return Value::MapOf(entries); }

// Takes patches as generations 2 and 3 write them.
class Tree : public ControlTree {
 public:
  using ControlTree::Apply;
  using ControlTree::ControlTree;
  Result<bool> Apply(std::int64_t id, Value list) {
    Result<Patch> patch = ReadPatch(id, std::move(list));
    if (!patch) return patch.error();
    return Apply(*patch);
  }
};

// {0: [...]} and the like: the tree of paths has integers for list positions.
Value At(std::int64_t position, Value below) {
  auto map = std::make_shared<Map>();
  map->entries.emplace_back(position, std::move(below));
  return map;
}

Value Text(std::int64_t id, const char* value) {
  return M({{"_c", "Text"}, {"_i", id}, {"value", value}});
}

// A page with one view, as Flet 1.0.5 answers a registration.
Tree Registered() {
  Tree tree(M({{"route", "/"}, {"window", M({{"focused", true}})}}));
  const Result<> ok =
      tree.Register(M({{"_i", kPageId},
                       {"_c", "Page"},
                       {"views", L({M({{"_i", 3}, {"_c", "View"}, {"route", "/"}})})},
                       {"window", M({{"_i", 2}, {"_c", "Window"}})},
                       {"_dialogs", M({{"_i", 5}, {"_c", "Dialogs"}})},
                       {"fonts", M({{"a", "x.ttf"}})}}));
  EXPECT_TRUE(ok) << ok.error().Line();
  return tree;
}

// The path to the first view's `controls`: index 3.
Value ControlsPath() {
  return L({0, M({{"views", L({1, At(0, L({2, M({{"controls", L({3})}})}))})}})});
}

Tree WithControls(std::initializer_list<Value> controls) {
  Tree tree = Registered();
  const Value view = L({0, M({{"views", L({1, At(0, L({2}))})}})});
  EXPECT_TRUE(tree.Apply(1, L({view, L({0, 2, "controls", Value::ListOf(controls)})})));
  return tree;
}

std::string Texts(const Tree& tree) {
  std::string out;
  for (const Value& item : tree.Find(3)->Find("controls")->AsList()->items) {
    out += *item.AsMap()->Find("value")->AsText();
  }
  return out;
}

std::string Why(Tree& tree, std::int64_t id, Value patch) {
  const Result<bool> applied = tree.Apply(id, std::move(patch));
  return applied ? "applied" : applied.error().Line();
}

TEST(ControlTree, MergesTheRegistrationAnswerIntoThePage) {
  const Tree tree = Registered();
  EXPECT_EQ(*tree.page().Find("route"), Value("/"));
  EXPECT_EQ(tree.Find(1), &tree.page());
  EXPECT_EQ(ControlType(*tree.Find(2)), "Window");
  EXPECT_TRUE(tree.Find(2)->Find("focused")->is_true());
  EXPECT_EQ(ParentControl(*tree.Find(3)), &tree.page());
}

TEST(ControlTree, RefusesARegistrationWithoutAPage) {
  Tree tree(M({}));
  EXPECT_FALSE(tree.Register(M({{"_c", "View"}, {"_i", 9}})));
  EXPECT_FALSE(tree.Register(Value(1)));
}

TEST(ControlTree, AppliesTheFirstFrameAndAClickOfFletsCounter) {
  Tree tree = WithControls({Text(9, "0"), M({{"_c", "Button"}, {"_i", 10}})});
  const Value path =
      L({0, M({{"views", L({1, At(0, L({2, M({{"controls", L({3, At(0, L({4}))})}})}))})}})});
  EXPECT_TRUE(*tree.Apply(1, L({path, L({0, 4, "value", "1"})})));
  EXPECT_EQ(*tree.Find(9)->Find("value"), Value("1"));
}

TEST(ControlTree, InsertsFirstAndDropsLast) {
  Tree tree = WithControls({Text(10, "a"), Text(11, "b"), Text(12, "c")});
  EXPECT_TRUE(*tree.Apply(1, L({ControlsPath(), L({1, 3, 0, Text(26, "n")}), L({2, 3, 3})})));
  EXPECT_EQ(Texts(tree), "nab");
  EXPECT_EQ(tree.Find(12), nullptr);
  EXPECT_NE(tree.Find(26), nullptr);
}

TEST(ControlTree, MovesWithinAList) {
  Tree tree = WithControls({Text(10, "a"), Text(11, "b"), Text(12, "c")});
  EXPECT_TRUE(*tree.Apply(1, L({ControlsPath(), L({3, 3, 2, 3, 0})})));
  EXPECT_EQ(Texts(tree), "cab");
  EXPECT_TRUE(*tree.Apply(1, L({ControlsPath(), L({3, 3, 0, 3, 2})})));
  EXPECT_EQ(Texts(tree), "abc");
}

TEST(ControlTree, MovesBetweenLists) {
  Tree tree = WithControls(
      {Text(10, "a"),
       M({{"_c", "Row"}, {"_i", 11}, {"value", "r"}, {"controls", L({Text(12, "x")})}})});
  // After the text has gone, the row is the first in the list.
  const Value path =
      L({0, M({{"views",
                L({1, At(0, L({2, M({{"controls",
                                      L({3, At(0, L({4, M({{"controls", L({5})}})}))})}})}))})}})});
  EXPECT_TRUE(*tree.Apply(1, L({path, L({3, 3, 0, 5, 1})})));
  EXPECT_EQ(Texts(tree), "r");
  EXPECT_EQ(ParentControl(*tree.Find(10)), tree.Find(11));
}

TEST(ControlTree, ResolvesPathsWhenEachOperationRuns) {
  Tree tree = WithControls({Text(10, "a"), Text(11, "b")});
  const Value path =
      L({0, M({{"views", L({1, At(0, L({2, M({{"controls", L({3, At(0, L({4}))})}})}))})}})});
  EXPECT_TRUE(*tree.Apply(1, L({path, L({2, 3, 0}), L({0, 4, "value", "B"})})));
  EXPECT_EQ(Texts(tree), "B");
}

TEST(ControlTree, KeepsAControlThatIsAddedAgainInTheSamePatch) {
  Tree tree = WithControls({Text(10, "a"), Text(11, "b")});
  EXPECT_TRUE(*tree.Apply(1, L({ControlsPath(), L({2, 3, 0}), L({1, 3, 1, Text(10, "A")})})));
  EXPECT_EQ(*tree.Find(10)->Find("value"), Value("A"));
  EXPECT_TRUE(*tree.Apply(1, L({ControlsPath(), L({1, 3, 0, Text(10, "AA")}), L({2, 3, 2})})));
  EXPECT_EQ(*tree.Find(10)->Find("value"), Value("AA"));
  EXPECT_EQ(Texts(tree), "AAb");
}

TEST(ControlTree, PatchesPlainMapsByTextKeysAndAddsNewProperties) {
  Tree tree = Registered();
  const Value fonts = L({0, M({{"fonts", L({1})}})});
  EXPECT_TRUE(*tree.Apply(1, L({fonts, L({1, 1, "b", "y.ttf"}), L({0, 1, "a", "z.ttf"}),
                                L({2, 1, "never"}), L({0, 0, "title", "T"})})));
  EXPECT_EQ(*tree.page().Find("fonts"), M({{"a", "z.ttf"}, {"b", "y.ttf"}}));
  EXPECT_EQ(*tree.page().Find("title"), Value("T"));
  EXPECT_TRUE(*tree.Apply(1, L({fonts, L({2, 1, "a"}), L({3, 1, "b", 0, "subtitle"})})));
  EXPECT_EQ(tree.page().Find("fonts")->AsMap()->entries.size(), 0u);
  EXPECT_EQ(*tree.page().Find("subtitle"), Value("y.ttf"));
}

TEST(ControlTree, WalksThroughComponents) {
  Tree tree = WithControls({});
  const Value component =
      M({{"_c", "C"},
         {"_i", 9},
         {"_b", M({{"_c", "Column"}, {"_i", 12}, {"controls", L({Text(13, "n=0")})}})}});
  const Value view = L({0, M({{"views", L({1, At(0, L({2}))})}})});
  EXPECT_TRUE(*tree.Apply(1, L({view, L({0, 2, "controls", component})})));
  const Value inside = L({0, M({{"_b", L({1, M({{"controls", L({2, At(0, L({3}))})}})})}})});
  EXPECT_TRUE(*tree.Apply(9, L({inside, L({0, 3, "value", "n=1"})})));
  EXPECT_EQ(*tree.Find(13)->Find("value"), Value("n=1"));
}

TEST(ControlTree, IgnoresPatchesForUnknownControls) {
  Tree tree = Registered();
  EXPECT_FALSE(*tree.Apply(77, L({L({0}), L({0, 0, "value", 1})})));
}

TEST(ControlTree, NamesWhatIsWrongInAPatchAndStaysUsable) {
  Tree tree = WithControls({Text(10, "a")});
  const std::string first = "the app sent a malformed patch for control 1, operation 1: ";
  const Value p = ControlsPath();
  EXPECT_EQ(Why(tree, 1, L({})), "the app sent a malformed patch for control 1: it is empty");
  EXPECT_EQ(Why(tree, 1, L({L({0, M({{"x", L({0})}})})})),
            "the app sent a malformed patch for control 1: its tree of paths holds the index 0 "
            "twice");
  EXPECT_EQ(Why(tree, 1, L({p, 5})), first + "it is not a list that begins with a number");
  EXPECT_EQ(Why(tree, 1, L({p, L({4, 0, 0, 0})})), first + "its kind 4 is unknown");
  EXPECT_EQ(Why(tree, 1, L({p, L({0, 3, 0})})), first + "it has 3 parts, not 4");
  EXPECT_EQ(Why(tree, 1, L({p, L({2, 9, 0})})), first + "node 9 is not in the tree of paths");
  EXPECT_EQ(Why(tree, 1, L({p, L({2, "x", 0})})), first + "its node is text");
  EXPECT_EQ(Why(tree, 1, L({p, L({2, 3, 1})})), first + "the position 1 is not in a list of 1");
  EXPECT_EQ(Why(tree, 1, L({p, L({1, 3, -1, {}})})),
            first + "the position -1 is not in a list of 1");
  EXPECT_EQ(Why(tree, 1, L({p, L({0, 3, "k", {}})})),
            first + "the position 'k' is not in a list of 1");
  EXPECT_EQ(Why(tree, 1, L({p, L({0, 0, 1.5, {}})})),
            first + "its key is a float, not text or an integer");
  EXPECT_EQ(Why(tree, 1, L({p, L({3, 0, "none", 3, 0})})),
            first + "the tree has no property 'none' to move");
  EXPECT_EQ(Why(tree, 1, L({L({0, M({{"title", L({1})}})}), L({2, 1, 0})})),
            first +
                "the path to node 1 ends at 'title': the tree has nothing there that could "
                "hold something");
  EXPECT_EQ(Texts(tree), "a");
  EXPECT_TRUE(*tree.Apply(1, L({p, L({1, 3, 1, Text(11, "b")})})));
  EXPECT_EQ(Texts(tree), "ab");
}

TEST(ControlTree, CannotBeMadeToHoldItself) {
  Tree tree = WithControls(
      {M({{"_c", "Row"}, {"_i", 11}, {"value", "r"}, {"controls", L({Text(12, "x")})}})});
  const Value path =
      L({0, M({{"views",
                L({1, At(0, L({2, M({{"controls",
                                      L({3, At(0, L({4, M({{"controls", L({5})}})}))})}})}))})}})});
  EXPECT_NE(Why(tree, 1, L({path, L({3, 3, 0, 5, 0})})), "applied");
}

TEST(ControlTree, BoundsItsDepth) {
  Tree tree = WithControls({});
  Value chain = M({{"_c", "Box"}, {"_i", 2000}});
  for (int i = 0; i < 400; ++i) chain = M({{"_c", "Box"}, {"_i", 1000 + i}, {"content", chain}});
  EXPECT_EQ(Why(tree, 3, L({L({0}), L({0, 0, "a", chain})})), "applied");
  std::string why;
  for (int round = 0; round < 5 && why != "no"; ++round) {
    Value more = M({{"_c", "Box"}, {"_i", 2000}});
    for (int i = 0; i < 400; ++i) more = M({{"_c", "Box"}, {"_i", 3000 + i}, {"content", more}});
    why = Why(tree, 2000, L({L({0}), L({0, 0, "content", more})}));
    if (why != "applied") break;
  }
  EXPECT_NE(why.find("nested deeper than 1024"), std::string::npos) << why;
}

TEST(ControlTree, ForgetsTheIdsOfRemovedControls) {
  Tree tree = WithControls({});
  for (int i = 0; i < 20000; ++i) {
    ASSERT_TRUE(*tree.Apply(3, L({L({0}), L({0, 0, "content", Text(100 + i, "x")})})));
  }
  EXPECT_LT(tree.index_size(), 3000u);
  EXPECT_NE(tree.Find(100 + 19999), nullptr);
}

TEST(ControlTree, SetsThePropertiesThatTheClientOwns) {
  Tree tree = WithControls({Text(10, "a")});
  tree.SetProperty(*tree.Find(10), "value", "typed");
  tree.SetProperty(*tree.Find(10), "selection", M({{"start", 1}}));
  EXPECT_EQ(Texts(tree), "typed");
  EXPECT_EQ(tree.Find(10)->Find("selection")->AsMap()->parent, tree.Find(10));
}

TEST(ControlTree, SurvivesRandomPatches) {
  std::mt19937 random(815);
  const auto number = [&random](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  for (int round = 0; round < 1000; ++round) {
    Tree tree = WithControls(
        {Text(10, "a"),
         M({{"_c", "Row"}, {"_i", 11}, {"value", "r"}, {"controls", L({Text(12, "x")})}})});
    const Value path =
        L({0, M({{"views",
                  L({1, At(0, L({2, M({{"controls",
                                        L({3, At(number(3),
                                                 L({4, M({{"controls", L({5})}})}))})}})}))})}})});
    const auto key = [&]() -> Value {
      static constexpr const char* kNames[] = {"controls", "value", "views", "new"};
      return number(2) == 0 ? Value(number(4) - 1) : Value(kNames[number(4)]);
    };
    const auto value = [&]() -> Value {
      return number(2) == 0   ? Text(10 + number(5), "v")
             : number(2) == 0 ? L({Text(20, "l")})
                              : Value(1);
    };
    Value patch = L({path});
    for (int i = number(8); i >= 0; --i) {
      switch (number(4)) {
        case 0:
          patch.AsList()->items.push_back(L({0, number(7), key(), value()}));
          break;
        case 1:
          patch.AsList()->items.push_back(L({1, number(7), key(), value()}));
          break;
        case 2:
          patch.AsList()->items.push_back(L({2, number(7), key()}));
          break;
        default:
          patch.AsList()->items.push_back(L({3, number(7), key(), number(7), key()}));
      }
    }
    static_cast<void>(tree.Apply(1, patch));
    // Whatever it did, everything in the tree knows its parent.
    for (std::int64_t id = 2; id < 30; ++id) {
      const Map* control = tree.Find(id);
      EXPECT_TRUE(control == nullptr || control->parent != nullptr);
    }
  }
}

Value ManyKeys(std::size_t size) {
  Value page = M({{"_c", "Page"}, {"_i", 1}});
  for (std::size_t i = 0; i < size; ++i)
    page.AsMap()->entries.emplace_back("k" + std::to_string(i), i);
  return page;
}

// A page or a recording may come from anywhere.
TEST(ControlTree, TakesALinearTimeForAPageOfManyKeys) {
  EXPECT_LT(GrowthOf(1000,
                     [](std::size_t size) {
                       Tree tree(M({}));
                       ASSERT_TRUE(tree.Register(ManyKeys(size)));
                       ASSERT_TRUE(tree.Register(ManyKeys(size)));
                       Value patch = L({L({0})});
                       for (std::size_t i = 0; i < size; ++i) {
                         const std::string key = "k" + std::to_string(i);
                         patch.AsList()->items.push_back(L({0, 0, key, "other"}));
                         patch.AsList()->items.push_back(L({2, 0, key}));
                       }
                       ASSERT_TRUE(tree.Apply(1, std::move(patch)));
                       for (std::size_t i = 0; i < size; ++i)
                         tree.SetProperty(tree.page(), "p" + std::to_string(i), i);
                     }),
            kMostGrowth);
}

TEST(ControlTree, TakesALinearTimeForAPatchOfALongList) {
  EXPECT_LT(GrowthOf(1000,
                     [](std::size_t size) {
                       Tree tree(M({}));
                       ASSERT_TRUE(tree.Register(M({{"_c", "Page"}, {"_i", 1}, {"rows", L({})}})));
                       Value patch = L({L({0, M({{"rows", L({1})}})})});
                       auto& ops = patch.AsList()->items;
                       for (std::size_t i = 0; i < size; ++i) ops.push_back(L({1, 1, 0, i}));
                       for (std::size_t i = 0; i < size; ++i) ops.push_back(L({1, 1, size / 2, i}));
                       for (std::size_t i = 0; i < size; ++i) ops.push_back(L({3, 1, 0, 1, size}));
                       for (std::size_t i = 0; i < size; ++i) ops.push_back(L({2, 1, 0}));
                       ASSERT_TRUE(tree.Apply(1, std::move(patch)));
                       ASSERT_EQ(tree.page().Find("rows")->AsList()->items.size(), size);
                     }),
            kMostGrowth);
}

// The same operations on a list that lies in pieces as on a plain one.
TEST(ControlTree, ChangesLongListsAsShortOnes) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n)(random);
  };
  std::vector<std::int64_t> wanted;
  Tree tree(M({}));
  ASSERT_TRUE(tree.Register(M({{"_c", "Page"}, {"_i", 1}, {"rows", L({})}})));
  for (int round = 0; round < 20; ++round) {
    Value patch = L({L({0, M({{"rows", L({1})}})})});
    for (int i = 0; i < 500; ++i) {
      const std::size_t kind = below(9);
      const std::int64_t value = static_cast<std::int64_t>(below(1'000'000));
      const auto at = [&](std::size_t n) {
        return wanted.begin() + static_cast<std::ptrdiff_t>(n);
      };
      if (kind < 6 || wanted.size() < 2) {
        const std::size_t to = below(wanted.size());
        patch.AsList()->items.push_back(L({1, 1, to, value}));
        wanted.insert(at(to), value);
      } else if (kind == 6) {
        const std::size_t to = below(wanted.size() - 1);
        patch.AsList()->items.push_back(L({0, 1, to, value}));
        wanted[to] = value;
      } else if (kind == 7) {
        const std::size_t from = below(wanted.size() - 1);
        patch.AsList()->items.push_back(L({2, 1, from}));
        wanted.erase(at(from));
      } else {
        const std::size_t from = below(wanted.size() - 1);
        const std::size_t to = below(wanted.size() - 1);
        patch.AsList()->items.push_back(L({3, 1, from, 1, to}));
        const std::int64_t moved = wanted[from];
        wanted.erase(at(from));
        wanted.insert(at(to), moved);
      }
    }
    ASSERT_TRUE(tree.Apply(1, std::move(patch)));
    std::vector<std::int64_t> got;
    for (const Value& item : tree.page().Find("rows")->AsList()->items)
      got.push_back(*item.AsInt());
    ASSERT_EQ(got, wanted) << round;
  }
}

TEST(ControlTree, TellsWhichControlsHaveComeOrChanged) {
  Tree tree(M({}));
  ASSERT_TRUE(tree.Register(
      M({{"_c", "Page"},
         {"_i", 1},
         {"field",
          M({{"_c", "TextField"}, {"_i", 5}, {"label", M({{"_c", "Text"}, {"_i", 6}})}})}})));
  std::vector<std::int64_t> changed;
  tree.NoteChanged(&changed);
  ASSERT_TRUE(tree.Apply(6, L({L({0}), L({0, 0, "value", "secret"})})));
  EXPECT_EQ(changed, (std::vector<std::int64_t>{6, 5}));
  changed.clear();
  ASSERT_TRUE(tree.Apply(1, L({L({0}), L({0, 0, "row", L({M({{"_c", "Row"}, {"_i", 7}})})})})));
  EXPECT_EQ(changed, (std::vector<std::int64_t>{1, 7}));
  changed.clear();
  tree.SetProperty(*tree.Find(7), "spacing", 3);
  EXPECT_EQ(changed, (std::vector<std::int64_t>{7, 1}));
  tree.NoteChanged(nullptr);
  tree.SetProperty(*tree.Find(7), "spacing", 4);
  EXPECT_EQ(changed.size(), 2u);
}

}  // namespace
}  // namespace fletbridge::wire
