// Room: src/accelerate. The state of a page when it was last compared and nothing remained to be
// sent: one record per control, so that an unchanged control is recognised by comparing memory,
// without its dictionaries.
//
// A record holds addresses, not references: it must not keep objects alive that an app has
// released. An address is used only after its holder was found unchanged: the instance's own
// attributes, the version of a dictionary, the items of a list. So a node is examined after its
// parent, whose lists hold it.
//
// Threads: whichever holds the GIL.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "src/accelerate/plan.h"
#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

struct Record {
  struct Dict {
    PyObject* dict = nullptr;
    std::uint64_t version = 0;
  };
  struct Entry {
    PyObject* item;
    std::unique_ptr<Record> record;  // null for what is no control
  };
  // A field that holds controls: a list of them, or one.
  struct Group {
    PyObject* name = nullptr;
    PyObject* list = nullptr;    // null: a single one
    PyObject** items = nullptr;  // the list's, to be fetched ahead; not to be read
    std::vector<Entry> entries;
  };
  // What a leaf of the page has not.
  struct Holdings {
    std::vector<Group> groups;
    Dict own;                     // of an instance that has a dictionary
    Dict values;                  // `_values` of such an instance
    PyObject* changes = nullptr;  // `__changes`
    std::vector<Dict> dicts;
    // Lists of scalars inside of those, with what they held: that nothing else comes into a place
    // that was freed.
    std::vector<std::pair<PyObject*, Ref>> inner;
  };

  explicit Record(PyObject* of) : object(of) {}

  // Whether nothing of it has changed, its children apart.
  [[nodiscard]] bool Holds() const;
  // Its groups, which there are where it has holdings.
  [[nodiscard]] bool HasChildren() const {
    return holdings != nullptr && !holdings->groups.empty();
  }
  // Made where it has none.
  [[nodiscard]] Holdings& Held();

  // A page has many of these, and its first reader after a pause finds none in the caches: one line
  // of one each.
  PyObject* object;
  std::uint64_t watched = 0;   // a sum over what the instance holds
  PyObject* dirty = nullptr;   // `_dirty`
  PyObject** array = nullptr;  // where the values are, to be fetched ahead; not to be read
  std::shared_ptr<Plan> plan;
  std::unique_ptr<Holdings> holdings;
  bool valid = false;
  bool closed = false;  // Flet does not look at its children from here
};
static_assert(sizeof(Record) == 64);

// Has the processor fetch what the records some places behind `at` and their children will be asked
// for, so that the look at one need not wait for memory. Reads records alone.
void FetchAhead(const std::vector<Record::Entry>& entries, std::size_t at);

// The record of a node that has changed, made anew in the course of its comparison.
class Renewal {
 public:
  // `old`: the node's record, whose children are used again. It is not valid until Finish().
  explicit Renewal(Record& old);
  // The record of a child that is now compared: its old one, or a new one. Those of other children
  // are dropped: whoever compared these kept no record of it.
  [[nodiscard]] Record& Child(PyObject* object);
  // Makes the node's record valid, if it can represent the node. `closed`: see Record.
  void Finish(const Plan& plan, PyObject* object, bool closed);

 private:
  struct Pooled {
    std::unique_ptr<Record> record;
    bool met = false;
  };

  [[nodiscard]] std::size_t Find(PyObject* object, std::size_t& cursor);
  [[nodiscard]] std::unique_ptr<Record> Take(PyObject* object);
  [[nodiscard]] bool Describe(const Plan& plan, PyObject* object, Record& made);
  [[nodiscard]] bool AddList(PyObject* name, PyObject* list, Record& made);
  [[nodiscard]] static bool AddInner(PyObject* list, Record& made);
  void Empty(Record& record);

  Record& old_;
  std::vector<Pooled> pool_;
  std::unordered_map<PyObject*, std::size_t> places_;  // in the pool, once they are out of order
  std::size_t met_ = 0, taken_ = 0;                    // where the next one is expected
};

// The records of a comparison that begins at `root`. Null where this Python cannot be read in
// place.
[[nodiscard]] Record* RootRecord(PyObject* root);
// A node was compared without a record and had changed. A page may show it in several places: what
// is recorded of it anywhere holds no longer.
void NoteUnrecorded(PyObject* object);
// Whether there are any, which a page that is as it was asks for each node.
inline bool g_any_unrecorded = false;
// Whether it was, in this comparison.
[[nodiscard]] bool IsUnrecorded(PyObject* object);
// Makes the records of such nodes invalid, before the next comparison.
void ForgetUnrecorded();
// A node of the page that `root` is in has changed: what other comparisons noted of that page holds
// no longer.
void ForgetOthers(PyObject* root);
// The same for a root that is encoded as a whole.
void ForgetRoot(PyObject* root);
void ForgetAllRoots();

}  // namespace fletbridge::accelerate
