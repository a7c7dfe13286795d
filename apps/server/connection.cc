// SPDX-License-Identifier: Apache-2.0
#include "server/connection.h"

#include "base/text.h"
#include "files/json.h"
#include "server/answer_head.h"
#include "server/open_sockets.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <new>
#include <utility>

namespace thimble::server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using service::Fault;
using service::Header;
using service::WholeAnswer;

namespace {

constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kMostBuffered = 64 << 10;
// What the system may hold for a client that reads slowly; beyond it, we hold it, and the writer notices.
constexpr int kSystemBuffer = 128 << 10;

Fault MakeFault(int status, std::string message) {
  Fault fault;
  fault.status = status;
  fault.message = std::move(message);
  return fault;
}

bool IsSecret(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"authorization", "cookie", "x-api-key", kTokenHeader};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string Hex(std::size_t number) {
  std::string text;
  do {
    text.insert(text.begin(), "0123456789abcdef"[number & 15]);
    number >>= 4;
  } while (number > 0);
  return text;
}

}  // namespace

Connection::Connection(Carrier* carrier, asio::ip::tcp::socket socket, bool is_surplus)
    : carrier_(carrier),
      socket_(std::move(socket)),
      delay_(carrier->io),
      is_surplus_(is_surplus),
      buffer_(kMostBuffered) {}

void Connection::Start() {
  Error ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::send_buffer_size(kSystemBuffer), ignored);
  NextRequest();
}

// --- reading ---

void Connection::Read() {
  if (is_reading_ || has_ended_ || state_ == State::kClosed || buffer_.size() >= kMostBuffered) return;
  is_reading_ = true;
  const auto space = buffer_.prepare(std::min(kReadBytes, kMostBuffered - buffer_.size()));
  socket_.async_read_some(space, [self = shared_from_this()](const Error& error, std::size_t num_bytes) {
    self->OnRead(error, num_bytes);
  });
}

void Connection::OnRead(const Error& error, std::size_t num_bytes) {
  is_reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) {
    has_ended_ = true;
    if (error != asio::error::eof) return Drop();
    return OnEnd();
  }
  buffer_.commit(num_bytes);
  read_at_ = Clock::now();
  if (state_ == State::kHead && !has_first_byte_) {
    has_first_byte_ = true;
    since_ = read_at_;
  }
  Process();
  Read();
}

// Whoever sends nothing any more is taken to have left: programs that end one direction only, and go on reading a long
// answer, cannot be told from those that are gone.
void Connection::OnEnd() {
  if (state_ == State::kAnswering && answer_->has_ended()) return;
  Drop();
}

void Connection::Process() {
  try {
    while (ParseSome()) {
    }
  } catch (const std::bad_alloc&) {
    Drop();
  }
}

bool Connection::ParseSome() {
  if (state_ == State::kLingering) buffer_.consume(buffer_.size());
  if ((state_ != State::kHead && state_ != State::kBody) || buffer_.size() == 0) return false;
  Error error;
  buffer_.consume(parser_->put(buffer_.data(), error));
  if (body_fault_) {
    RespondFault(*body_fault_, true);
  } else if (error == http::error::need_more) {
    if (buffer_.size() >= kMostBuffered) RespondFault(MakeFault(400, "a line of the request has no end"), true);
    return false;
  } else if (error) {
    RespondFault(parser_->FaultOfError(error), true);
  } else {
    if (state_ == State::kHead && parser_->is_header_done()) OnHead();
    if (state_ == State::kBody && parser_->is_done()) OnRequest();
  }
  return true;
}

void Connection::NextRequest() {
  state_ = State::kHead;
  since_ = read_at_ = Clock::now();
  has_first_byte_ = buffer_.size() > 0;
  parser_.emplace(carrier_->limits, [this](std::string_view piece) { return TakeBody(piece); });
  request_ = {};
  num_body_bytes_ = 0;
  body_fault_.reset();
  is_head_ = is_code_ = closes_ = false;
  foreign_origin_.clear();
  Process();
  if ((state_ == State::kHead || state_ == State::kBody) && has_ended_) return Drop();
  Read();
}

// The verdict on a request that is not handed over.
std::optional<WholeAnswer> Connection::Judged(const Verdict& verdict) {
  if (is_surplus_) {
    WholeAnswer answer = MakeError(verdict.path, MakeFault(503, "too many connections are open"));
    answer.headers.push_back({"retry-after", "1"});
    return answer;
  }
  if (verdict.refusal) {
    WholeAnswer answer = MakeError(verdict.path, *verdict.refusal);
    if (verdict.is_wrong_key) answer.headers.push_back({"www-authenticate", "Bearer"});
    if (verdict.refusal->status == 405) {
      answer.headers.push_back(OptionsHeaders(Verdict(), parser_->head()).front());
    }
    return answer;
  }
  if (verdict.is_options) return WholeAnswer{204, OptionsHeaders(verdict, parser_->head()), ""};
  return std::nullopt;
}

