// SPDX-License-Identifier: Apache-2.0
#include "server/request_parser.h"

#include "base/text.h"

#include <string>
#include <utility>

namespace thimble::server {

namespace http = boost::beast::http;

RequestParser::RequestParser(const Limits& limits, BodyTaker take_body)
    : limits_(limits), take_body_(std::move(take_body)) {
  eager(false);
  header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  body_limit(boost::none);  // whoever takes the body counts
}

void RequestParser::Refuse(int status, std::string message, Error* error) {
  fault_.emplace();
  fault_->status = status;
  fault_->message = std::move(message);
  *error = http::error::bad_value;
}

service::Fault RequestParser::FaultOfError(const Error& error) const {
  if (fault_) return *fault_;
  service::Fault fault;
  if (error == http::error::header_limit) {
    fault.status = has_line_ ? 431 : 414;
    fault.message = Cat("the request's ", has_line_ ? "headers have" : "first line has", " at most ",
                        limits_.header_bytes, " bytes");
  } else if (error == http::error::bad_version) {
    fault.status = 400;
    fault.message = "this server speaks HTTP/1.1 and 1.0";
  } else {
    fault.status = 400;
    fault.message = Cat("no well-formed HTTP request: ", error.message());
  }
  return fault;
}

void RequestParser::on_request_impl(http::verb /*method*/, Text method_text, Text target, int version, Error& error) {
  has_line_ = true;
  version_ = version;
  if (target.size() > limits_.target_bytes) {
    Refuse(414, Cat("the request's path has at most ", limits_.target_bytes, " bytes, found ", target.size()), &error);
    return;
  }
  head_.method.assign(method_text.data(), method_text.size());
  head_.target.assign(target.data(), target.size());
}

void RequestParser::on_response_impl(int /*code*/, Text /*reason*/, int /*version*/, Error& /*error*/) {}

void RequestParser::on_field_impl(http::field name, Text name_text, Text value, Error& error) {
  constexpr std::size_t kLineExtra = 4;
  num_header_bytes_ += name_text.size() + value.size() + kLineExtra;
  if (++num_headers_ > limits_.headers || num_header_bytes_ > limits_.header_bytes) {
    Refuse(431, Cat("a request has at most ", limits_.headers, " headers and ", limits_.header_bytes, " bytes of them"),
           &error);
    return;
  }
  if (is_header_done()) return;  // behind a chunked body: what stands there is nobody's word
  if (name == http::field::content_length) {
    // Beast takes several that are equal; what stands between us and the client may not.
    if (std::exchange(has_length_, true) || value.find(',') != Text::npos) {
      Refuse(400, "a request has one Content-Length", &error);
      return;
    }
  }
  std::string value_text(value.data(), value.size());
  if (name == http::field::transfer_encoding && (version_ == 10 || AsciiLower(value_text) != "chunked")) {
    Refuse(400, "a request's Transfer-Encoding is 'chunked', and HTTP/1.1", &error);
    return;
  }
  head_.headers.push_back({AsciiLower({name_text.data(), name_text.size()}), std::move(value_text)});
}

void RequestParser::on_header_impl(Error& /*error*/) {}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, Error& /*error*/) {}

std::size_t RequestParser::on_body_impl(Text body, Error& error) {
  if (!take_body_({body.data(), body.size()})) error = http::error::body_limit;
  return body.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t /*size*/, Text extensions, Error& error) {
  constexpr std::size_t kMostExtensions = 256;
  if (extensions.size() > kMostExtensions) Refuse(400, "chunks' extensions are short here", &error);
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t /*remain*/, Text body, Error& error) {
  return on_body_impl(body, error);
}

void RequestParser::on_finish_impl(Error& /*error*/) {}

}  // namespace thimble::server
