// SPDX-License-Identifier: Apache-2.0
// Connection: one client. Reads a request, has it judged and answered, and goes on with the next one.
#pragma once

#include "server/answer.h"
#include "server/carrier.h"
#include "server/request_parser.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace thimble::server {

// Lives on the I/O thread; other threads know its Answer only. It reads also while it answers, since that is how a
// client's leaving shows; what it reads then waits in a buffer of 64 KiB for its turn.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  // `is_surplus`: there are too many, this one is told so.
  Connection(Carrier* carrier, boost::asio::ip::tcp::socket socket, bool is_surplus);

  void Start();
  // Looks at the deadlines; every 250 ms or so.
  void Tick(Clock::time_point now);
  // The server stops: answers that are whole already are sent, nothing else.
  void Stop();
  // Closes at once; whoever writes the answer learns of it.
  void Drop();
  // Since when it keeps its place without asking anything; nullopt: it is in use.
  [[nodiscard]] std::optional<Clock::time_point> UselessSince() const;

 private:
  using Error = boost::beast::error_code;
  enum class State {
    kHead,       // waits for a request, or is reading its headers
    kBody,       // reads its body
    kDelaying,   // lets a client with a wrong key wait
    kAnswering,  // has handed it over, or sends the answer
    kLingering,  // has said everything, and lets the client read it
    kClosed,
  };

  void Read();
  void OnRead(const Error& error, std::size_t num_bytes);
  void OnEnd();
  void Process();
  // One step of the parser; false: more bytes are needed, or the request is whole.
  bool ParseSome();
  void NextRequest();
  void OnHead();
  [[nodiscard]] std::optional<service::WholeAnswer> Judged(const Verdict& verdict);
  [[nodiscard]] std::optional<service::WholeAnswer> CheckBody(bool has_body);
  bool TakeBody(std::string_view piece);
  [[nodiscard]] std::optional<service::Fault> CheckPeer() const;
  void ExchangeCode();
  bool RefuseBody(int status, std::string message);
  void OnRequest();
  void ForgetBody();

  [[nodiscard]] std::shared_ptr<Answer> NewAnswer();
  void Respond(const service::WholeAnswer& answer, bool closes);
  void RespondFault(const service::Fault& fault, bool closes);
  void RespondLater(const service::WholeAnswer& answer, bool closes, Clock::duration delay);
  void Flush();
  void Frame(const Answer::Batch& batch);
  void BeginAnswer(const Answer::Batch& batch);
  void Send();
  void SendSome();
  void OnSent(const Error& error, std::size_t num_bytes);
  void FinishAnswer();
  void Linger();
  [[nodiscard]] bool HasLeft();

  Carrier* const carrier_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer delay_;
  const bool is_surplus_;
  State state_ = State::kHead;
  Clock::time_point since_;     // of the state
  Clock::time_point read_at_;   // last time a byte came
  Clock::time_point taken_at_;  // last time the client took a byte
  int num_requests_ = 0;

  boost::beast::flat_buffer buffer_;
  bool is_reading_ = false;
  bool has_ended_ = false;       // the client sends nothing any more
  bool has_first_byte_ = false;  // of the request

  // The request.
  std::optional<RequestParser> parser_;
  service::Request request_;
  std::unique_ptr<service::BodyReceiver> receiver_;
  std::uint64_t most_body_bytes_ = 0;
  std::uint64_t num_body_bytes_ = 0;
  std::size_t num_held_bytes_ = 0;  // of carrier_->body_bytes
  std::optional<service::Fault> body_fault_;
  bool is_head_ = false;
  bool is_code_ = false;  // what opens the page is exchanged for the token

  // The answer.
  std::shared_ptr<Answer> answer_;
  std::optional<service::RequestId> request_id_;
  std::string foreign_origin_;
  bool closes_ = false;  // the connection ends behind this answer
  bool is_chunked_ = false;
  bool has_body_ = true;  // HEAD, 204 and 304 have none
  bool ends_ = false;     // with what is being sent
  bool is_sending_ = false;
  std::string out_;
  std::size_t num_sent_ = 0;
};

}  // namespace thimble::server
