// Room: tests. The client's side of a WebSocket (RFC 6455) on a Peer: only so much as a test says
// and reads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tests/unit/support/peer.h"

namespace fletbridge {

// A request for the upgrade. `host`: of the address, such as 127.0.0.1:8550; `origin`: of the page
// that asks; empty: none.
inline std::string UpgradeRequest(std::string_view target, std::string_view host,
                                  std::string_view origin = {}) {
  std::string request = "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
                        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  if (!origin.empty()) request += "Origin: " + std::string(origin) + "\r\n";
  return request +
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

// The head of the answer; less if the stream ends or the deadline passes.
inline std::string ReadHeader(Peer& peer) {
  std::string header;
  while (header.find("\r\n\r\n") == std::string::npos) {
    const std::string next = peer.Read(1);
    if (next.empty()) break;
    header += next;
  }
  return header;
}

enum Opcode : unsigned { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPong = 10 };

// A client's frame, with a mask of zeros.
inline std::string Frame(std::string_view payload, unsigned opcode = kBinary, bool last = true) {
  std::string frame(1, static_cast<char>(opcode | (last ? 0x80U : 0U)));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    const bool is_long = payload.size() > 0xffff;
    frame.push_back(static_cast<char>(0x80U | (is_long ? 127U : 126U)));
    for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8)
      frame.push_back(static_cast<char>(payload.size() >> static_cast<unsigned>(shift)));
  }
  return frame.append(4, '\0').append(payload);
}

}  // namespace fletbridge
