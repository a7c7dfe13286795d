// SPDX-License-Identifier: Apache-2.0
// What a carrier (TCP, a browser's worker, a phone's child process) and the service say to each other: requests in the
// words of HTTP, answers as streams of parts. A carrier knows who asks and whether they may; the service trusts it.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

struct Header {
  std::string name;  // in lower case
  std::string value;
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // "/v1/models": without the query, its escapes undone
  std::string query;   // what stands behind '?', as it came
  std::vector<Header> headers;
  std::string body;

  // The first header of this name (in lower case); nullptr: there is none.
  [[nodiscard]] const std::string* FindHeader(std::string_view name) const;
};

// Where an answer goes. The service calls Begin, then Part any number of times, then End, each outside its locks, from
// one thread at a time; after a Cancel none of them any more, or what was under way. None of them waits. In any of them
// the service may be called.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void Begin(int status, std::vector<Header> headers) = 0;
  virtual void Part(std::string_view bytes) = 0;
  virtual void End() = 0;
  // More waits to be taken than the carrier likes to keep: whoever writes this answer should wait. Any thread.
  [[nodiscard]] virtual bool IsFull() const = 0;
};

// Takes a body that is too large for memory, piece by piece.
class BodyReceiver {
 public:
  virtual ~BodyReceiver() = default;
  // An error ends the request: the rest of the body is not read, and the answer says it.
  virtual Status Take(std::span<const std::uint8_t> piece) = 0;
  // The answer's status for Take's error; 0: what the error's code says.
  [[nodiscard]] virtual int FailureStatus() const { return 0; }
};

// An answer that is whole already.
struct WholeAnswer {
  int status = 200;
  std::vector<Header> headers;
  std::string body;
};

// An answer whose body is JSON.
WholeAnswer JsonAnswer(std::string body, int status = 200);

// What is to be done with a request's body, before any of it is read.
struct BodyRule {
  std::uint64_t most_bytes = 0;            // more is 413
  std::unique_ptr<BodyReceiver> receiver;  // nullptr: the body becomes Request::body
  std::optional<WholeAnswer> refusal;      // given instead; nothing is read
};

using RequestId = std::uint64_t;

// The service, as carriers see it. Any thread may call.
class Handler {
 public:
  virtual ~Handler() = default;
  // Of a request without its body, in well under a millisecond.
  virtual BodyRule Expect(const Request& head) = 0;
  // The whole request; `received` is what Expect gave for the body. What needs no engine is answered before this
  // returns, within some 20 ms; everything else later, from another thread. Never fails: errors are answers.
  virtual RequestId Submit(Request request, std::unique_ptr<BodyReceiver> received,
                           std::shared_ptr<AnswerSink> sink) = 0;
  // Nobody waits for this answer any more. Ids that are unknown or answered are ignored.
  virtual void Cancel(RequestId id) = 0;
};

}  // namespace thimble::service
