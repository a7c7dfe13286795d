// SPDX-License-Identifier: Apache-2.0
// PageFiles: the files of the page, as a carrier has them. The service gives them to browsers with what these ask for.
#pragma once

#include "service/exchange.h"

#include <span>
#include <string_view>

namespace thimble::service {

// One file; all of it lives as long as the program. Forms that are empty are not there.
struct PageFile {
  std::string_view path;  // "/assets/index-B2xKw_1a.js"; of the page itself "/"
  std::string_view type;  // "text/html; charset=utf-8"
  std::string_view hash;  // of the plain bytes, for ETag
  std::string_view plain;
  std::string_view gzip;
  std::string_view brotli;
  bool is_hashed = false;  // another content has another path: browsers may keep it for ever
};

class PageFiles {
 public:
  virtual ~PageFiles() = default;
  [[nodiscard]] virtual std::span<const PageFile> All() const = 0;
  // `path` as Request::path; nullptr: there is none.
  [[nodiscard]] const PageFile* Find(std::string_view path) const;
};

// Whether a browser asks for the script of a service worker. The page has none: one that another program's page left at
// this address, which would answer in the page's place, is asked for again before it does, and RetiringWorker replaces
// it.
[[nodiscard]] bool IsForWorker(const Request& request);

// A worker that removes itself, and loads the pages again that came through it.
WholeAnswer RetiringWorker();

// The file in the form that the request takes (Accept-Encoding), or 304 where the client has it (If-None-Match).
WholeAnswer PageAnswer(const PageFile& file, const Request& request);

}  // namespace thimble::service
