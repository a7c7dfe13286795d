// SPDX-License-Identifier: Apache-2.0
#include "service/routes.h"

#include <algorithm>

namespace thimble::service {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kWithPictures = 32 * kMiB;
constexpr std::uint64_t kText = kMiB;
constexpr std::uint64_t kMessage = 16 * kMiB;  // its texts escaped
constexpr std::uint64_t kSettings = 256 << 10;
constexpr std::uint64_t kNothing = 1 << 10;
constexpr std::uint64_t kPicture = 64 * kMiB;
constexpr std::uint64_t kModelFile = std::uint64_t{1} << 40;  // the disk is looked at besides

constexpr auto kOpen = RouteGuard::kOpen;
constexpr auto kKey = RouteGuard::kKey;
constexpr auto kToken = RouteGuard::kToken;

constexpr Route kRoutes[] = {
    {"GET", "/", RouteKind::kRoot, kOpen},
    {"GET", "/health", RouteKind::kHealth, kOpen},
    {"GET", "/v1/health", RouteKind::kHealth, kOpen},
    {"GET", "/v1/models", RouteKind::kModels, kOpen},
    {"GET", "/models", RouteKind::kModels, kOpen},
    {"GET", "/v1/models/{name}", RouteKind::kModel, kOpen, false, 0, true},
    {"POST", "/v1/chat/completions", RouteKind::kChat, kKey, true, kWithPictures},
    {"POST", "/chat/completions", RouteKind::kChat, kKey, true, kWithPictures},
    {"POST", "/v1/chat/completions/input_tokens", RouteKind::kChatCount, kKey, true, kWithPictures},
    {"POST", "/v1/completions", RouteKind::kCompletion, kKey, true, kText},
    {"POST", "/v1/embeddings", RouteKind::kEmbeddings, kKey, true, kText},
    {"POST", "/v1/messages", RouteKind::kMessages, kKey, true, kWithPictures},
    {"POST", "/v1/messages/count_tokens", RouteKind::kMessagesCount, kKey, true, kWithPictures},
    {"GET", "/props", RouteKind::kProps, kKey},
    {"GET", "/slots", RouteKind::kSlots, kKey},
    {"GET", "/metrics", RouteKind::kMetrics, kKey},
    {"POST", "/tokenize", RouteKind::kTokenize, kKey, true, kText},
    {"POST", "/detokenize", RouteKind::kDetokenize, kKey, true, kText},
    {"POST", "/apply-template", RouteKind::kApplyTemplate, kKey, true, kWithPictures},
    {"GET", "/openapi.json", RouteKind::kOpenApi, kKey},
    {"GET", "/thimble/v1/info", RouteKind::kInfo, kToken},
    {"POST", "/thimble/v1/count", RouteKind::kCount, kToken, true, kWithPictures},
    {"PUT", "/thimble/v1/pictures", RouteKind::kPutPicture, kToken, false, kPicture},
    {"GET", "/thimble/v1/picture-price", RouteKind::kPicturePrice, kToken},
    {"GET", "/thimble/v1/models", RouteKind::kStoreModels, kToken},
    {"GET", "/thimble/v1/models/{name}/{file}", RouteKind::kModelFile, kToken},
    {"PUT", "/thimble/v1/models/{name}/{file}", RouteKind::kPutModelFile, kToken, false, kModelFile},
    {"DELETE", "/thimble/v1/models/{name}", RouteKind::kDeleteModel, kToken},
    {"POST", "/thimble/v1/models/{name}/open", RouteKind::kOpenModel, kToken, true, kNothing},
    {"POST", "/thimble/v1/models/unload", RouteKind::kUnloadModel, kToken, true, kNothing},
    {"GET", "/thimble/v1/chats", RouteKind::kChats, kToken},
    {"POST", "/thimble/v1/chats", RouteKind::kNewChat, kToken, true, kText},
    {"POST", "/thimble/v1/chats/import", RouteKind::kImportChat, kToken, true, kWithPictures},
    {"GET", "/thimble/v1/chats/{chat}", RouteKind::kChatOf, kToken},
    {"PATCH", "/thimble/v1/chats/{chat}", RouteKind::kChangeChat, kToken, true, kText},
    {"DELETE", "/thimble/v1/chats/{chat}", RouteKind::kDeleteChat, kToken},
    {"POST", "/thimble/v1/chats/{chat}/messages", RouteKind::kAddMessage, kToken, true, kMessage},
    {"PATCH", "/thimble/v1/chats/{chat}/messages/{message}", RouteKind::kChangeMessage, kToken, true, kMessage},
    {"DELETE", "/thimble/v1/chats/{chat}/messages/{message}", RouteKind::kDeleteMessage, kToken},
    {"GET", "/thimble/v1/pictures/{sha256}", RouteKind::kKeptPicture, kToken},
    {"GET", "/thimble/v1/settings", RouteKind::kSettings, kToken},
    {"PUT", "/thimble/v1/settings", RouteKind::kPutSettings, kToken, true, kSettings},
    {"GET", "/thimble/v1/space", RouteKind::kSpace, kToken},
    {"DELETE", "/thimble/v1/packs", RouteKind::kDeletePacks, kToken},
    {"GET", "/thimble/v1/answers/{answer}", RouteKind::kKeptAnswer, kToken},
    {"DELETE", "/thimble/v1/answers/{answer}", RouteKind::kStopAnswer, kToken},
};

// Whether `path` is one of the pattern's; then `names` get what stands at its braces.
bool Matches(const Route& route, std::string_view path, std::vector<std::string>* names) {
  std::string_view pattern = route.pattern;
  names->clear();
  while (!pattern.empty()) {
    const std::size_t brace = std::min(pattern.find('{'), pattern.size());
    if (!path.starts_with(pattern.substr(0, brace))) return false;
    path.remove_prefix(brace);
    pattern.remove_prefix(brace);
    if (pattern.empty()) break;
    pattern.remove_prefix(pattern.find('}') + 1);
    const bool takes_all = pattern.empty() && route.ends_open;
    const std::string_view name = path.substr(0, takes_all ? path.size() : path.find('/'));
    if (name.empty()) return false;
    names->emplace_back(name);
    path.remove_prefix(name.size());
  }
  return path.empty();
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

RouteMatch FindRoute(std::string_view method, std::string_view path) {
  RouteMatch match;
  for (const Route& route : kRoutes) {
    if (!Matches(route, path, &match.names)) continue;
    if (route.method == method) {
      match.route = &route;
      match.allowed.clear();
      return match;
    }
    if (!match.allowed.empty()) match.allowed += ", ";
    match.allowed += route.method;
  }
  match.names.clear();
  return match;
}

}  // namespace thimble::service
