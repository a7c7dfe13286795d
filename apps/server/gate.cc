// SPDX-License-Identifier: Apache-2.0
#include "server/gate.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace thimble::server {

namespace {

using service::Fault;
using service::Header;

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

std::vector<std::string_view> Values(const Head& head, std::string_view name) {
  std::vector<std::string_view> values;
  for (const Header& header : head.headers) {
    if (header.name == name) values.push_back(Trim(header.value));
  }
  return values;
}

Fault Refuse(int status, std::string message) {
  Fault fault;
  fault.status = status;
  fault.message = std::move(message);
  return fault;
}

// What somebody sent, in our answer to them.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  const bool is_long = text.size() > kLongest;
  return Cat("'", EscapeControls(text.substr(0, kLongest)), is_long ? "...'" : "'");
}

bool IsPortOf(const Authority& ours, const Authority& theirs) {
  if (ours.port == theirs.port) return true;
  // A name without a port means the scheme's own, which only what stands in front of us knows.
  const auto is_default = [](const Authority& authority) {
    return !authority.port || authority.port == kHttpPort || authority.port == kHttpsPort;
  };
  return is_default(ours) && is_default(theirs) && (!ours.port || !theirs.port);
}

// The one Host, which must be one of ours: names that anybody can point at this machine are not (DNS rebinding).
std::optional<Fault> CheckHost(const GateRules& rules, const Head& head, const HostName** found, Authority* host) {
  const auto values = Values(head, "host");
  if (values.size() != 1) return Refuse(400, Cat("a request has one Host header, found ", values.size()));
  auto read = ReadAuthority(values[0]);
  if (!read.ok()) return Refuse(400, read.error().message);
  *host = std::move(read).value();
  bool is_name_ours = false;
  for (const HostName& ours : rules.hosts) {
    if (ours.authority.name != host->name) continue;
    is_name_ours = true;
    if (!IsPortOf(ours.authority, *host)) continue;
    *found = &ours;
    return std::nullopt;
  }
  if (is_name_ours) return Refuse(421, Cat("this server has another port than Host ", Quoted(values[0])));
  return Refuse(403, Cat("this server is not called ", Quoted(host->name),
                         "; if it is yours, start it with --allow-host ", EscapeControls(host->name)));
}

// Pages of our own are those that we gave under the very name that is asked now.
bool IsOwnOrigin(std::string_view origin, const HostName& ours, const Authority& host) {
  const bool is_https = origin.starts_with("https://");
  if (!is_https && !origin.starts_with("http://")) return false;
  if (is_https && !ours.may_be_https) return false;
  const auto authority = ReadAuthority(origin.substr(origin.find("//") + 2));
  if (!authority.ok() || authority.value().name != host.name) return false;
  const std::uint16_t scheme_port = is_https ? kHttpsPort : kHttpPort;
  return authority.value().port.value_or(scheme_port) == host.port.value_or(scheme_port);
}

// Somebody followed a link to one of our pages: it becomes a whole window of its own. Frames, scripts, pictures and
// what pages fetch say so, and are none.
bool IsFollowedLink(const GateRules& rules, const Head& head, std::string_view path) {
  const auto is_only = [&](std::string_view name, std::string_view value) {
    const auto values = Values(head, name);
    return values.size() == 1 && values[0] == value;
  };
  return head.method == "GET" && Values(head, "origin").empty() &&
         std::find(rules.pages.begin(), rules.pages.end(), path) != rules.pages.end() &&
         (is_only("sec-fetch-site", "cross-site") || is_only("sec-fetch-site", "same-site")) &&
         is_only("sec-fetch-mode", "navigate") && is_only("sec-fetch-dest", "document");
}

std::optional<Fault> CheckOrigin(const GateRules& rules, const Head& head, const HostName& ours, const Authority& host,
                                 Verdict* verdict) {
  const auto origins = Values(head, "origin");
  if (origins.size() > 1) return Refuse(400, "a request has at most one Origin header");
  if (!origins.empty()) {
    const std::string origin = AsciiLower(origins[0]);
    if (std::find(rules.origins.begin(), rules.origins.end(), origin) != rules.origins.end()) {
      verdict->foreign_origin = origins[0];
      return std::nullopt;
    }
    if (!IsOwnOrigin(origin, ours, host)) {
      return Refuse(403, Cat("pages of ", Quoted(origins[0]),
                             " may not ask this server; if you trust them, start it with ", "--allow-origin"));
    }
  }
  if (IsFollowedLink(rules, head, verdict->path)) return std::nullopt;
  for (const std::string_view site : Values(head, "sec-fetch-site")) {
    if (site != "same-origin" && site != "none") {
      return Refuse(403, Cat("a page of another site (Sec-Fetch-Site: ", Quoted(site),
                             ") may not ask this server; if you trust it, start it with --allow-origin"));
    }
  }
  return std::nullopt;
}

std::optional<Fault> CheckTarget(const Head& head, const HostName& ours, const Authority& host, Verdict* verdict) {
  auto target = ReadTarget(head.target);
  if (!target.ok()) return Refuse(400, target.error().message);
  const auto& authority = target.value().authority;
  if (authority && (authority->name != host.name || !IsPortOf(ours.authority, *authority))) {
    return Refuse(421, "the request's first line and its Host header name different servers");
  }
  if (target.value().path == "*" && head.method != "OPTIONS") return Refuse(400, "[path] begins with '/'");
  verdict->path = std::move(target.value().path);
  verdict->query = std::move(target.value().query);
  return std::nullopt;
}

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// A form on a foreign page can send every type but this one without asking first.
std::optional<Fault> CheckContent(const Head& head) {
  for (const std::string_view coding : Values(head, "content-encoding")) {
    if (AsciiLower(coding) != "identity")
      return Refuse(415, Cat("bodies are sent as they are, found content-encoding ", Quoted(coding)));
  }
  if (head.method != "POST") return std::nullopt;
  const auto types = Values(head, "content-type");
  const std::string_view type = types.size() == 1 ? types[0] : std::string_view();
  if (AsciiLower(Trim(type.substr(0, type.find(';')))) == "application/json") return std::nullopt;
  return Refuse(
      415, Cat("the body's content-type is application/json, found ", type.empty() ? "none or several" : Quoted(type)));
}

