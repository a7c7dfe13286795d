// SPDX-License-Identifier: Apache-2.0
// Listener: takes the port, and lets connections in as long as there are not too many.
#pragma once

#include "base/result.h"
#include "server/carrier.h"

#include <cstdint>
#include <list>
#include <string>
#include <vector>

namespace thimble::server {

class Listener {
 public:
  explicit Listener(Carrier* carrier);

  struct Place {
    std::string host_name;  // the address as it stands in URLs: "127.0.0.1", "[::1]"
    bool is_loopback = false;
  };
  // Server::Listen's rules. Where it listens, at least one place.
  Result<std::vector<Place>> Open(const std::vector<std::string>& addresses, std::uint16_t port, bool has_keys);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Lets connections in from now on.
  void Start();
  void Close();

 private:
  using ErrorCode = boost::system::error_code;
  struct Door {
    boost::asio::ip::tcp::acceptor acceptor;
    boost::asio::steady_timer pause;
    Place place;
  };
  [[nodiscard]] Result<std::vector<boost::asio::ip::address>> ReadAddresses(const std::vector<std::string>& texts,
                                                                            bool has_keys) const;
  ErrorCode OpenDoor(const boost::asio::ip::address& address, std::uint16_t port);
  void Accept(Door* door);
  void OnAccepted(Door* door, const ErrorCode& error, boost::asio::ip::tcp::socket socket);
  void LetIn(boost::asio::ip::tcp::socket socket);
  void DropUseless();

  Carrier* const carrier_;
  std::list<Door> doors_;
  std::uint16_t port_ = 0;
};

}  // namespace thimble::server
