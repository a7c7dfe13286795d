// SPDX-License-Identifier: Apache-2.0
#include "server/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace thimble::server {
namespace {

constexpr std::uint16_t kPort = 17741;

GateRules LocalRules() {
  GateRules rules;
  rules.hosts = {{{"127.0.0.1", kPort}, false}, {{"[::1]", kPort}, false}, {{"localhost", kPort}, false}};
  rules.open_paths = {"/health", "/v1/models", "/assets/"};
  return rules;
}

// A request as programs send it; `more` headers behind Host.
Head Asked(const std::string& method, const std::string& target, std::vector<service::Header> more = {},
           const std::string& host = "127.0.0.1:17741") {
  Head head{method, target, {{"host", host}}};
  if (method == "POST") head.headers.push_back({"content-type", "application/json"});
  for (auto& header : more) head.headers.push_back(std::move(header));
  return head;
}

int StatusOf(const GateRules& rules, const Head& head) {
  const Verdict verdict = Judge(rules, head);
  return verdict.refusal ? verdict.refusal->status : 200;
}

int StatusOfHost(const std::string& host) { return StatusOf(LocalRules(), Asked("GET", "/health", {}, host)); }

TEST(Gate, HostIsOneOfOurs) {
  for (const char* host : {"127.0.0.1:17741", "localhost:17741", "LOCALHOST:17741", "[::1]:17741"}) {
    EXPECT_EQ(StatusOfHost(host), 200) << host;
  }
  for (const char* host :
       {"evil.test", "evil.test:17741", "127.0.0.1.nip.io:17741", "localhost.evil.test:17741", "0.0.0.0:17741",
        "[::]:17741", "LOCALHOST.:17741", "127.1:17741", "[0:0:0:0:0:0:0:1]:17741"}) {
    EXPECT_EQ(StatusOfHost(host), 403) << host;
  }
  for (const char* host : {"127.0.0.1:17742", "127.0.0.1", "localhost:80", "localhost"}) {
    EXPECT_EQ(StatusOfHost(host), 421) << host;
  }
  for (const char* host : {"", ":17741", "localhost:", "localhost:0", "localhost:+17741", "localhost:177410", "[::1",
                           "[]:17741", "user@localhost:17741", "localhost:17741:17741", "local host:17741", "::1"}) {
    EXPECT_EQ(StatusOfHost(host), 400) << host;
  }
}

TEST(Gate, HostStandsThereOnce) {
  EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", "/", {{"host", "127.0.0.1:17741"}})), 400);
  EXPECT_EQ(StatusOf(LocalRules(), Head{"GET", "/", {}}), 400);
}

TEST(Gate, FurtherNamesAreGivenByTheUser) {
  GateRules rules = LocalRules();
  rules.hosts.push_back({{"box.lan", std::nullopt}, true});
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {}, "box.lan")), 200);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {}, "box.lan:443")), 200);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {}, "box.lan:8080")), 421);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {{"origin", "https://box.lan"}}, "box.lan")), 200);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {{"origin", "https://localhost:17741"}}, "localhost:17741")), 403);
}

TEST(Gate, OriginIsOurOwn) {
  EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", "/", {{"origin", "http://127.0.0.1:17741"}})), 200);
  for (const char* origin :
       {"null", "http://127.0.0.1:9999", "http://127.0.0.1", "https://localhost", "https://127.0.0.1:17741",
        "http://localhost:17741", "http://localhost:17741.evil", "http://evil.test", "app://obsidian.md",
        "chrome-extension://abc", "", "http://", "http://127.0.0.1:17741/", "http://127.0.0.1:17741@evil.test"}) {
    const Verdict verdict = Judge(LocalRules(), Asked("GET", "/health", {{"origin", origin}}));
    ASSERT_TRUE(verdict.refusal) << origin;
    EXPECT_EQ(verdict.refusal->status, 403) << origin;
    EXPECT_THAT(verdict.refusal->message, ::testing::HasSubstr("--allow-origin"));
  }
  const auto own = service::Header{"origin", "http://127.0.0.1:17741"};
  EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", "/", {own, own})), 400);
}

TEST(Gate, PagesOfOtherSitesAreRefused) {
  EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", "/", {{"sec-fetch-site", "same-origin"}})), 200);
  EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", "/", {{"sec-fetch-site", "none"}})), 200);
  for (const char* site : {"cross-site", "same-site", "", "None"}) {
    EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", "/", {{"sec-fetch-site", site}})), 403) << site;
  }
}

