// SPDX-License-Identifier: Apache-2.0
#include "server/serve.h"

#include "base/text.h"
#include "host/chat_id.h"
#include "server/open_sockets.h"
#include "sys/machine.h"
#include "sys/worker.h"

#include <ctime>
#include <optional>
#include <utility>

#include <unistd.h>

namespace thimble::server {

namespace {

Json AboutSockets() {
  std::vector<Json> sockets;
  for (const OpenSocket& socket : OpenSockets()) {
    sockets.push_back(Json::Object({{"local", Json::String(socket.local)},
                                    {"remote", Json::String(socket.remote)},
                                    {"state", Json::String(socket.state)}}));
  }
  return Json::Array(std::move(sockets));
}

Json AboutProcess(const SandboxReport& report) {
  std::vector<Json> lacks;
  lacks.reserve(report.lacks.size());
  for (const std::string& sentence : report.lacks) lacks.push_back(Json::String(sentence));
  return Json::Object({{"pid", Json::Integer(getpid())},
                       {"sockets", AboutSockets()},
                       {"sandbox", Json::Object({{"files", Json::Bool(report.has_files)},
                                                 {"network", Json::Bool(report.has_network)},
                                                 {"calls", Json::Bool(report.has_calls)},
                                                 {"scopes", Json::Bool(report.has_scopes)},
                                                 {"landlock", Json::Integer(report.landlock_abi)},
                                                 {"lacks", Json::Array(std::move(lacks))}})}});
}

}  // namespace

Status Serve(ServeOptions options, Server* server, service::ModelShelf* shelf, service::PictureDecoder* decoder) {
  SandboxReport report;
  RestrictFiles(options.sandbox, &report);
  Worker engine;
  Worker helper;
  service::ServiceOptions& service_options = options.service;
  service_options.now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  service_options.new_id = host::NewChatId;
  service_options.resident_bytes = ResidentBytes;
  service_options.about_carrier = [&report] { return AboutProcess(report); };
  service::Service service(std::move(service_options), shelf, decoder,
                           {[&engine] { engine.Wake(); }, [&helper] { helper.Wake(); }});
  // Threads take over what is in force, so this comes first; the pool's start with the model.
  RestrictCalls(&report);
  std::optional<Error> failure;
  bool is_ready = false;
  const auto pump = [&] {
    const bool has_more = service.Pump();
    if (is_ready) return has_more;
    const service::DeskState state = service.State();
    if (state.live == nullptr && state.failure.has_value()) {
      failure = state.failure;
      server->Stop();
    } else if (state.live != nullptr && options.ready) {
      options.ready(report);
    }
    is_ready = state.live != nullptr || failure.has_value();
    return has_more && !failure.has_value();
  };
  engine.Start(pump, [&] { return service.PumpDue(); });
  helper.Start([&] { return service.Help(); }, [&] { return service.HelpDue(); });
  server->Run(&service);
  engine.End();
  helper.End();
  service.Close();
  if (failure.has_value()) return *failure;
  return Done{};
}

}  // namespace thimble::server