bool IsUnder(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

bool IsOpen(const GateRules& rules, const Head& head, std::string_view path) {
  if (head.method != "GET" && head.method != "HEAD") return false;
  return std::any_of(rules.open_paths.begin(), rules.open_paths.end(), [&](const std::string& open) {
    return path == open || (open.size() > 1 && open.ends_with('/') && path.starts_with(open));
  });
}

// Everything a client may have put its key into; never the address, which is kept in histories and logs.
std::vector<std::string_view> ShownKeys(const Head& head, bool for_page) {
  constexpr std::string_view kBearer = "bearer ";
  constexpr std::size_t kMostKeys = 4;
  std::vector<std::string_view> keys;
  for (const std::string_view value : Values(head, "authorization")) {
    if (AsciiLower(value.substr(0, kBearer.size())) == kBearer) keys.push_back(Trim(value.substr(kBearer.size())));
  }
  for (const std::string_view value : Values(head, for_page ? kTokenHeader : "x-api-key")) keys.push_back(value);
  if (!for_page) {
    for (const std::string_view value : Values(head, kTokenHeader)) keys.push_back(value);
  }
  if (keys.size() > kMostKeys) keys.clear();
  return keys;
}

std::optional<Fault> CheckKey(const GateRules& rules, const Head& head, Verdict* verdict) {
  verdict->is_code = rules.takes_codes && head.method == "POST" && verdict->path == kCodePath;
  if (verdict->is_code) return std::nullopt;
  const bool for_page = IsUnder(verdict->path, kPageRoutes);
  if (!for_page && (rules.keys.empty() || IsOpen(rules, head, verdict->path))) return std::nullopt;
  const auto keys = ShownKeys(head, for_page);
  for (const std::string_view key : keys) {
    const bool is_token = rules.token.Accepts(key);
    const bool is_key = rules.keys.Accepts(key);
    if (is_token || (is_key && !for_page)) return std::nullopt;
  }
  verdict->is_wrong_key = true;
  if (for_page) {
    return Refuse(
        401, "this route is for the server's own page, which shows the token it was opened with (X-Thimble-Token)");
  }
  Fault fault = Refuse(401, keys.empty() ? "no API key: send one as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'"
                                         : "the API key is none of this server's");
  fault.code = "invalid_api_key";
  return fault;
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != kOthers.npos;
  });
}

// The names in "a, b, c", those that are none left out.
std::string WantedHeaders(const Head& head) {
  constexpr std::size_t kLongest = 2048;
  std::string wanted;
  for (std::string_view list : Values(head, "access-control-request-headers")) {
    while (!list.empty()) {
      const std::size_t end = std::min(list.find(','), list.size());
      const std::string_view name = Trim(list.substr(0, end));
      if (IsToken(name) && wanted.size() + name.size() < kLongest) wanted += Cat(wanted.empty() ? "" : ", ", name);
      list.remove_prefix(std::min(end + 1, list.size()));
    }
  }
  return wanted;
}

}  // namespace

Verdict Judge(const GateRules& rules, const Head& head) {
  Verdict verdict;
  Authority host;
  const HostName* ours = nullptr;
  verdict.refusal = CheckHost(rules, head, &ours, &host);
  if (verdict.refusal) return verdict;
  verdict.refusal = CheckTarget(head, *ours, host, &verdict);
  if (verdict.refusal) return verdict;
  verdict.refusal = CheckOrigin(rules, head, *ours, host, &verdict);
  if (verdict.refusal) return verdict;
  if (std::find(kMethods.begin(), kMethods.end(), head.method) == kMethods.end()) {
    verdict.refusal = Refuse(405, Cat("there is no method ", Quoted(head.method), " here"));
    return verdict;
  }
  verdict.is_options = head.method == "OPTIONS";
  if (verdict.is_options) return verdict;  // browsers send no key along
  verdict.refusal = CheckKey(rules, head, &verdict);
  if (!verdict.refusal) verdict.refusal = CheckContent(head);
  return verdict;
}

std::vector<Header> ForeignPageHeaders(const std::string& foreign_origin) {
  if (foreign_origin.empty()) return {};
  return {{"access-control-allow-origin", foreign_origin},
          {"access-control-expose-headers", "retry-after, x-queue-place, x-should-retry, request-id, x-request-id"},
          {"vary", "origin"}};
}

std::vector<Header> OptionsHeaders(const Verdict& verdict, const Head& head) {
  std::string methods;
  for (const std::string_view method : kMethods) methods += Cat(methods.empty() ? "" : ", ", method);
  std::vector<Header> headers = {{"allow", methods}};
  if (verdict.foreign_origin.empty()) return headers;
  headers.push_back({"access-control-allow-methods", methods});
  if (std::string wanted = WantedHeaders(head); !wanted.empty()) {
    headers.push_back({"access-control-allow-headers", std::move(wanted)});
  }
  headers.push_back({"access-control-max-age", "600"});
  if (!Values(head, "access-control-request-private-network").empty()) {
    headers.push_back({"access-control-allow-private-network", "true"});
  }
  return headers;
}

}  // namespace thimble::server