TEST(Gate, LinksOfOtherSitesLeadToThePageAndNowhereElse) {
  GateRules rules = LocalRules();
  rules.pages = {"/"};
  rules.keys.Add("a-key-of-ours");
  rules.open_paths.emplace_back("/");
  const auto asked = [&](const std::string& method, const std::string& target, const std::string& site,
                         const std::string& mode, const std::string& dest, std::vector<service::Header> more = {}) {
    more.insert(more.end(), {{"sec-fetch-site", site}, {"sec-fetch-mode", mode}, {"sec-fetch-dest", dest}});
    return StatusOf(rules, Asked(method, target, more));
  };
  EXPECT_EQ(asked("GET", "/", "cross-site", "navigate", "document"), 200);
  EXPECT_EQ(asked("GET", "/?lang=ar", "cross-site", "navigate", "document"), 200);
  EXPECT_EQ(asked("GET", "/", "same-site", "navigate", "document"), 200);  // another port of this computer
  for (const char* target :
       {"/health", "/v1/models", "/assets/page.js", "/thimble/v1/info", "//", "/%2F", "/index.html"})
    EXPECT_GE(asked("GET", target, "cross-site", "navigate", "document"), 400) << target;
  for (const char* method : {"POST", "HEAD", "PUT", "DELETE", "OPTIONS"})
    EXPECT_EQ(asked(method, "/", "cross-site", "navigate", "document"), 403) << method;
  for (const char* mode : {"no-cors", "cors", "websocket", "same-origin", "", "Navigate"})
    EXPECT_EQ(asked("GET", "/", "cross-site", mode, "document"), 403) << mode;
  for (const char* dest : {"iframe", "frame", "embed", "object", "empty", "script", "image", ""})
    EXPECT_EQ(asked("GET", "/", "cross-site", "navigate", dest), 403) << dest;
  for (const char* site : {"", "cross-site, none", "other"})
    EXPECT_EQ(asked("GET", "/", site, "navigate", "document"), 403) << site;
  EXPECT_EQ(asked("GET", "/", "cross-site", "navigate", "document", {{"sec-fetch-dest", "iframe"}}), 403);
  EXPECT_EQ(asked("GET", "/", "cross-site", "navigate", "document", {{"origin", "http://evil.test"}}), 403);
  EXPECT_EQ(asked("GET", "/", "cross-site", "navigate", "document", {{"origin", "null"}}), 403);
  // A name that points here stays a name that is not ours.
  EXPECT_EQ(
      StatusOf(rules,
               Asked("GET", "/",
                     {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "document"}},
                     "evil.test:17741")),
      403);
  rules.pages.clear();
  EXPECT_EQ(asked("GET", "/", "cross-site", "navigate", "document"), 403);
}

TEST(Gate, AllowedPagesMayAskAndOnlyThey) {
  GateRules rules = LocalRules();
  rules.origins = {"app://obsidian.md"};
  const Head head =
      Asked("POST", "/v1/chat/completions", {{"origin", "app://obsidian.md"}, {"sec-fetch-site", "cross-site"}});
  const Verdict verdict = Judge(rules, head);
  EXPECT_FALSE(verdict.refusal);
  EXPECT_EQ(verdict.foreign_origin, "app://obsidian.md");
  EXPECT_EQ(ForeignPageHeaders(verdict.foreign_origin)[0].value, "app://obsidian.md");
  EXPECT_TRUE(ForeignPageHeaders("").empty());
  for (const auto& header : ForeignPageHeaders(verdict.foreign_origin))
    EXPECT_NE(header.name, "access-control-allow-credentials");
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {{"origin", "app://other"}})), 403);
  // A picture or a script of that page carries no Origin: nothing is let in by the site's name.
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/", {{"sec-fetch-site", "cross-site"}})), 403);
}

TEST(Gate, PreflightSaysWhatMayBeAsked) {
  GateRules rules = LocalRules();
  rules.keys.Add("a-key-of-ours");
  rules.origins = {"http://localhost:3000"};
  const Head head =
      Asked("OPTIONS", "/v1/chat/completions",
            {{"origin", "http://localhost:3000"}, {"access-control-request-headers", "authorization, x-a\r\nb,x-c"}});
  const Verdict verdict = Judge(rules, head);
  EXPECT_FALSE(verdict.refusal);
  EXPECT_TRUE(verdict.is_options);
  std::string names;
  for (const auto& header : OptionsHeaders(verdict, head)) {
    if (header.name == "access-control-allow-headers") names = header.value;
  }
  EXPECT_EQ(names, "authorization, x-c");
  EXPECT_EQ(StatusOf(rules, Asked("OPTIONS", "/", {{"origin", "http://evil.test"}})), 403);
  EXPECT_EQ(OptionsHeaders(Judge(rules, Asked("OPTIONS", "*")), Asked("OPTIONS", "*")).size(), 1u);
}

