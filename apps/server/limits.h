// SPDX-License-Identifier: Apache-2.0
// What one client may ask of the server before it is refused, waited for no longer, or cut off.
#pragma once

#include <chrono>
#include <cstddef>

namespace thimble::server {

struct Limits {
  using Milliseconds = std::chrono::milliseconds;

  std::size_t target_bytes = 8192;            // of the path with its query: more is 414
  std::size_t header_bytes = 16384;           // of all header lines: more is 431
  std::size_t headers = 100;                  // more is 431
  std::size_t connections = 256;              // the next ones get 503
  std::size_t refused_connections = 64;       // that many at once; more are closed without a word
  std::size_t body_memory_bytes = 256 << 20;  // of all requests' bodies that are being read: more is 503
  std::size_t full_bytes = 256 << 10;         // waiting for one client: AnswerSink::IsFull
  std::size_t most_waiting_bytes = 64 << 20;  // a writer who does not look at IsFull is cut off here
  std::size_t slowest_body = 1024;            // bytes a second, on average, after `body`

  Milliseconds header{10'000};   // from the first byte of a request to the end of its headers
  Milliseconds body{30'000};     // without a byte of the body
  Milliseconds idle{60'000};     // between two requests
  Milliseconds stalled{60'000};  // a client that takes nothing of what waits for it
  Milliseconds linger{2'000};    // a client reading an answer behind which the connection ends
  Milliseconds shutdown{1'000};  // whole answers on their way when the server stops
};

}  // namespace thimble::server
