// In the place of display.cc where the build has no libxcb (FLETBRIDGE_DISPLAY=OFF): there is never
// a display.
#include "src/compare/display.h"

namespace fletbridge::compare {

struct Display::Impl {};

Result<std::unique_ptr<Display>> Display::Start(EventLoop&, const std::string&) {
  return MakeError(Errc::kSetup,
                   "this fletbridge was built with FLETBRIDGE_DISPLAY=OFF and cannot look at "
                   "windows; take another build for --ui desktop");
}
Display::Display(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Display::~Display() = default;

// No object ever has these called.
const std::string& Display::name() const {
  static const std::string none;
  return none;
}
int Display::fd() const { return -1; }
Result<bool> Display::Drawn(const Box&) { return false; }
Picture Display::Look(const Box&) const { return {}; }
bool Display::Looks(const Box&, const Picture&) const { return false; }
void Display::Move(int, int) {}
void Display::Press() {}
void Display::Wheel(bool) {}
bool Display::HasWindowAtPointer() { return false; }

}  // namespace fletbridge::compare
