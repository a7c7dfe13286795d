// SPDX-License-Identifier: Apache-2.0
// Who may ask: decided from a request's first line and headers alone, before a byte of its body is read.
#pragma once

#include "server/api_keys.h"
#include "server/target.h"
#include "service/error_form.h"
#include "service/exchange.h"

#include <optional>
#include <string>
#include <vector>

namespace thimble::server {

// A name under which the server may be called.
struct HostName {
  Authority authority;        // without a port: one that stands for 80 or 443
  bool may_be_https = false;  // something in front of the server may speak TLS under this name
};

// Whoever opens the server's page in a browser reads everything the user may: so every rule here is on always.
struct GateRules {
  std::vector<HostName> hosts;
  std::vector<std::string> origins;     // of foreign pages that may ask, as browsers write them, in lower case
  ApiKeys keys;                         // none: whoever reaches the port may use the APIs
  ApiKeys token;                        // the page's; opens everything. None: /thimble/v1/ stays closed
  std::vector<std::string> open_paths;  // may be read without a key; with '/' at the end: everything below
  bool takes_codes = false;             // kCodePath answers: who asks there has neither key nor token
  std::vector<std::string> pages;       // to which links of other sites may lead: nothing secret is in them
};

// The first line and the headers as they came, the headers' names in lower case.
struct Head {
  std::string method;
  std::string target;
  std::vector<service::Header> headers;
};

struct Verdict {
  std::optional<service::Fault> refusal;
  bool is_wrong_key = false;  // the refusal waits, so that nobody guesses quickly
  bool is_options = false;    // nothing is asked but what may be asked
  bool is_code = false;       // a code is to be exchanged for the token
  std::string path;           // escapes undone; also of refusals, where it could be read
  std::string query;
  std::string foreign_origin;  // of an allowed foreign page, to be named in the answer; empty: none
};

Verdict Judge(const GateRules& rules, const Head& head);

// The answer's headers for pages of `foreign_origin`, an allowed one; to an OPTIONS request with what may be asked.
std::vector<service::Header> ForeignPageHeaders(const std::string& foreign_origin);
std::vector<service::Header> OptionsHeaders(const Verdict& verdict, const Head& head);

// What the page sends its token in, beside "Authorization: Bearer".
inline constexpr std::string_view kTokenHeader = "x-thimble-token";
// POST {"code"} here gives {"token"}.
inline constexpr std::string_view kCodePath = "/thimble/v1/token";
// The page's own routes.
inline constexpr std::string_view kPageRoutes = "/thimble/v1";

}  // namespace thimble::server
