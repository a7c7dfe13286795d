// SPDX-License-Identifier: Apache-2.0
// Server: the service over TCP, for programs and pages on this machine. HTTP/1.1 and 1.0, no TLS, no compression.
#pragma once

#include "base/result.h"
#include "server/api_keys.h"
#include "server/limits.h"
#include "service/exchange.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace thimble::server {

struct Options {
  // Literal IP addresses to listen on; empty, or "localhost": 127.0.0.1, and ::1 where this machine has it.
  std::vector<std::string> addresses;
  std::uint16_t port = 17741;  // 0: any that is free, the same for all addresses
  // Further names ("box.lan") under which the server may be asked, with a port of their own ("box.lan:8443") or with
  // the server's port or none.
  std::vector<std::string> allow_hosts;
  // Pages that may ask, as browsers write their origins: "app://obsidian.md", "http://localhost:3000".
  std::vector<std::string> allow_origins;
  ApiKeys keys;       // none: the APIs need no key
  std::string token;  // of the routes under /thimble/v1/, and as good as a key; empty: those routes are closed
  // Whether codes (opening_code.h) are exchanged for the token: where only this machine can reach the server.
  bool takes_codes = false;
  // What may be read without a key; with '/' at the end: everything below.
  std::vector<std::string> open_paths = {"/", "/health", "/v1/health", "/models", "/v1/models"};
  // Pages, without anything secret in them, to which links of other sites may lead.
  std::vector<std::string> pages;
  Limits limits;
};

class Server {
 public:
  // Takes the port; from then on connections wait. No thread is started. kInvalid: an option is wrong, or would let
  // other machines in without a key; kSystem: the port is taken, or this machine has no such address.
  static Result<std::unique_ptr<Server>> Listen(Options options);

  virtual ~Server() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // "http://127.0.0.1:17741", of the first address.
  [[nodiscard]] virtual const std::string& url() const = 0;
  // Serves on the caller's thread until Stop, which may have come before. Calls `handler` on this thread only. At the
  // end no port is taken, every request is answered or cancelled, and sinks that somebody still holds do nothing. Once.
  virtual void Run(service::Handler* handler) = 0;
  // Ends Run within 2 seconds. Any thread, signal handlers too.
  virtual void Stop() = 0;
};

}  // namespace thimble::server
