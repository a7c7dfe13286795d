// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request's first line and headers, judged by rules of every kind: what is let in has one Host, which is
// ours, a path that leads nowhere else, and a key where one is due.
#include "server/gate.h"

#include "base/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using thimble::server::Head;

thimble::server::GateRules Rules() {
  thimble::server::GateRules rules;
  rules.hosts = {{{"127.0.0.1", 8}, false}, {{"[::1]", 8}, false}, {{"box.lan", std::nullopt}, true}};
  rules.origins = {"app://page"};
  rules.keys.Add("the-key");
  rules.token.Add("the-token");
  rules.open_paths = {"/health", "/assets/", "/page"};
  rules.pages = {"/page"};
  rules.takes_codes = true;
  return rules;
}

std::string_view TakeLine(std::string_view* text) {
  const std::size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

// "METHOD TARGET", then "name:value" lines.
Head ReadHead(std::string_view text) {
  Head head;
  const std::string_view line = TakeLine(&text);
  const std::size_t blank = std::min(line.find(' '), line.size());
  head.method = line.substr(0, blank);
  head.target = line.substr(std::min(blank + 1, line.size()));
  while (!text.empty()) {
    const std::string_view header = TakeLine(&text);
    const std::size_t colon = std::min(header.find(':'), header.size());
    head.headers.push_back(
        {std::string(header.substr(0, colon)), std::string(header.substr(std::min(colon + 1, header.size())))});
  }
  return head;
}

void CheckPath(const std::string& path) {
  const bool is_plain = std::none_of(
      path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; });
  if (!is_plain || !thimble::IsValidUtf8(path) || !path.starts_with('/')) std::abort();
  if (("/" + path + "/").find("/../") != std::string::npos || path.find("//") != std::string::npos) std::abort();
}

bool Shows(const Head& head, std::string_view secret) {
  return std::any_of(head.headers.begin(), head.headers.end(),
                     [&](const auto& header) { return header.value.find(secret) != std::string::npos; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const thimble::server::GateRules rules = Rules();
  const Head head = ReadHead({reinterpret_cast<const char*>(bytes), size});
  const auto verdict = Judge(rules, head);
  for (const auto& header : OptionsHeaders(verdict, head)) {
    if (header.value.find_first_of("\r\n") != std::string::npos) std::abort();
  }
  if (!verdict.foreign_origin.empty() && verdict.foreign_origin.size() != std::string_view("app://page").size())
    std::abort();
  if (verdict.refusal) {
    if (verdict.refusal->status < 400 || verdict.refusal->message.size() > 1000) std::abort();
    return 0;
  }
  const auto num_hosts =
      std::count_if(head.headers.begin(), head.headers.end(), [](const auto& header) { return header.name == "host"; });
  if (num_hosts != 1) std::abort();
  if (verdict.is_options) return 0;
  CheckPath(verdict.path);
  const bool is_foreign = std::any_of(head.headers.begin(), head.headers.end(), [](const auto& header) {
    return header.name == "sec-fetch-site" && thimble::Trim(header.value) == "cross-site";
  });
  if (is_foreign && verdict.foreign_origin.empty() && (verdict.path != "/page" || head.method != "GET")) std::abort();
  if (verdict.is_code && (verdict.path != thimble::server::kCodePath || head.method != "POST")) std::abort();
  if (verdict.is_code) return 0;
  if (verdict.path.starts_with("/thimble/v1/") && !Shows(head, "the-token")) std::abort();
  const bool is_open = verdict.path == "/health" || verdict.path == "/page" || verdict.path.starts_with("/assets/");
  if (!is_open && !Shows(head, "the-key") && !Shows(head, "the-token")) std::abort();
  return 0;
}
