// SPDX-License-Identifier: Apache-2.0
#include "service/error_form.h"

#include "base/text.h"
#include "files/json.h"

namespace thimble::service {

namespace {

std::string OpenAiType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 501:
      return "not_supported_error";
    case 503:
      return "unavailable_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

std::string AnthropicType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string TextOrNull(const std::string& text) { return text.empty() ? "null" : JsonQuote(text); }

bool IsUnder(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace

WholeAnswer MakeError(std::string_view path, const Fault& fault) {
  WholeAnswer answer;
  answer.status = fault.status;
  answer.headers.push_back({"content-type", "application/json"});
  if (IsUnder(path, "/v1/messages")) {
    answer.body = Cat("{\"type\":\"error\",\"error\":{\"type\":", JsonQuote(AnthropicType(fault.status)),
                      ",\"message\":", JsonQuote(fault.message), "}}");
    return answer;
  }
  const std::string type = fault.type.empty() ? OpenAiType(fault.status) : fault.type;
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
