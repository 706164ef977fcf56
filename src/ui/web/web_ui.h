// Room: src/ui/web. A UiSurface for browsers: serves Flet's own web client, the app's assets and a
// WebSocket for each tab, over HTTP/1.1. Created by src/host; independent of stages.
//
// Trust: it listens on loopback unless told otherwise; a token in the first address and then a
// cookie say who may come; the Host and the Origin of requests are checked (access.h).
//
// Threads: as UiSurface. Files are read on a thread of its own, `fletbridge-web`.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/ui_surface.h"
#include "src/ui/web/listening.h"

namespace fletbridge::web {

// Sessions at a time. With each, a descriptor here and two for the app.
inline constexpr int kMostClients = 4096;

struct WebOptions {
  std::string host = "127.0.0.1";  // an address of this machine, "localhost", or "*" for all
  std::uint16_t port = 8550;       // 0: any that is free
  std::string name;                // the path below which the app is; empty: none
  std::string client;              // the folder of Flet's web client
  std::string assets;              // the app's folder; empty: none
  bool is_public = false;          // without a token
  std::string token;               // of the first URL; empty: one of this run
  std::string cookie;              // the name of the cookie that follows it; empty: by the port
  std::optional<ListenAddress> metrics;  // status_server.h
  // A process that listens gives us our connections (workers/worker_pool.h): `line` is this end of
  // the line to it, inherited; -1: we listen.
  struct {
    int line = -1;
    int number = 0;
    std::string key;  // that its cookies are signed with
  } worker;
  std::vector<std::string> trusted_proxies;  // addresses and networks (proxy.h)
  bool opens_browser = false;                // the person's own, once it listens
  FlowLimits limits;
  std::chrono::milliseconds registration{10'000};
};

// "" or "/a/b", of --name. kUsage.
[[nodiscard]] Result<std::string> MountOf(const std::string& name);
// The path of the URL for a person: "/a/b/?token=…".
[[nodiscard]] std::string PathOfApp(const std::string& mount, const std::string& token);

// kUsage or kSetup, with what to do, if these options cannot be. `loop` must outlive the UI.
// Start() binds; if that fails, OnClosed() says why.
[[nodiscard]] Result<std::unique_ptr<UiSurface>> MakeWebUi(EventLoop& loop, WebOptions options);

}  // namespace fletbridge::web
