// SPDX-License-Identifier: Apache-2.0
// What the head of an upload says of it, and how files on their way are told to clients.
#pragma once

#include "files/json.h"
#include "service/carrier_parts.h"
#include "service/exchange.h"
#include "service/or_fault.h"

#include <cstdint>
#include <span>
#include <string>

namespace thimble::service {

// Which bytes of which file a PUT sends, by its Content-Length and Content-Range ("bytes 100-199/200"), and the SHA-256
// that the whole file is to have, by x-thimble-sha256 (64 hexadecimal digits) or Repr-Digest ("sha-256=:...:").
// 411 where it does not say how much comes, 413 above `most_bytes`, 400, 415.
OrFault<ModelPiece> ReadUploadHead(const Request& head, std::uint64_t most_bytes);

Json FileJson(const ModelFileState& file);
Json UnfinishedJson(std::span<const UnfinishedModel> models);

}  // namespace thimble::service
