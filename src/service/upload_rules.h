// SPDX-License-Identifier: Apache-2.0
// What holds for every store that takes models in pieces, wherever it keeps them: names, where a piece may begin, and
// the sentences of refusals.
#pragma once

#include "service/carrier_parts.h"
#include "service/error_form.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace thimble::service {

// Letters, digits, '.', '-' and '_', not beginning with '.' or '-', at most 128: such a name leads nowhere else.
bool IsPlainName(const std::string& name);

// 400 for names of models and files that none may have, and for a piece without bytes.
std::optional<Fault> CheckPiece(const ModelPiece& piece);
// Whether the piece fits what is there of the model: 416 where it begins behind that, 400 where there are too many
// files.
std::optional<Fault> CheckBegin(const ModelPiece& piece, std::span<const ModelFileState> files);

// "model.gguf.1000.part": a file of 1000 bytes of which some are there.
std::string PartName(const std::string& file, std::uint64_t total);
// What the name of a file on its way says: nullopt where it is none. `bytes` is yet to be filled in.
std::optional<ModelFileState> ReadUploadName(std::string name);

Fault ModelExists(const std::string& model);
Fault ModelBusy(const std::string& model);
Fault NoSuchModel(const std::string& model);
Fault NoSuchFile(const std::string& model, const std::string& file);
// `free` is known and less than `needed`; `where`: "disk".
Fault NoRoomForFile(std::uint64_t needed, std::uint64_t free, const std::string& where);
// The body ended when `there` bytes of the file were there.
Fault IncompleteBody(const ModelPiece& piece, std::uint64_t there);
Error TooManyBytes(const ModelPiece& piece);
Fault WrongDigest(const std::string& found, const std::string& expected);

}  // namespace thimble::service
