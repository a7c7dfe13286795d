// SPDX-License-Identifier: Apache-2.0
// Serve: the service over TCP with its threads: one for the network, one for the engine, one for what needs neither.
#pragma once

#include "base/result.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "service/carrier_parts.h"
#include "service/service.h"

#include <functional>
#include <memory>
#include <string>

namespace thimble::server {

struct ServeOptions {
  service::ServiceOptions service;
  SandboxRules sandbox;
  // Once, when the model is open and requests are answered; with what is in force. From the engine's thread.
  std::function<void(const SandboxReport&)> ready;
};

// Serves until Stop is called on `server`, with the calling thread as the network's. Ends with the error that the first
// model gave, where it could not be opened.
Status Serve(ServeOptions options, Server* server, service::ModelShelf* shelf, service::PictureDecoder* decoder);

}  // namespace thimble::server
