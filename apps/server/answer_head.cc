// SPDX-License-Identifier: Apache-2.0
#include "server/answer_head.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

namespace thimble::server {

namespace {

using service::Header;

// What a page of ours may load and do: its own files, and nothing of anybody else's.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";
constexpr std::string_view kPermissions =
    "accelerometer=(), camera=(self), clipboard-read=(self), clipboard-write=(self), "
    "display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), "
    "serial=(), usb=()";

std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto two = [](int number) { return Cat(number < 10 ? "0" : "", number); };
  return Cat(kDays[static_cast<std::size_t>(parts.tm_wday)], ", ", two(parts.tm_mday), " ",
             kMonths[static_cast<std::size_t>(parts.tm_mon)], " ", parts.tm_year + 1900, " ", two(parts.tm_hour), ":",
             two(parts.tm_min), ":", two(parts.tm_sec), " GMT");
}

bool IsSafe(const Header& header) {
  const auto is_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  const auto is_text = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
  return !header.name.empty() && std::all_of(header.name.begin(), header.name.end(), is_name) &&
         std::all_of(header.value.begin(), header.value.end(), is_text);
}

bool IsConnections(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames = {"connection", "content-length", "date",    "keep-alive",
                                                      "te",         "trailer",        "upgrade", "transfer-encoding"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

const std::string* Find(const std::vector<Header>& headers, std::string_view name) {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const Header& header) { return header.name == name; });
  return found == headers.end() ? nullptr : &found->value;
}

// What a browser may show or run: pages, scripts, which workers run under their own answer's policy, and pictures, of
// which one kind can hold scripts.
bool IsPage(const std::vector<Header>& headers) {
  constexpr std::array<std::string_view, 5> kData = {"application/json", "application/octet-stream",
                                                     "application/x-ndjson", "text/event-stream", "text/plain"};
  const std::string* type = Find(headers, "content-type");
  return type != nullptr &&
         std::none_of(kData.begin(), kData.end(), [&](std::string_view data) { return type->starts_with(data); });
}

}  // namespace

std::string_view ReasonOf(int status) {
  struct Reason {
    int status;
    std::string_view text;
  };
  constexpr std::array<Reason, 33> kReasons = {{{200, "OK"},
                                                {201, "Created"},
                                                {202, "Accepted"},
                                                {204, "No Content"},
                                                {206, "Partial Content"},
                                                {301, "Moved Permanently"},
                                                {302, "Found"},
                                                {303, "See Other"},
                                                {304, "Not Modified"},
                                                {307, "Temporary Redirect"},
                                                {308, "Permanent Redirect"},
                                                {400, "Bad Request"},
                                                {401, "Unauthorized"},
                                                {403, "Forbidden"},
                                                {404, "Not Found"},
                                                {405, "Method Not Allowed"},
                                                {408, "Request Timeout"},
                                                {409, "Conflict"},
                                                {410, "Gone"},
                                                {411, "Length Required"},
                                                {413, "Content Too Large"},
                                                {414, "URI Too Long"},
                                                {415, "Unsupported Media Type"},
                                                {416, "Range Not Satisfiable"},
                                                {417, "Expectation Failed"},
                                                {421, "Misdirected Request"},
                                                {422, "Unprocessable Content"},
                                                {429, "Too Many Requests"},
                                                {431, "Request Header Fields Too Large"},
                                                {500, "Internal Server Error"},
                                                {501, "Not Implemented"},
                                                {503, "Service Unavailable"},
                                                {507, "Insufficient Storage"}}};
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.text;
  }
  return "";
}

std::string WriteHead(const HeadFacts& facts, const std::vector<Header>& headers) {
  std::string text = Cat("HTTP/1.1 ", facts.status, " ", ReasonOf(facts.status), "\r\n");
  const auto add = [&](std::string_view name, std::string_view value) { text += Cat(name, ": ", value, "\r\n"); };
  for (const Header& header : headers) {
    if (IsSafe(header) && !IsConnections(header.name)) add(header.name, header.value);
  }
  const auto add_default = [&](std::string_view name, std::string_view value) {
    if (Find(headers, name) == nullptr) add(name, value);
  };
  add_default("cache-control", "no-store");
  add_default("x-content-type-options", "nosniff");
  add_default("referrer-policy", "no-referrer");
  add_default("cross-origin-resource-policy", "same-origin");
  if (IsPage(headers)) {
    add_default("content-security-policy", kPagePolicy);
    add_default("cross-origin-opener-policy", "same-origin");
    add_default("cross-origin-embedder-policy", "require-corp");
    add_default("permissions-policy", kPermissions);
  }
  add("date", HttpDate());
  const bool has_body = facts.status >= 200 && facts.status != 204 && facts.status != 304;
  if (facts.length && has_body) add("content-length", std::to_string(*facts.length));
  if (facts.is_chunked && has_body) add("transfer-encoding", "chunked");
  if (facts.closes) add("connection", "close");
  if (facts.keeps && !facts.closes) add("connection", "keep-alive");
  return text + "\r\n";
}

}  // namespace thimble::server
