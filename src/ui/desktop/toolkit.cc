#include "src/ui/desktop/toolkit.h"

#include <cstdlib>
#include <type_traits>

#include "src/ui/desktop/desktop_ui.h"
#include "src/ui/desktop/library.h"

namespace fletbridge::desktop {
namespace {

std::string Named() {
  for (const char* name : {"WAYLAND_DISPLAY", "DISPLAY"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

}  // namespace

Toolkit TryToolkit() {
  Toolkit found;
  found.display_obstacle = NoDisplay();
  Result<Library> gtk = Library::Open("libgtk-3.so.0");
  if (!gtk) {
    found.obstacle = gtk.error().Line() + "; install GTK 3 (Debian: apt install libgtk-3-0)";
    if (found.display_obstacle.empty()) found.display = Named();
    return found;
  }
  if (!found.display_obstacle.empty()) return found;
  auto* keep_locale = reinterpret_cast<void (*)()>(gtk->Find("gtk_disable_setlocale"));
  auto* init = reinterpret_cast<int (*)(int*, char***)>(gtk->Find("gtk_init_check"));
  auto* name_of = reinterpret_cast<const char* (*)(void*)>(gtk->Find("gdk_display_get_name"));
  auto* display = reinterpret_cast<void* (*)()>(gtk->Find("gdk_display_get_default"));
  if (keep_locale == nullptr || init == nullptr || name_of == nullptr || display == nullptr) {
    found.obstacle = "what calls itself libgtk-3.so.0 is no GTK 3; install it again";
    return found;
  }
  keep_locale();
  if (init(nullptr, nullptr) != 0) {
    found.display = name_of(display());
  } else {
    found.display_obstacle = "no display answers at " + Named() + "; set DISPLAY to one that runs";
  }
  return found;
}

}  // namespace fletbridge::desktop
