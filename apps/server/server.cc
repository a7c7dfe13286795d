// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include "base/text.h"
#include "server/carrier.h"
#include "server/connection.h"
#include "server/listener.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace thimble::server {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::milliseconds kIdleTick{1000};

// "box.lan" is the server under that name, with its port or behind something that has the scheme's; "box.lan:8443" is
// that one only.
Status AddHosts(const Options& options, const std::vector<Listener::Place>& places, std::uint16_t port,
                GateRules* rules) {
  bool is_local = false;
  for (const Listener::Place& place : places) {
    THIMBLE_ASSIGN_OR_RETURN(Authority authority, ReadAuthority(place.host_name));
    authority.port = port;
    rules->hosts.push_back({authority, false});
    is_local = is_local || place.is_loopback;
  }
  if (is_local) rules->hosts.push_back({{"localhost", port}, false});
  for (const std::string& text : options.allow_hosts) {
    auto authority = ReadAuthority(text);
    if (!authority.ok()) {
      return Error{Code::kInvalid,
                   Cat("[server] --allow-host is a name such as box.lan or box.lan:8443, found '", text, "'")};
    }
    rules->hosts.push_back({authority.value(), true});
    if (authority.value().port) continue;
    authority.value().port = port;
    rules->hosts.push_back({authority.value(), true});
  }
  return Done{};
}

Status AddOrigins(const Options& options, GateRules* rules) {
  for (std::string origin : options.allow_origins) {
    for (char& c : origin) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t mark = origin.find("://");
    const bool is_origin = mark != std::string::npos && mark > 0 && ReadAuthority(origin.substr(mark + 3)).ok();
    if (!is_origin) {
      return Error{Code::kInvalid, Cat("[server] --allow-origin is one page's origin such as app://obsidian.md or "
                                       "http://localhost:3000, found '",
                                       origin, "'")};
    }
    rules->origins.push_back(std::move(origin));
  }
  return Done{};
}

// A pipe that Stop() writes into: all that a signal handler may do.
class StopPipe {
 public:
  StopPipe() = default;
  ~StopPipe() {
    for (const int fd : ends_) {
      if (fd >= 0) close(fd);
    }
  }
  StopPipe(const StopPipe&) = delete;
  StopPipe& operator=(const StopPipe&) = delete;

  Status Open() {
    if (pipe(ends_.data()) != 0) return Error{Code::kSystem, Cat("[server] no pipe: ", std::strerror(errno))};
    for (const int fd : ends_) {
      fcntl(fd, F_SETFD, FD_CLOEXEC);
      fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    return Done{};
  }
  // The end to read from, which becomes the caller's.
  int TakeReader() { return std::exchange(ends_[0], -1); }
  void Write() const {
    const int before = errno;
    const char byte = 0;
    if (write(ends_[1], &byte, 1) < 0) errno = before;  // full: it is asked already
    errno = before;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

// Connections and a model's files have a descriptor each, and some systems give a program 256.
void RaiseDescriptorLimit() {
  constexpr rlim_t kWanted = 1024;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);  // else accepting rests when there are no more
}

class TcpServer : public Server {
 public:
  TcpServer()
      : carrier_(std::make_unique<Carrier>()),
        listener_(carrier_.get()),
        stop_reader_(carrier_->io),
        tick_(carrier_->io),
        grace_(carrier_->io) {}
  ~TcpServer() override { End(); }

  Status Open(Options options) {
    RaiseDescriptorLimit();
    THIMBLE_RETURN_IF_ERROR(stop_.Open());
    stop_reader_.assign(stop_.TakeReader());
    THIMBLE_ASSIGN_OR_RETURN(const auto places, listener_.Open(options.addresses, options.port, !options.keys.empty()));
    GateRules& rules = carrier_->rules;
    THIMBLE_RETURN_IF_ERROR(AddHosts(options, places, listener_.port(), &rules));
    THIMBLE_RETURN_IF_ERROR(AddOrigins(options, &rules));
    rules.keys = std::move(options.keys);
    if (!options.token.empty()) rules.token.Add(options.token);
    const bool is_local =
        std::all_of(places.begin(), places.end(), [](const auto& place) { return place.is_loopback; });
    rules.takes_codes = options.takes_codes && is_local && !options.token.empty();
    if (rules.takes_codes) carrier_->codes.emplace(options.token);
    rules.open_paths = std::move(options.open_paths);
    rules.pages = std::move(options.pages);
    carrier_->limits = options.limits;
    url_ = Cat("http://", places.front().host_name, ":", listener_.port());
    return Done{};
  }

  [[nodiscard]] std::uint16_t port() const override { return listener_.port(); }
  [[nodiscard]] const std::string& url() const override { return url_; }

  void Run(service::Handler* handler) override {
    carrier_->handler = handler;
    listener_.Start();
    stop_reader_.async_read_some(asio::buffer(stop_byte_), [this](const ErrorCode&, std::size_t) { OnStop(); });
    Tick();
    bool is_over = false;
    while (!is_over) {
      try {
        carrier_->io.run();
        is_over = true;
      } catch (const std::bad_alloc&) {
        is_over = false;  // what was being done is lost; connections that it concerned run into their deadlines
      }
    }
    End();
  }

  void Stop() override { stop_.Write(); }

 private:
  void Tick() {
    tick_.expires_after(carrier_->connections.empty() ? kIdleTick : kTick);
    tick_.async_wait([this](const ErrorCode& error) {
      if (error) return;
      const auto now = Connection::Clock::now();
      const auto connections = carrier_->connections;  // Tick may drop some
      for (const auto& connection : connections) connection->Tick(now);
      if (carrier_->is_stopping && carrier_->connections.empty()) return carrier_->io.stop();
      Tick();
    });
  }

  void OnStop() {
    carrier_->is_stopping = true;
    listener_.Close();
    const auto connections = carrier_->connections;
    for (const auto& connection : connections) connection->Stop();
    if (carrier_->connections.empty()) return carrier_->io.stop();
    grace_.expires_after(carrier_->limits.shutdown);
    grace_.async_wait([this](const ErrorCode&) { carrier_->io.stop(); });
  }

  // Nobody outside may reach a connection from now on.
  void End() {
    listener_.Close();
    const auto connections = carrier_->connections;
    for (const auto& connection : connections) connection->Drop();
  }

  std::unique_ptr<Carrier> carrier_;
  Listener listener_;
  StopPipe stop_;
  asio::posix::stream_descriptor stop_reader_;
  std::array<char, 1> stop_byte_{};
  asio::steady_timer tick_;
  asio::steady_timer grace_;
  std::string url_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Listen(Options options) {
  try {
    auto server = std::make_unique<TcpServer>();
    THIMBLE_RETURN_IF_ERROR(server->Open(std::move(options)));
    return std::unique_ptr<Server>(std::move(server));
  } catch (const boost::system::system_error& error) {
    return Error{Code::kSystem, Cat("[server] cannot listen: ", error.code().message())};
  }
}

}  // namespace thimble::server
