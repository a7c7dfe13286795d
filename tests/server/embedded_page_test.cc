// SPDX-License-Identifier: Apache-2.0
// The page's files as the generator puts them into a program, and how they are given out.
#include "server/embedded_page.h"

#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace thimble::server {

std::span<const service::PageFile> TestPageFiles();

namespace {

using service::Request;
using service::WholeAnswer;
using ::testing::StartsWith;

std::string Source(const std::string& name) {
  return testing::ReadTextFile(std::string(THIMBLE_SOURCE_DIR) + "/tests/server/page/" + name);
}

const service::PageFile& FileOf(const std::string& path) {
  static const EmbeddedPage page(TestPageFiles());
  const service::PageFile* const file = page.Find(path);
  EXPECT_NE(file, nullptr) << path;
  return file == nullptr ? page.All()[0] : *file;
}

std::string HeaderOf(const WholeAnswer& answer, const std::string& name) {
  for (const service::Header& header : answer.headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

WholeAnswer Ask(const std::string& path, std::vector<service::Header> headers = {}) {
  Request request;
  request.method = "GET";
  request.path = path;
  request.headers = std::move(headers);
  return service::PageAnswer(FileOf(path), request);
}

constexpr const char* kLook = "/assets/look-C0ffee12.css";

TEST(EmbeddedPage, HasTheFolder) {
  EXPECT_EQ(FileOf("/").plain, Source("index.html"));
  EXPECT_EQ(FileOf("/").type, "text/html; charset=utf-8");
  EXPECT_FALSE(FileOf("/").is_hashed);
  EXPECT_EQ(FileOf(kLook).plain, Source("assets/look-C0ffee12.css"));
  EXPECT_TRUE(FileOf(kLook).is_hashed);
  EXPECT_THAT(FileOf(kLook).gzip, StartsWith("\x1f\x8b"));
  EXPECT_LT(FileOf(kLook).gzip.size(), FileOf(kLook).plain.size());
  const EmbeddedPage page(TestPageFiles());
  for (const char* path : {"", "/index.html", "/assets", "/assets/", "/assets/../index.html", "/none"})
    EXPECT_EQ(page.Find(path), nullptr) << path;
}

TEST(EmbeddedPage, IsGivenAsTheClientTakesIt) {
  const WholeAnswer plain = Ask(kLook);
  EXPECT_EQ(plain.body, FileOf(kLook).plain);
  EXPECT_EQ(HeaderOf(plain, "content-encoding"), "");
  EXPECT_EQ(HeaderOf(plain, "vary"), "accept-encoding");
  for (const char* accept : {"gzip", "deflate, gzip", "GZIP;q=0.5", "gzip;q=1.0, *;q=0", "br;q=0, gzip"}) {
    const WholeAnswer answer = Ask(kLook, {{"accept-encoding", accept}});
    EXPECT_EQ(answer.body, FileOf(kLook).gzip) << accept;
    EXPECT_EQ(HeaderOf(answer, "content-encoding"), "gzip") << accept;
  }
  for (const char* accept : {"", "deflate", "gzip;q=0", "gzip; q=0.000", "x-gzip", "identity"})
    EXPECT_EQ(Ask(kLook, {{"accept-encoding", accept}}).body, plain.body) << accept;
  const std::string best = FileOf(kLook).brotli.empty() ? "gzip" : "br";
  EXPECT_EQ(HeaderOf(Ask(kLook, {{"accept-encoding", "gzip, br"}}), "content-encoding"), best);
}

TEST(EmbeddedPage, IsKeptByBrowsersAsLongAsItMayBe) {
  EXPECT_EQ(HeaderOf(Ask("/"), "cache-control"), "no-cache");
  EXPECT_EQ(HeaderOf(Ask(kLook), "cache-control"), "public, max-age=31536000, immutable");
  const std::string tag = HeaderOf(Ask("/"), "etag");
  EXPECT_NE(HeaderOf(Ask("/", {{"accept-encoding", "gzip"}}), "etag"), HeaderOf(Ask(kLook), "etag"));
  for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const WholeAnswer answer = Ask("/", {{"if-none-match", known}});
    EXPECT_EQ(answer.status, 304) << known;
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(HeaderOf(answer, "etag"), tag);
  }
  EXPECT_EQ(Ask("/", {{"if-none-match", "\"other\""}}).status, 200);
  EXPECT_EQ(Ask("/", {{"if-none-match", tag.substr(0, tag.size() - 1)}}).status, 200);
}

}  // namespace
}  // namespace thimble::server
