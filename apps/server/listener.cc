// SPDX-License-Identifier: Apache-2.0
#include "server/listener.h"

#include "base/text.h"
#include "server/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace thimble::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr int kBacklog = 128;

std::string NameOf(const asio::ip::address& address) {
  return address.is_v6() ? Cat("[", address.to_string(), "]") : address.to_string();
}

bool IsMissing(const boost::system::error_code& error) {
  return error == asio::error::address_family_not_supported || error == boost::system::errc::address_not_available;
}

}  // namespace

Listener::Listener(Carrier* carrier) : carrier_(carrier) {}

Result<std::vector<asio::ip::address>> Listener::ReadAddresses(const std::vector<std::string>& texts,
                                                               bool has_keys) const {
  std::vector<asio::ip::address> addresses;
  for (const std::string& text : texts) {
    ErrorCode error;
    const asio::ip::address address = asio::ip::make_address(text, error);
    if (error || (address.is_v6() && (address.to_v6().is_v4_mapped() || address.to_v6().scope_id() != 0))) {
      return Error{Code::kInvalid, Cat("[server] --host is an IP address of this machine, found '", text, "'")};
    }
    if (address.is_unspecified()) {
      return Error{Code::kInvalid,
                   Cat("[server] ", text, " is every network that this machine is in: name the address of one")};
    }
    if (!address.is_loopback() && !has_keys) {
      return Error{Code::kInvalid, Cat("[server] other machines reach ", text, ": that needs keys, --api-key-file")};
    }
    addresses.push_back(address);
  }
  return addresses;
}

Listener::ErrorCode Listener::OpenDoor(const asio::ip::address& address, std::uint16_t port) {
  ErrorCode error;
  tcp::acceptor acceptor(carrier_->io);
  const tcp::endpoint endpoint(address, port);
  acceptor.open(endpoint.protocol(), error);
  if (!error && address.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) port_ = acceptor.local_endpoint(error).port();
  if (error) return error;
  doors_.push_back({std::move(acceptor), asio::steady_timer(carrier_->io), {NameOf(address), address.is_loopback()}});
  return {};
}

Result<std::vector<Listener::Place>> Listener::Open(const std::vector<std::string>& texts, std::uint16_t port,
                                                    bool has_keys) {
  const bool is_default = texts.empty() || texts == std::vector<std::string>{"localhost"};
  THIMBLE_ASSIGN_OR_RETURN(auto addresses, ReadAddresses(is_default ? std::vector<std::string>() : texts, has_keys));
  if (is_default) addresses = {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  // A free port of one address may be taken at the next one.
  constexpr int kMostTries = 20;
  const int most_tries = port == 0 ? kMostTries : 1;
  Error failure;
  for (int i = 0; i < most_tries; ++i) {
    doors_.clear();
    port_ = port;
    ErrorCode error;
    for (const auto& address : addresses) {
      error = OpenDoor(address, port_);
      if (error && is_default && !doors_.empty() && IsMissing(error)) error = {};
      if (!error) continue;
      failure = Error{Code::kSystem,
                      Cat("[server] cannot listen at ", NameOf(address), " port ", port_, ": ", error.message())};
      break;
    }
    if (!error) break;
    doors_.clear();
    if (error != asio::error::address_in_use) break;
  }
  if (doors_.empty()) return failure;
  std::vector<Place> places;
  for (const Door& door : doors_) places.push_back(door.place);
  return places;
}

void Listener::Start() {
  for (Door& door : doors_) Accept(&door);
}

void Listener::Close() {
  ErrorCode ignored;
  for (Door& door : doors_) {
    door.acceptor.close(ignored);
    door.pause.cancel();
  }
}

void Listener::Accept(Door* door) {
  door->acceptor.async_accept(
      [this, door](const ErrorCode& error, tcp::socket socket) { OnAccepted(door, error, std::move(socket)); });
}

void Listener::OnAccepted(Door* door, const ErrorCode& error, tcp::socket socket) {
  if (carrier_->is_stopping || !door->acceptor.is_open()) return;
  if (!error) {
    LetIn(std::move(socket));
    return Accept(door);
  }
  // Out of descriptors or memory, usually: whoever waits longest makes room, and accepting rests instead of spinning.
  constexpr std::chrono::milliseconds kPause{100};
  DropUseless();
  door->pause.expires_after(kPause);
  door->pause.async_wait([this, door](const ErrorCode& cancelled) {
    if (!cancelled && door->acceptor.is_open()) Accept(door);
  });
}

void Listener::LetIn(tcp::socket socket) {
  const Limits& limits = carrier_->limits;
  if (carrier_->connections.size() >= limits.connections) DropUseless();
  const std::size_t count = carrier_->connections.size();
  if (count >= limits.connections + limits.refused_connections) return;
  auto connection = std::make_shared<Connection>(carrier_, std::move(socket), count >= limits.connections);
  carrier_->connections.insert(connection);
  connection->Start();
}

// Makes room: closes the connection that has kept its place without asking anything for longest, but for at least a
// second. So neither browsers' spare connections nor requests that never come whole keep others out.
void Listener::DropUseless() {
  auto oldest = Connection::Clock::now() - std::chrono::seconds(1);
  std::shared_ptr<Connection> useless;
  for (const auto& connection : carrier_->connections) {
    const auto since = connection->UselessSince();
    if (!since || *since > oldest) continue;
    oldest = *since;
    useless = connection;
  }
  if (useless) useless->Drop();
}

}  // namespace thimble::server
