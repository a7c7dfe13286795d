// SPDX-License-Identifier: Apache-2.0
#include "server/serve.h"

#include "base/text.h"
#include "server/open_sockets.h"

#include <sys/random.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <unistd.h>

namespace thimble::server {

namespace {

// A thread that works as long as there is work, and waits for the next.
class Worker {
 public:
  // `work` returns whether there is more to do at once; else it is called again after `due` seconds, or when woken.
  void Start(std::function<bool()> work, std::function<double()> due) {
    thread_ = std::thread([this, work = std::move(work), due = std::move(due)] {
      while (true) {
        const bool has_more = work();
        std::unique_lock lock(mutex_);
        if (!has_more && !is_woken_ && !is_over_)
          wakes_.wait_for(lock, std::chrono::duration<double>(due()), [this] { return is_woken_ || is_over_; });
        is_woken_ = false;
        if (is_over_) return;
      }
    });
  }
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      is_woken_ = true;
    }
    wakes_.notify_one();
  }
  void End() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    wakes_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool is_woken_ = false;
  bool is_over_ = false;
};

// Pages of this process that are in memory.
std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

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

std::string RandomId() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  std::array<unsigned char, 24> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) bytes.fill(0);
  std::string id;
  for (const unsigned char byte : bytes) id += kLetters[byte % (kLetters.size() - 2)];
  return id;
}

Status Serve(ServeOptions options, Server* server, service::ModelShelf* shelf, service::PictureDecoder* decoder) {
  SandboxReport report;
  RestrictFiles(options.sandbox, &report);
  Worker engine;
  Worker helper;
  service::ServiceOptions& service_options = options.service;
  service_options.now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  service_options.new_id = RandomId;
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