void Connection::OnHead() {
  const Head& head = parser_->head();
  ++num_requests_;
  const bool has_body = !parser_->is_done();
  is_head_ = head.method == "HEAD";
  Verdict verdict = Judge(carrier_->rules, head);
  foreign_origin_ = verdict.foreign_origin;
  if (const auto answer = Judged(verdict)) {
    const bool closes = has_body || is_surplus_;
    if (!verdict.is_wrong_key || is_surplus_) return Respond(*answer, closes);
    return RespondLater(*answer, closes, carrier_->failures.Next(Clock::now()));
  }
  request_.method = is_head_ ? "GET" : head.method;
  request_.path = std::move(verdict.path);
  request_.query = std::move(verdict.query);
  for (const Header& header : head.headers) {
    if (!IsSecret(header.name)) request_.headers.push_back(header);
  }
  is_code_ = verdict.is_code;
  if (const auto refusal = CheckBody(has_body)) return Respond(*refusal, has_body);
  state_ = State::kBody;
  since_ = Clock::now();
}

// What the service, and we, say of the body before it comes.
std::optional<WholeAnswer> Connection::CheckBody(bool has_body) {
  const std::string* expected = request_.FindHeader("expect");
  const bool is_waiting = expected != nullptr && boost::beast::iequals(*expected, "100-continue");
  if (expected != nullptr && !is_waiting) {
    return MakeError(request_.path, MakeFault(417, "the only thing to expect is 100-continue"));
  }
  if (const auto fault = is_code_ ? CheckPeer() : std::nullopt) return MakeError(request_.path, *fault);
  constexpr std::uint64_t kMostCodeBytes = 1024;
  service::BodyRule rule;
  rule.most_bytes = kMostCodeBytes;
  if (!is_code_) rule = carrier_->handler->Expect(request_);
  if (rule.refusal) return std::move(rule.refusal);
  most_body_bytes_ = rule.most_bytes;
  receiver_ = std::move(rule.receiver);
  const auto length = parser_->content_length();
  if (length && *length > most_body_bytes_) {
    receiver_.reset();
    return MakeError(request_.path,
                     MakeFault(413, Cat("this body has at most ", most_body_bytes_, " bytes, found ", *length)));
  }
  if (is_waiting && has_body && buffer_.size() == 0 && !parser_->is_old_http()) {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    Send();
  }
  return std::nullopt;
}

// Called by the parser, which stops when this is false.
bool Connection::TakeBody(std::string_view piece) {
  num_body_bytes_ += piece.size();
  if (num_body_bytes_ > most_body_bytes_) {
    return RefuseBody(413, Cat("this body has at most ", most_body_bytes_, " bytes, found more"));
  }
  if (receiver_) {
    const Status taken = receiver_->Take({reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()});
    if (taken.ok()) return true;
    body_fault_ = service::FaultOf(taken.error());
    if (const int status = receiver_->FailureStatus(); status != 0) body_fault_->status = status;
    return false;
  }
  if (piece.size() >
      carrier_->limits.body_memory_bytes - std::min(carrier_->body_bytes, carrier_->limits.body_memory_bytes)) {
    return RefuseBody(503, "too many large requests are being read at once");
  }
  carrier_->body_bytes += piece.size();
  num_held_bytes_ += piece.size();
  request_.body.append(piece);
  return true;
}

bool Connection::RefuseBody(int status, std::string message) {
  body_fault_ = MakeFault(status, std::move(message));
  return false;
}

void Connection::ForgetBody() {
  carrier_->body_bytes -= std::exchange(num_held_bytes_, 0);
  request_.body = std::string();
  receiver_.reset();
}

// Of another user's program, who may have read the code where it was an argument. Where the system does not tell whose
// a socket is, whoever has the code first has it.
std::optional<Fault> Connection::CheckPeer() const {
  Error error;
  const auto ours = socket_.local_endpoint(error);
  const auto theirs = error ? ours : socket_.remote_endpoint(error);
  const auto refusal = MakeFault(403, "only the programs of the user whose server this is may exchange a code");
  if (error || !theirs.address().is_loopback()) return refusal;
  const auto name = [](const asio::ip::tcp::endpoint& end) {
    const std::string address = end.address().to_string();
    return end.address().is_v6() ? Cat("[", address, "]:", end.port()) : Cat(address, ":", end.port());
  };
  const SocketOwner owner = OwnerOfPeer(name(ours), name(theirs));
  constexpr std::uint32_t kRoot = 0;  // who may read the token itself
  if (!owner.is_known || owner.user == geteuid() || owner.user == kRoot) return std::nullopt;
  return refusal;
}

