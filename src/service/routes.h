// SPDX-License-Identifier: Apache-2.0
// Every route of the service, and the document that describes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

enum class RouteKind {
  kRoot,
  kHealth,
  kModels,
  kModel,
  kChat,
  kChatCount,
  kCompletion,
  kEmbeddings,
  kMessages,
  kMessagesCount,
  kProps,
  kSlots,
  kMetrics,
  kTokenize,
  kDetokenize,
  kApplyTemplate,
  kOpenApi,
  // The page's own, under /thimble/v1/.
  kInfo,
  kCount,
  kPutPicture,
  kPicturePrice,
  kStoreModels,
  kModelFile,
  kPutModelFile,
  kDeleteModel,
  kOpenModel,
  kUnloadModel,
  kChats,
  kNewChat,
  kImportChat,
  kChatOf,
  kChangeChat,
  kDeleteChat,
  kAddMessage,
  kChangeMessage,
  kDeleteMessage,
  kKeptPicture,
  kSettings,
  kPutSettings,
  kSpace,
  kDeletePacks,
  kKeptAnswer,
  kStopAnswer,
};

// Who may ask.
enum class RouteGuard {
  kOpen,   // anybody whose Host is allowed
  kKey,    // who has the key, where one is set
  kToken,  // who has the page's token
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/models/{name}": what stands in braces is any one part that is not empty
  RouteKind kind;
  RouteGuard guard = RouteGuard::kKey;
  bool needs_json = false;            // a body of the type application/json; anything else is 415
  std::uint64_t most_body_bytes = 0;  // 0: no body
  bool ends_open = false;             // the last name may have '/' in it
};

std::span<const Route> Routes();

struct RouteMatch {
  const Route* route = nullptr;    // nullptr: 404, or 405 where `allowed` says something
  std::vector<std::string> names;  // for the pattern's braces, in order
  std::string allowed;             // "GET, PUT": methods that the path has, where the request's is none of them
};
// `path` as Request::path.
RouteMatch FindRoute(std::string_view method, std::string_view path);

// The OpenAPI 3.1 document of all routes, as JSON: src/service/openapi.json.
std::string_view OpenApiDocument();

}  // namespace thimble::service
