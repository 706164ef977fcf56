// Room: src/compare. An invisible display, observed from outside: an X server of our own (Xvfb).
// It keeps its screen in a file, so reading a picture is a memory read and costs the server
// nothing, and it reports when something was drawn, so nobody polls. No window manager, no pointer
// on the screen.
//
// Threads: everything on the thread that created it (the main one: the kernel ties the server's
// life to that thread).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/event_loop.h"

namespace fletbridge::compare {

struct Box {
  int x = 0, y = 0, width = 0, height = 0;  // pixels, from the left and from the top
};
using Picture = std::vector<std::uint32_t>;  // row by row

class Display {
 public:
  static constexpr Box kScreen{0, 0, 1280, 720};  // as large as a Flet client's window at first

  // Starts the server on a number that is free. `folder` is its own: made here, removed at the end.
  [[nodiscard]] static Result<std::unique_ptr<Display>> Start(EventLoop& loop,
                                                              const std::string& folder);
  ~Display();  // ends the server, and with it what is still connected to it

  [[nodiscard]] const std::string& name() const;  // ":7"
  // Readable when something was drawn. Call Drawn() before waiting for it.
  [[nodiscard]] int fd() const;
  // Consumes the drawing events until now; whether any of them touched the box.
  [[nodiscard]] Result<bool> Drawn(const Box& box);
  [[nodiscard]] Picture Look(const Box& box) const;
  [[nodiscard]] bool Looks(const Box& box, const Picture& picture) const;
  void Move(int x, int y);  // the pointer
  void Press();             // and release, where the pointer is
  void Wheel(bool down);    // by one step
  [[nodiscard]] bool HasWindowAtPointer();

 private:
  struct Impl;
  explicit Display(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fletbridge::compare
