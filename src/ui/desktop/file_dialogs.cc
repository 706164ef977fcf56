#include "src/ui/desktop/file_dialogs.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <unistd.h>

#include "src/ui/desktop/library.h"

namespace fletbridge::desktop {
namespace {

namespace fs = std::filesystem;

constexpr int kPortalTime_ms = 3000;
constexpr const char* kPortal = "org.freedesktop.portal.Desktop";
constexpr const char* kChooser = "org.freedesktop.portal.FileChooser";

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

bool OnPath(const char* program) {
  std::istringstream folders(Variable("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && ::access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

// The address at which the client expects the bus, which it does not start.
std::string BusAddress() {
  if (std::string address = Variable("DBUS_SESSION_BUS_ADDRESS"); !address.empty()) return address;
  const std::string folder = Variable("XDG_RUNTIME_DIR");
  std::error_code error;
  if (!folder.empty() && fs::is_socket(folder + "/bus", error))
    return "unix:path=" + folder + "/bus";
  return {};
}

// GLib's GError; only the message is used.
struct GError {
  std::uint32_t domain;
  int code;
  char* message;
};

std::string MessageOf(const GError* error, const char* otherwise) {
  return error != nullptr && error->message != nullptr ? error->message : otherwise;
}

std::string AskPortal(const std::string& address) {
  const Result<Library> gio = Library::Open("libgio-2.0.so.0");
  if (!gio) return gio.error().Line() + "; install GLib (Debian: apt install libglib2.0-0)";
  auto* connect = reinterpret_cast<void* (*)(const char*, int, void*, void*, GError**)>(
      gio->Find("g_dbus_connection_new_for_address_sync"));
  auto* value = reinterpret_cast<void* (*)(const char*, ...)>(gio->Find("g_variant_new"));
  auto* call = reinterpret_cast<void* (*)(void*, const char*, const char*, const char*, const char*,
                                          void*, const void*, int, int, void*, GError**)>(
      gio->Find("g_dbus_connection_call_sync"));
  if (connect == nullptr || value == nullptr || call == nullptr)
    return "what calls itself libgio-2.0.so.0 is no GLib; install it again";
  constexpr int kClientOnABus = 1 | 8;
  GError* error = nullptr;
  void* bus = connect(address.c_str(), kClientOnABus, nullptr, nullptr, &error);
  if (bus == nullptr) {
    return "the session bus at " + address +
           " does not answer: " + MessageOf(error, "no reason given") +
           "; log in to a desktop, or use dbus-run-session";
  }
  void* answer =
      call(bus, kPortal, "/org/freedesktop/portal/desktop", "org.freedesktop.DBus.Properties",
           "Get", value("(ss)", kChooser, "version"), nullptr, 0, kPortalTime_ms, nullptr, &error);
  if (answer != nullptr) return {};
  return "the session bus has no portal that shows them: " + MessageOf(error, "no reason given") +
         "; install one (Debian: apt install xdg-desktop-portal-gtk)";
}

}  // namespace

std::string WhyNoFileDialogs(int client_generation) {
  if (client_generation == 1) {
    for (const char* program : {"qarma", "kdialog", "zenity"}) {
      if (OnPath(program)) return {};
    }
    return "none of qarma, kdialog and zenity is there; install one (Debian: apt install zenity)";
  }
  const std::string address = BusAddress();
  if (!address.empty()) return AskPortal(address);
  return "there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set, and no bus is in "
         "XDG_RUNTIME_DIR; log in to a desktop, or use dbus-run-session";
}

}  // namespace fletbridge::desktop
