// SPDX-License-Identifier: Apache-2.0
#include "server/folder_page.h"

#include "base/sha256.h"
#include "base/text.h"
#include "sys/byte_source.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

namespace thimble::server {

namespace {

constexpr std::size_t kMostFiles = 4096;
constexpr std::string_view kCarrierMark = "<meta name=\"thimble-carrier\" content=\"browser\"";
// As for a page of the server's own, but workers are loaded, by the one rule that the page makes for them.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types thimble-worker";

std::string_view TypeOf(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kTypes = {{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".woff2", "font/woff2"},
      {".wasm", "application/wasm"},
  }};
  const auto* const found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return name.ends_with(type.first); });
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

// Names that stand in addresses as they are.
bool IsPlain(std::string_view name) {
  constexpr std::string_view kMarks = "._-/";
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class PageHandler : public service::Handler {
 public:
  explicit PageHandler(const service::PageFiles* page) : page_(page) {}

  service::BodyRule Expect(const service::Request& /*head*/) override { return {}; }

  service::RequestId Submit(service::Request request, std::unique_ptr<service::BodyReceiver> /*received*/,
                            std::shared_ptr<service::AnswerSink> sink) override {
    const service::PageFile* const file = request.method == "GET" ? page_->Find(request.path) : nullptr;
    service::WholeAnswer answer;
    if (file != nullptr) {
      answer = service::PageAnswer(*file, request);
      answer.headers.push_back({"content-security-policy", std::string(kPolicy)});
    } else {
      answer.status = 404;
      answer.headers = {{"content-type", "text/plain; charset=utf-8"}};
      answer.body = "Not here: this server gives out a page that computes in the browser, and nothing else.\n";
    }
    sink->Begin(answer.status, std::move(answer.headers));
    if (!answer.body.empty()) sink->Part(answer.body);
    sink->End();
    return ++last_;
  }

  void Cancel(service::RequestId /*id*/) override {}

 private:
  const service::PageFiles* const page_;
  service::RequestId last_ = 0;
};

}  // namespace

struct FolderPage::File {
  std::string path;
  std::string hash;
  std::shared_ptr<const ByteSource> source;
  Bytes bytes;
};

FolderPage::FolderPage() = default;
FolderPage::~FolderPage() = default;

Status FolderPage::Add(const std::string& name, const std::string& path) {
  if (!IsPlain(name)) {
    return Error{Code::kInvalid, Cat("[page] a file of a page is named by letters, digits and '.', '_', '-', found \"",
                                     name, "\"; give the folder that scripts/package web made")};
  }
  if (files_.size() == kMostFiles) {
    return Error{Code::kInvalid, Cat("[page] a page has at most ", kMostFiles, " files; this folder is another one")};
  }
  auto file = std::make_unique<File>();
  file->path = name == "index.html" ? "/" : Cat("/", name);
  THIMBLE_ASSIGN_OR_RETURN(file->source, MapFile(path));
  THIMBLE_ASSIGN_OR_RETURN(file->bytes, file->source->View(0, file->source->size()));
  Sha256 hash;
  hash.AddInStreams(file->bytes.span());
  file->hash = hash.Finish().substr(0, 32);
  files_.push_back({.path = file->path,
                    .type = TypeOf(name),
                    .hash = file->hash,
                    .plain = Text(file->bytes.span()),
                    .gzip = {},
                    .brotli = {},
                    .is_hashed = name.starts_with("assets/")});
  if (name == "index.html") {  // a host gives it by its name, too
    service::PageFile named = files_.back();
    named.path = "/index.html";
    files_.push_back(named);
  }
  kept_.push_back(std::move(file));
  return Done{};
}

Result<std::unique_ptr<FolderPage>> FolderPage::Open(const std::string& folder) {
  std::unique_ptr<FolderPage> page(new FolderPage());
  std::error_code error;
  std::filesystem::recursive_directory_iterator it(folder, error);
  if (error)
    return Error{Code::kInvalid, Cat("[page] ", folder, ": ", error.message(), "; scripts/package web makes it")};
  for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone)) continue;
    const std::string name = it->path().lexically_relative(folder).generic_string();
    THIMBLE_RETURN_IF_ERROR(page->Add(name, it->path().string()));
  }
  if (error) return Error{Code::kSystem, Cat("[page] ", folder, ": ", error.message())};
  const service::PageFile* const index = page->Find("/");
  if (index == nullptr || index->plain.find(kCarrierMark) == std::string_view::npos) {
    return Error{Code::kInvalid,
                 Cat("[page] ", folder, " is no page with the engine inside; scripts/package web makes one")};
  }
  return page;
}

std::unique_ptr<service::Handler> GivePage(const service::PageFiles* page) {
  return std::make_unique<PageHandler>(page);
}

}  // namespace thimble::server
