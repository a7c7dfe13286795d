// SPDX-License-Identifier: Apache-2.0
#include "service/page_files.h"

#include "base/text.h"

#include <algorithm>
#include <string>

namespace thimble::service {

namespace {

// The items of "a, b;q=0.5": calls `take` with each one's name and what stands behind its ';'.
template <typename F>
void ForEachItem(std::string_view list, F&& take) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view item = Trim(list.substr(0, end));
    const std::size_t mark = std::min(item.find(';'), item.size());
    take(Trim(item.substr(0, mark)), mark < item.size() ? Trim(item.substr(mark + 1)) : std::string_view());
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

// "q=0", "q=0.0", "q=0.00", "q=0.000": what is not taken.
bool IsZeroWeight(std::string_view text) {
  return text.starts_with("q=0") && text.find_first_not_of("0.", 2) == std::string_view::npos;
}

bool Takes(const Request& request, std::string_view coding) {
  const std::string* const accepted = request.FindHeader("accept-encoding");
  bool takes = false;
  if (accepted == nullptr) return takes;
  ForEachItem(*accepted, [&](std::string_view name, std::string_view weight) {
    if (AsciiLower(name) == coding) takes = !IsZeroWeight(weight);
  });
  return takes;
}

bool Has(const Request& request, std::string_view tag) {
  const std::string* const known = request.FindHeader("if-none-match");
  bool has = false;
  if (known == nullptr) return has;
  ForEachItem(*known, [&](std::string_view name, std::string_view /*rest*/) {
    if (name.starts_with("W/")) name.remove_prefix(2);
    has = has || name == tag || name == "*";
  });
  return has;
}

}  // namespace

const PageFile* PageFiles::Find(std::string_view path) const {
  for (const PageFile& file : All()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

bool IsForWorker(const Request& request) {
  const std::string* const wanted = request.FindHeader("service-worker");
  return request.method == "GET" && wanted != nullptr && *wanted == "script";
}

WholeAnswer RetiringWorker() {
  return WholeAnswer{200,
                     {{"content-type", "text/javascript; charset=utf-8"}},
                     "addEventListener('install', () => skipWaiting());\n"
                     "addEventListener('activate', (event) => event.waitUntil((async () => {\n"
                     "  await registration.unregister();\n"
                     "  const pages = await clients.matchAll({ type: 'window' });\n"
                     "  await Promise.all(pages.map((page) => page.navigate(page.url)));\n"
                     "})()));\n"};
}

WholeAnswer PageAnswer(const PageFile& file, const Request& request) {
  std::string_view bytes = file.plain;
  std::string_view coding;
  if (!file.brotli.empty() && Takes(request, "br")) {
    bytes = file.brotli;
    coding = "br";
  } else if (!file.gzip.empty() && Takes(request, "gzip")) {
    bytes = file.gzip;
    coding = "gzip";
  }
  // Other bytes, another tag.
  const std::string tag = Cat("\"", file.hash, coding.empty() ? "" : "-", coding, "\"");
  WholeAnswer answer;
  answer.headers = {{"content-type", std::string(file.type)},
                    {"cache-control", file.is_hashed ? "public, max-age=31536000, immutable" : "no-cache"},
                    {"etag", tag},
                    {"vary", "accept-encoding"}};
  if (Has(request, tag)) {
    answer.status = 304;
    return answer;
  }
  if (!coding.empty()) answer.headers.push_back({"content-encoding", std::string(coding)});
  answer.body = bytes;
  return answer;
}

}  // namespace thimble::service