void Connection::ExchangeCode() {
  const auto body = Json::Parse(request_.body, "code");
  const Json* const code = body.ok() ? body.value().Find("code") : nullptr;
  if (code == nullptr || !code->IsString())
    return RespondFault(MakeFault(400, "the body is {\"code\": \"...\"}"), false);
  switch (carrier_->codes->Take(code->text(), static_cast<std::int64_t>(std::time(nullptr)))) {
    case OpeningCodes::Verdict::kRight:
      return Respond(service::JsonAnswer(Json::Object({{"token", Json::String(carrier_->codes->token())}}).Dump()),
                     false);
    case OpeningCodes::Verdict::kTooMany:
      return RespondFault(MakeFault(429, "too many codes were wrong: open the address that thimble serve prints"),
                          false);
    default: {
      const auto fault = MakeFault(401,
                                   "this code was used, is older than a minute, or is none of this server's: "
                                   "open the address that thimble serve prints");
      return RespondLater(MakeError(request_.path, fault), false, carrier_->failures.Next(Clock::now()));
    }
  }
}

void Connection::OnRequest() {
  if (is_code_) return ExchangeCode();
  state_ = State::kAnswering;
  since_ = Clock::now();
  closes_ = closes_ || !parser_->keep_alive();
  answer_ = NewAnswer();
  carrier_->body_bytes -= std::exchange(num_held_bytes_, 0);
  request_id_ = carrier_->handler->Submit(std::move(request_), std::move(receiver_), answer_);
  if (has_ended_ && !answer_->has_ended()) return Drop();
  Flush();
}

// --- answering ---

std::shared_ptr<Answer> Connection::NewAnswer() {
  is_chunked_ = ends_ = false;
  has_body_ = true;
  // Runs on the writer's thread, which must not come to own the connection.
  auto wake = [io = &carrier_->io, connection = weak_from_this()] {
    asio::post(*io, [connection] {
      if (const auto self = connection.lock()) self->Flush();
    });
  };
  return std::make_shared<Answer>(carrier_->limits.full_bytes, carrier_->limits.most_waiting_bytes, std::move(wake));
}

void Connection::Respond(const WholeAnswer& answer, bool closes) {
  ForgetBody();
  state_ = State::kAnswering;
  since_ = Clock::now();
  closes_ = closes || !parser_->is_header_done() || !parser_->keep_alive();
  request_id_.reset();
  answer_ = NewAnswer();
  answer_->Begin(answer.status, answer.headers);
  answer_->Part(answer.body);
  answer_->End();
  Flush();
}

void Connection::RespondFault(const Fault& fault, bool closes) { Respond(MakeError(request_.path, fault), closes); }

void Connection::RespondLater(const WholeAnswer& answer, bool closes, Clock::duration delay) {
  if (delay <= Clock::duration::zero()) return Respond(answer, closes);
  state_ = State::kDelaying;
  delay_.expires_after(delay);
  delay_.async_wait([self = shared_from_this(), answer, closes](const Error& error) {
    if (!error && self->state_ == State::kDelaying) self->Respond(answer, closes);
  });
}

void Connection::Flush() {
  if (state_ != State::kAnswering || !answer_) return;
  if (answer_->is_broken()) return Drop();
  if (is_sending_) return;
  const auto batch = answer_->Take();
  if (!batch) return;
  out_.clear();
  if (batch->begins) BeginAnswer(*batch);
  Frame(*batch);
  ends_ = batch->ends;
  if (is_head_ && !ends_) {  // nobody reads the rest
    ends_ = true;
    answer_->Detach();
    if (request_id_) carrier_->handler->Cancel(*std::exchange(request_id_, std::nullopt));
  }
  if (!out_.empty()) return Send();
  answer_->Sent();
  if (ends_) return FinishAnswer();
}

void Connection::BeginAnswer(const Answer::Batch& batch) {
  has_body_ = !is_head_ && batch.status != 204 && batch.status != 304;
  is_chunked_ = has_body_ && !batch.length && !parser_->is_old_http();
  if (has_body_ && !batch.length && !is_chunked_) closes_ = true;  // the connection's end is the body's
  if (carrier_->is_stopping) closes_ = true;
  HeadFacts facts;
  facts.status = batch.status;
  facts.length = batch.length;
  facts.is_chunked = is_chunked_;
  facts.closes = closes_;
  facts.keeps = parser_->is_old_http();
  std::vector<Header> headers = batch.headers;
  const auto for_pages = ForeignPageHeaders(foreign_origin_);
  headers.insert(headers.end(), for_pages.begin(), for_pages.end());
  out_ = WriteHead(facts, headers);
}

