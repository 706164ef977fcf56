// Room: common/app. The addresses at which an app listens and, in direct mode, at which Flet's
// client connects, prepared before the app starts. Used by SocketApp.
//
// In direct mode the client gets its address while the app's interpreter still starts. If the shim
// can give Flet's server a socket (AppSpec::takes_socket), we create one that listens from the
// beginning: the client's connection waits in its backlog, and no other process can take the port.
//
// Threads: any; no shared state.
#pragma once

#include <string>

#include "common/net/address.h"
#include "common/platform/unique_fd.h"
#include "common/process/runtime_dir.h"
#include "common/transport/app_host.h"

namespace fletbridge {

struct AppSocket {
  RuntimeDir dir;        // the private folder; empty if none is needed
  SocketAddress app;     // where Flet is told to listen
  SocketAddress client;  // direct mode: where its client connects
  UniqueFd listener;     // direct mode: listens at `client`, to be given to Flet; or empty
  HeldPort held;         // reserves the port of `app` until Flet listens there; or empty
};

// Chooses the addresses, and creates the private folder if the address is a path or `wants_folder`.
// kSetup if that fails.
[[nodiscard]] Result<AppSocket> MakeAppSocket(const AppSpec& spec, SocketAddress::Kind kind,
                                              bool wants_folder);

// In Flet's notation: a path, or tcp://HOST:PORT.
[[nodiscard]] std::string PageUrl(const SocketAddress& address);

// Shuts down every connection of this process to `address`, so that the app sees its client
// disconnect. Needed since the client is in the engine, which keeps its connection after the window
// has closed.
void HangUp(const SocketAddress& address);

}  // namespace fletbridge
