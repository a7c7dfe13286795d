// SPDX-License-Identifier: Apache-2.0
#include "service/upload_head.h"

#include "base/text.h"
#include "service/query.h"
#include "text/data_url.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::service {

namespace {

constexpr std::size_t kHashBytes = 32;

Fault WrongRange() {
  return Fault{400, "", "invalid_range", "content-range",
               "content-range is 'bytes FIRST-LAST/TOTAL', of which all three are numbers."};
}

OrFault<Done> ReadRange(std::string_view text, ModelPiece* piece) {
  constexpr std::string_view kUnit = "bytes ";
  text = Trim(text);
  if (AsciiLower(text.substr(0, kUnit.size())) != kUnit) return WrongRange();
  text = Trim(text.substr(kUnit.size()));
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return WrongRange();
  const auto first = NumberOf(text.substr(0, dash));
  const auto last = NumberOf(text.substr(dash + 1, slash - dash - 1));
  const auto total = NumberOf(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return WrongRange();
  piece->begin = *first;
  piece->end = *last + 1;
  piece->total = *total;
  return Done{};
}

Fault WrongHash() {
  return Fault{400, "", "invalid_digest", "",
               "x-thimble-sha256 is 64 hexadecimal digits; repr-digest is sha-256=:BASE64: of 32 bytes."};
}

// "sha-512=:...:, sha-256=:...:" -> the hash of 32 bytes in hexadecimal digits; empty where there is none.
OrFault<std::string> ReadReprDigest(std::string_view text) {
  constexpr std::string_view kName = "sha-256=";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    std::string_view item = Trim(text.substr(at, comma - at));
    at = comma + 1;
    if (AsciiLower(item.substr(0, kName.size())) != kName) continue;
    item.remove_prefix(kName.size());
    if (item.size() < 2 || item.front() != ':' || item.back() != ':') return WrongHash();
    const auto bytes = DecodeBase64(item.substr(1, item.size() - 2));
    if (!bytes.ok() || bytes.value().size() != kHashBytes) return WrongHash();
    std::string digits;
    for (const char byte : bytes.value()) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      digits += kDigits[static_cast<unsigned char>(byte) >> 4];
      digits += kDigits[static_cast<unsigned char>(byte) & 15];
    }
    return digits;
  }
  return std::string();
}

OrFault<std::string> ReadHash(const Request& head) {
  std::string hash;
  if (const std::string* const digest = head.FindHeader("repr-digest"); digest != nullptr) {
    THIMBLE_ASSIGN_OR_RETURN(hash, ReadReprDigest(*digest));
  }
  const std::string* const plain = head.FindHeader("x-thimble-sha256");
  if (plain == nullptr) return hash;
  const std::string digits = AsciiLower(Trim(*plain));
  const bool is_hex = std::all_of(digits.begin(), digits.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (digits.size() != 2 * kHashBytes || !is_hex || (!hash.empty() && hash != digits)) return WrongHash();
  return digits;
}

}  // namespace

OrFault<ModelPiece> ReadUploadHead(const Request& head, std::uint64_t most_bytes) {
  const std::string* const type = head.FindHeader("content-type");
  if (type == nullptr ||
      AsciiLower(Trim(std::string_view(*type).substr(0, type->find(';')))) != "application/octet-stream")
    return Fault{415, "", "", "content-type", "A model's file is sent as application/octet-stream."};
  ModelPiece piece;
  const std::string* const length = head.FindHeader("content-length");
  std::optional<std::uint64_t> num_bytes;
  if (length != nullptr) {
    num_bytes = NumberOf(Trim(*length));
    if (!num_bytes) return Fault{400, "", "", "content-length", "content-length is a number."};
  }
  if (const std::string* const range = head.FindHeader("content-range"); range != nullptr) {
    THIMBLE_RETURN_IF_ERROR(ReadRange(*range, &piece));
    if (num_bytes && *num_bytes != piece.end - piece.begin) {
      return Fault{
          400, "", "invalid_range", "content-range",
          Cat("content-range announces ", piece.end - piece.begin, " bytes, content-length ", *num_bytes, ".")};
    }
  } else if (!num_bytes) {
    return Fault{411, "", "", "content-length", "Say with content-length or content-range how large the file is."};
  } else {
    piece.end = piece.total = *num_bytes;
  }
  if (piece.total > most_bytes) return Fault{413, "", "", "", Cat("A file has at most ", FormatBytes(most_bytes), ".")};
  THIMBLE_ASSIGN_OR_RETURN(piece.sha256, ReadHash(head));
  return piece;
}

Json FileJson(const ModelFileState& file) {
  Json json = Json::Object({{"file", Json::String(file.name)},
                            {"bytes", Json::Integer(static_cast<std::int64_t>(file.bytes))},
                            {"total", Json::Integer(static_cast<std::int64_t>(file.total))},
                            {"whole", Json::Bool(file.is_whole)}});
  if (!file.sha256.empty()) json.Set("sha256", Json::String(file.sha256));
  return json;
}

Json UnfinishedJson(std::span<const UnfinishedModel> models) {
  std::vector<Json> items;
  for (const UnfinishedModel& model : models) {
    std::vector<Json> files;
    for (const ModelFileState& file : model.files) files.push_back(FileJson(file));
    items.push_back(Json::Object({{"name", Json::String(model.name)}, {"files", Json::Array(std::move(files))}}));
  }
  return Json::Array(std::move(items));
}

}  // namespace thimble::service