void Connection::Frame(const Answer::Batch& batch) {
  if (!has_body_) return;
  if (!is_chunked_) {
    out_ += batch.bytes;
    return;
  }
  if (!batch.bytes.empty()) out_ += Cat(Hex(batch.bytes.size()), "\r\n", batch.bytes, "\r\n");
  if (batch.ends) out_ += "0\r\n\r\n";
}

void Connection::Send() {
  is_sending_ = true;
  num_sent_ = 0;
  taken_at_ = Clock::now();
  SendSome();
}

// One buffer at a time: Asio then uses send() and not sendmsg(), which the sandbox refuses.
void Connection::SendSome() {
  socket_.async_write_some(
      asio::const_buffer(out_.data() + num_sent_, out_.size() - num_sent_),
      [self = shared_from_this()](const Error& error, std::size_t num_bytes) { self->OnSent(error, num_bytes); });
}

void Connection::OnSent(const Error& error, std::size_t num_bytes) {
  if (state_ == State::kClosed) return;
  if (error) return Drop();
  num_sent_ += num_bytes;
  taken_at_ = Clock::now();
  if (num_sent_ < out_.size()) return SendSome();
  is_sending_ = false;
  if (state_ != State::kAnswering) return;  // it was the "100 Continue"
  answer_->Sent();
  if (ends_) return FinishAnswer();
  Flush();
}

void Connection::FinishAnswer() {
  answer_->Detach();
  answer_.reset();
  request_id_.reset();
  if (closes_ || carrier_->is_stopping) return Linger();
  NextRequest();
}

// Closing while the client still sends would take the answer from it, unread.
void Connection::Linger() {
  state_ = State::kLingering;
  since_ = Clock::now();
  Error ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  buffer_.consume(buffer_.size());
  if (has_ended_) return Drop();
  Read();
}

// --- ending ---

void Connection::Drop() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  ForgetBody();
  Error ignored;
  socket_.close(ignored);
  delay_.cancel();
  carrier_->connections.erase(self);
  if (!answer_) return;
  const bool is_wanted = answer_->has_ended();
  answer_->Detach();
  answer_.reset();
  if (request_id_ && !is_wanted) carrier_->handler->Cancel(*request_id_);
}

void Connection::Stop() {
  if (state_ == State::kLingering || (state_ == State::kAnswering && answer_->has_ended())) return;
  Drop();
}

std::optional<Connection::Clock::time_point> Connection::UselessSince() const {
  constexpr std::chrono::seconds kGrace{4};  // bodies come over worse ways than headers, which are one packet
  if (state_ == State::kHead) return since_;
  if (state_ == State::kBody) return read_at_ + kGrace;
  return std::nullopt;
}

// Whether the client has closed, where nothing is read any more since the buffer is full.
bool Connection::HasLeft() {
#ifdef POLLRDHUP
  constexpr short kGone = POLLRDHUP | POLLHUP | POLLERR;
#else
  constexpr short kGone = POLLHUP | POLLERR;
#endif
  pollfd asked{socket_.native_handle(), kGone, 0};
  return poll(&asked, 1, 0) > 0 && (asked.revents & kGone) != 0;
}

void Connection::Tick(Clock::time_point now) {
  const Limits& limits = carrier_->limits;
  switch (state_) {
    case State::kHead: {
      const bool is_between = num_requests_ > 0 && !has_first_byte_;
      const auto limit =
          is_between ? limits.idle : (is_surplus_ ? std::min(limits.header, limits.linger) : limits.header);
      if (now - since_ > limit) Drop();
      return;
    }
    case State::kBody: {
      const std::chrono::seconds earned(num_body_bytes_ / limits.slowest_body);
      if (now - read_at_ > limits.body || now - since_ > limits.body + earned) {
        RespondFault(MakeFault(408, "the request's body did not come in time"), true);
      }
      return;
    }
    case State::kAnswering:
      if (is_sending_ && now - taken_at_ > limits.stalled) return Drop();
      if (!is_reading_ && !has_ended_ && !answer_->has_ended() && HasLeft()) Drop();
      return;
    case State::kLingering:
      if (now - since_ > limits.linger) Drop();
      return;
    case State::kDelaying:
    case State::kClosed:
      return;
  }
}

}  // namespace thimble::server
