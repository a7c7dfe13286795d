// SPDX-License-Identifier: Apache-2.0
// Routes, and the document of them: each route is described, and nothing else is.
#include "service/routes.h"

#include "files/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

namespace thimble::service {
namespace {

Json Document() {
  auto json = Json::Parse(OpenApiDocument(), "openapi.json");
  EXPECT_TRUE(json.ok());
  return json.ok() ? std::move(json).value() : Json();
}

// What "$ref" leads to, where `value` is one.
const Json& Resolved(const Json& document, const Json& value) {
  const Json* const target = value.Find("$ref");
  if (target == nullptr) return value;
  std::string_view path = std::string_view(target->text()).substr(2);
  const Json* at = &document;
  while (!path.empty() && at != nullptr) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    at = at->Find(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  EXPECT_NE(at, nullptr) << target->text();
  return at == nullptr ? value : *at;
}

TEST(Routes, AreThoseOfTheDocument) {
  const Json document = Document();
  EXPECT_TRUE(document.Find("openapi")->text().starts_with("3.1."));
  std::set<std::string> described;
  for (const auto& [path, methods] : document.Find("paths")->members()) {
    for (const auto& [method, operation] : methods.members()) {
      std::string name = method;
      for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      described.insert(name + " " + path);
    }
  }
  std::set<std::string> routes;
  for (const Route& route : Routes()) routes.insert(std::string(route.method) + " " + std::string(route.pattern));
  EXPECT_EQ(described, routes);
  EXPECT_EQ(routes.size(), Routes().size());
}

// Bodies, names and guards as the document says them.
TEST(Routes, AreAsTheDocumentDescribesThem) {
  const Json document = Document();
  for (const Route& route : Routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const Json* operation = document.Find("paths")->Find(route.pattern)->Find(method);
    ASSERT_NE(operation, nullptr) << route.pattern;
    const Json* body = operation->Find("requestBody");
    EXPECT_EQ(body != nullptr, route.most_body_bytes > 0) << route.pattern;
    if (body != nullptr) {
      EXPECT_EQ(body->Find("content")->Find("application/json") != nullptr, route.needs_json) << route.pattern;
    }
    const auto braces = std::count(route.pattern.begin(), route.pattern.end(), '{');
    std::size_t num_names = 0;
    if (const Json* parameters = operation->Find("parameters"); parameters != nullptr) {
      for (const Json& parameter : parameters->items())
        num_names += Resolved(document, parameter).Find("in")->text() == "path" ? 1 : 0;
    }
    EXPECT_EQ(num_names, static_cast<std::size_t>(braces)) << route.pattern;
    const Json* security = operation->Find("security");
    const std::string guard = security == nullptr ? "key" : security->items().empty() ? "open" : "token";
    const std::string wanted = route.guard == RouteGuard::kOpen  ? "open"
                               : route.guard == RouteGuard::kKey ? "key"
                                                                 : "token";
    EXPECT_EQ(guard, wanted) << route.pattern;
    EXPECT_EQ(route.guard == RouteGuard::kToken, route.pattern.starts_with("/thimble/v1/")) << route.pattern;
  }
}

// Every "$ref" leads somewhere.
void CheckReferences(const Json& document, const Json& value) {
  if (const Json* target = value.Find("$ref"); target != nullptr) {
    ASSERT_TRUE(target->text().starts_with("#/"));
    Resolved(document, value);
  }
  for (const Json& item : value.items()) CheckReferences(document, item);
  for (const auto& [key, member] : value.members()) CheckReferences(document, member);
}

TEST(Routes, ReferencesOfTheDocumentLeadSomewhere) {
  const Json document = Document();
  CheckReferences(document, document);
}

TEST(Routes, AreFoundByMethodAndPath) {
  const auto kind = [](std::string_view method, std::string_view path) {
    const RouteMatch match = FindRoute(method, path);
    std::string out = match.route == nullptr ? "none" : std::string(match.route->pattern);
    for (const std::string& name : match.names) out += " " + name;
    if (!match.allowed.empty()) out += " (" + match.allowed + ")";
    return out;
  };
  EXPECT_EQ(kind("GET", "/v1/models"), "/v1/models");
  EXPECT_EQ(kind("GET", "/v1/models/qwen"), "/v1/models/{name} qwen");
  EXPECT_EQ(kind("GET", "/v1/models/org/qwen"), "/v1/models/{name} org/qwen");
  EXPECT_EQ(kind("GET", "/v1/models/"), "none");
  EXPECT_EQ(kind("POST", "/v1/chat/completions"), "/v1/chat/completions");
  EXPECT_EQ(kind("POST", "/v1/chat/completions/input_tokens"), "/v1/chat/completions/input_tokens");
  EXPECT_EQ(kind("POST", "/v1/messages"), "/v1/messages");
  EXPECT_EQ(kind("GET", "/v1/messages"), "none (POST)");
  EXPECT_EQ(kind("get", "/health"), "none (GET)");
  EXPECT_EQ(kind("PUT", "/thimble/v1/models/a/b.gguf"), "/thimble/v1/models/{name}/{file} a b.gguf");
  EXPECT_EQ(kind("DELETE", "/thimble/v1/models/a"), "/thimble/v1/models/{name} a");
  EXPECT_EQ(kind("GET", "/thimble/v1/models/a/b.gguf"), "/thimble/v1/models/{name}/{file} a b.gguf");
  EXPECT_EQ(kind("PUT", "/thimble/v1/models/a"), "none (DELETE)");
  for (const char* path : {"", "//", "/v1", "/v1/", "/v1/chat/completions/", "/v1/messages/x", "/V1/models",
                           "/thimble/v1/models/a/b/c", "/thimble/v1/models//b", "/thimble/v1/models/a/", "/health/x"})
    EXPECT_EQ(kind("GET", path), "none") << path;
}

TEST(Routes, BodiesAreBounded) {
  EXPECT_EQ(FindRoute("POST", "/v1/chat/completions").route->most_body_bytes, 32U << 20);
  EXPECT_EQ(FindRoute("POST", "/v1/completions").route->most_body_bytes, 1U << 20);
  EXPECT_EQ(FindRoute("PUT", "/thimble/v1/pictures").route->most_body_bytes, 64U << 20);
  for (const Route& route : Routes()) {
    const bool has_body = route.method == "POST" || route.method == "PUT" || route.method == "PATCH";
    EXPECT_EQ(route.most_body_bytes > 0, has_body) << route.pattern;
    // What is sent as it is: files.
    const bool is_file = route.kind == RouteKind::kPutPicture || route.kind == RouteKind::kPutModelFile;
    EXPECT_EQ(route.needs_json, has_body && !is_file) << route.pattern;
  }
}

}  // namespace
}  // namespace thimble::service