TEST(Gate, PathsAreReadInOneWay) {
  const auto path = [](const std::string& target) { return Judge(LocalRules(), Asked("GET", target)).path; };
  EXPECT_EQ(path("/v1/models/caf%C3%A9%20x"), "/v1/models/café x");
  EXPECT_EQ(path("/a%252fb"), "/a%2fb");
  EXPECT_EQ(path("http://127.0.0.1:17741/a?b=/c"), "/a");
  EXPECT_EQ(path("http://127.0.0.1:17741"), "/");
  EXPECT_EQ(Judge(LocalRules(), Asked("GET", "/a?b=%2f&c=..")).query, "b=%2f&c=..");
  for (const char* target : {"",
                             "a",
                             "*",
                             "/..",
                             "/../x",
                             "/a/..",
                             "/a/./b",
                             "/.",
                             "//",
                             "//evil.test/x",
                             "/a//b",
                             "/%2e%2e/x",
                             "/..%2fx",
                             "/%2F",
                             "/a%5cb",
                             "/a\\b",
                             "/%00",
                             "/a%0ab",
                             "/%7f",
                             "/%",
                             "/%2",
                             "/%zz",
                             "/%ff",
                             "/a#b",
                             "/a b",
                             "/\xc3\xa9",
                             "ftp://127.0.0.1:17741/",
                             "http://user@127.0.0.1:17741/"}) {
    EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", target)), 400) << target;
  }
  for (const char* target : {"http://evil.test/", "http://127.0.0.1/", "http://localhost:17741/"}) {
    EXPECT_EQ(StatusOf(LocalRules(), Asked("GET", target)), 421) << target;
  }
}

TEST(Gate, MethodsAndTypes) {
  for (const char* method : {"TRACE", "CONNECT", "patch", "get", "PROPFIND"}) {
    EXPECT_EQ(StatusOf(LocalRules(), Asked(method, "/")), 405) << method;
  }
  const auto post = [](const std::string& type) {
    return StatusOf(LocalRules(), Head{"POST", "/v1/x", {{"host", "127.0.0.1:17741"}, {"content-type", type}}});
  };
  EXPECT_EQ(post("application/json"), 200);
  EXPECT_EQ(post("Application/JSON; charset=utf-8"), 200);
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "",
                           "text/plain; application/json", "application/jsonx"}) {
    EXPECT_EQ(post(type), 415) << type;
  }
  EXPECT_EQ(StatusOf(LocalRules(), Asked("POST", "/", {{"content-encoding", "gzip"}})), 415);
  EXPECT_EQ(StatusOf(LocalRules(), Asked("POST", "/", {{"content-encoding", "identity"}})), 200);
}

TEST(Gate, KeysOpenTheApis) {
  GateRules rules = LocalRules();
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/v1/x")), 200);
  rules.keys.Add("first-key");
  rules.keys.Add("second-key");
  rules.token.Add("the-token");
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/v1/x", {{"authorization", "Bearer second-key"}})), 200);
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/v1/x", {{"authorization", "bearer  first-key"}})), 200);
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/v1/x", {{"x-api-key", "first-key"}})), 200);
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/v1/x", {{"x-thimble-token", "the-token"}})), 200);
  for (const char* key : {"Bearer first-ke", "Bearer first-keyy", "Bearer ", "Basic first-key", "first-key", ""}) {
    const Verdict verdict = Judge(rules, Asked("POST", "/v1/x", {{"authorization", key}}));
    ASSERT_TRUE(verdict.refusal) << key;
    EXPECT_EQ(verdict.refusal->status, 401);
    EXPECT_TRUE(verdict.is_wrong_key);
  }
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/v1/x")), 401);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/props?api_key=first-key&key=first-key")), 401);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/health")), 200);
  EXPECT_EQ(StatusOf(rules, Asked("HEAD", "/v1/models")), 200);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/assets/a.js")), 200);
  EXPECT_EQ(StatusOf(rules, Asked("POST", "/health")), 401);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/v1/models/x")), 401);
}

TEST(Gate, ThePagesRoutesAlwaysNeedTheToken) {
  GateRules rules = LocalRules();
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/thimble/v1/info")), 401);
  rules.token.Add("the-token");
  rules.keys.Add("first-key");
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/thimble/v1/info", {{"x-thimble-token", "the-token"}})), 200);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/thimble/v1", {{"authorization", "Bearer the-token"}})), 200);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/thimble/v1/info", {{"authorization", "Bearer first-key"}})), 401);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/thimble/v1/info", {{"cookie", "x-thimble-token=the-token"}})), 401);
  EXPECT_EQ(StatusOf(rules, Asked("GET", "/thimble/v1/info?token=the-token")), 401);
  EXPECT_EQ(StatusOf(rules, Asked("PUT", "/thimble/v1/pictures",
                                  {{"x-thimble-token", "the-token"}, {"content-type", "image/png"}})),
            200);
}

TEST(FailureDelay, TheThirdWaitsAndTheNextOnesBehindIt) {
  using std::chrono::milliseconds;
  FailureDelay delay;
  const FailureDelay::Clock::time_point start{std::chrono::hours(5)};
  EXPECT_EQ(delay.Next(start), milliseconds(0));
  EXPECT_EQ(delay.Next(start), milliseconds(0));
  EXPECT_EQ(delay.Next(start), milliseconds(200));
  EXPECT_EQ(delay.Next(start), milliseconds(400));
  EXPECT_EQ(delay.Next(start + milliseconds(100)), milliseconds(500));
  for (int i = 0; i < 100; ++i) delay.Next(start);
  EXPECT_EQ(delay.Next(start), milliseconds(5000));
  EXPECT_EQ(delay.Next(start + std::chrono::seconds(70)), milliseconds(0));
}

}  // namespace
}  // namespace thimble::server
