// SPDX-License-Identifier: Apache-2.0
#include "service/error_form.h"

#include "base/text.h"
#include "files/json.h"

namespace thimble::service {

namespace {

// What the two APIs call a fault with this status.
struct TypeNames {
  int status;
  std::string_view openai;
  std::string_view anthropic;
};
constexpr TypeNames kTypes[] = {
    {401, "authentication_error", "authentication_error"}, {403, "permission_error", "permission_error"},
    {404, "not_found_error", "not_found_error"},           {413, "invalid_request_error", "request_too_large"},
    {429, "rate_limit_error", "rate_limit_error"},         {501, "not_supported_error", "api_error"},
    {503, "unavailable_error", "overloaded_error"},
};

TypeNames TypesOf(int status) {
  for (const TypeNames& names : kTypes) {
    if (names.status == status) return names;
  }
  if (status < 500) return {status, "invalid_request_error", "invalid_request_error"};
  return {status, "server_error", "api_error"};
}

std::string TextOrNull(const std::string& text) { return text.empty() ? "null" : JsonQuote(text); }

bool IsUnder(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace

WholeAnswer MakeError(std::string_view path, const Fault& fault) {
  WholeAnswer answer = JsonAnswer("", fault.status);
  if (IsUnder(path, "/v1/messages")) {
    answer.body = Cat("{\"type\":\"error\",\"error\":{\"type\":", JsonQuote(TypesOf(fault.status).anthropic),
                      ",\"message\":", JsonQuote(fault.message), "}}");
    return answer;
  }
  const std::string_view type = fault.type.empty() ? TypesOf(fault.status).openai : fault.type;
  answer.body = Cat("{\"error\":{\"message\":", JsonQuote(fault.message), ",\"type\":", JsonQuote(type),
                    ",\"param\":", TextOrNull(fault.param), ",\"code\":", TextOrNull(fault.code), "}}");
  return answer;
}

Fault FaultOf(const Error& error) {
  Fault fault;
  fault.message = error.message;
  switch (error.code) {
    case Code::kInvalid:
    case Code::kUnsupported:
    case Code::kCorrupt:
    case Code::kNotFound:
      fault.status = 400;
      break;
    case Code::kExhausted:
      fault.status = 503;
      break;
    default:
      fault.status = 500;
  }
  return fault;
}

}  // namespace thimble::service
