// Room: common/app. Where an app listens and where a client of Flet's may connect, made before the
// app is started. Used by SocketApp alone.
//
// In direct mode the client is told its address at once, while the app's interpreter still starts.
// If Flet's server in the app can be given a socket, it is one that listens from the beginning: the
// client's connection waits in it, nobody has to try again, and nobody else can take the port.
#pragma once

#include <string>

#include "common/base/unique_fd.h"
#include "common/net/address.h"
#include "common/process/runtime_dir.h"
#include "common/transport/app_transport.h"

namespace fletbridge {

struct AppSocket {
  RuntimeDir dir;        // the private folder; none where nothing lies in it
  SocketAddress app;     // where Flet is told to listen
  SocketAddress client;  // direct mode: where its client connects
  UniqueFd listener;     // direct mode: bound to `client`, for Flet to take; or none
  HeldPort held;         // the port of `app`, kept until Flet listens there; or none
};

// Makes the folder, where the address is a path or `wants_folder`, and chooses the addresses.
[[nodiscard]] Result<AppSocket> MakeAppSocket(const AppSpec& spec, SocketAddress::Kind kind,
                                              bool wants_folder);

// As Flet writes it: a path, or tcp://HOST:PORT.
[[nodiscard]] std::string PageUrl(const SocketAddress& address);

// Ends every connection that this process has to `address`: the app sees that its client has gone,
// though the client itself, in the engine that rests, would keep it. Reads /proc/self/fd.
void HangUp(const SocketAddress& address);

}  // namespace fletbridge
