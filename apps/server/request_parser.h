// SPDX-License-Identifier: Apache-2.0
// Beast's parser with our limits, and without what two servers could read differently.
#pragma once

#include "server/gate.h"
#include "server/limits.h"
#include "server/network.h"

#include <functional>
#include <optional>
#include <string_view>

namespace thimble::server {

class RequestParser : public boost::beast::http::basic_parser<true> {
 public:
  using Error = boost::beast::error_code;
  // Is given the body, piece by piece; false: no more of it.
  using BodyTaker = std::function<bool(std::string_view)>;

  RequestParser(const Limits& limits, BodyTaker take_body);

  // Whole once is_header_done().
  [[nodiscard]] const Head& head() const { return head_; }
  [[nodiscard]] bool is_old_http() const { return version_ == 10; }
  // What the client did wrong, of an error that put() gave.
  [[nodiscard]] service::Fault FaultOfError(const Error& error) const;

 private:
  using Text = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb method, Text method_text, Text target, int version,
                       Error& error) override;
  void on_response_impl(int code, Text reason, int version, Error& error) override;
  void on_field_impl(boost::beast::http::field name, Text name_text, Text value, Error& error) override;
  void on_header_impl(Error& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error& error) override;
  std::size_t on_body_impl(Text body, Error& error) override;
  void on_chunk_header_impl(std::uint64_t size, Text extensions, Error& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, Text body, Error& error) override;
  void on_finish_impl(Error& error) override;
  void Refuse(int status, std::string message, Error* error);

  const Limits& limits_;
  BodyTaker take_body_;
  Head head_;
  int version_ = 11;
  bool has_line_ = false;
  bool has_length_ = false;
  std::size_t num_header_bytes_ = 0;
  std::size_t num_headers_ = 0;
  std::optional<service::Fault> fault_;
};

}  // namespace thimble::server
