// SPDX-License-Identifier: Apache-2.0
#include "service/upload_rules.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

namespace thimble::service {

namespace {

constexpr std::string_view kPartEnding = ".part";
// Of a model; the largest that there are come in some 100.
constexpr std::size_t kMostFiles = 256;

Fault MakeFault(int status, std::string code, std::string message) {
  return Fault{status, "", std::move(code), "", std::move(message)};
}

bool IsModelsFile(const std::string& name) {
  constexpr std::array<std::string_view, 5> kEndings = {".gguf", ".safetensors", ".json", ".jinja", ".txt"};
  const std::string lower = AsciiLower(name);
  return IsPlainName(name) && name != "manifest.json" &&
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](auto ending) { return lower.size() > ending.size() && lower.ends_with(ending); });
}

}  // namespace

bool IsPlainName(const std::string& name) {
  constexpr std::size_t kLongest = 128;
  return !name.empty() && name.size() <= kLongest && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_';
         });
}

std::optional<Fault> CheckPiece(const ModelPiece& piece) {
  if (!IsPlainName(piece.model) || piece.model == "builtin") {
    return MakeFault(400, "invalid_name",
                     "A model's name is letters, digits, '.', '-' and '_', and not builtin; choose another name.");
  }
  if (!IsModelsFile(piece.file)) {
    return MakeFault(400, "invalid_name",
                     "A file's name is letters, digits, '.', '-' and '_', and ends in .gguf, .safetensors, .json, "
                     ".jinja or .txt (and is not manifest.json).");
  }
  if (piece.begin >= piece.end || piece.end > piece.total)
    return MakeFault(400, "invalid_range", "The file, or the piece of it, has no bytes.");
  return std::nullopt;
}

std::optional<Fault> CheckBegin(const ModelPiece& piece, std::span<const ModelFileState> files) {
  const auto is_this = [&](const ModelFileState& state) { return state.name == piece.file; };
  const auto old = std::find_if(files.begin(), files.end(), is_this);
  const bool goes_on = old != files.end() && !old->is_whole && old->total == piece.total;
  if (const std::uint64_t there = goes_on ? old->bytes : 0; piece.begin > there) {
    return MakeFault(416, "invalid_range",
                     old != files.end() && old->is_whole
                         ? Cat(piece.file, " is there whole; send it from its beginning to replace it.")
                         : Cat(there, " bytes of ", piece.file, " are there: go on behind them, or begin anew."));
  }
  if (old == files.end() && files.size() >= kMostFiles)
    return MakeFault(400, "too_many_files", Cat("A model has at most ", kMostFiles, " files."));
  return std::nullopt;
}

std::string PartName(const std::string& file, std::uint64_t total) { return Cat(file, ".", total, kPartEnding); }

std::optional<ModelFileState> ReadUploadName(std::string name) {
  ModelFileState state;
  if (!name.ends_with(kPartEnding)) {
    state.name = std::move(name);
    state.is_whole = true;
    return state;
  }
  name.resize(name.size() - kPartEnding.size());
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + dot + 1, name.data() + name.size(), state.total);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  state.name = name.substr(0, dot);
  return state;
}

Fault ModelExists(const std::string& model) {
  return MakeFault(409, "model_exists",
                   Cat("The store has a model ", model, " already; delete it, or choose another name."));
}

Fault ModelBusy(const std::string& model) {
  return MakeFault(409, "model_busy", Cat("Something is being done with ", model, "; try again when it is."));
}

Fault NoSuchModel(const std::string& model) {
  return MakeFault(404, "model_not_found", Cat("The store has no model ", model, "."));
}

Fault NoSuchFile(const std::string& model, const std::string& file) {
  return MakeFault(404, "file_not_found", Cat("Nothing of ", file, " is in ", model, "."));
}

Fault NoRoomForFile(std::uint64_t needed, std::uint64_t free, const std::string& where) {
  return MakeFault(
      507, "disk_full",
      Cat("The file takes ", FormatBytes(needed), ", the ", where, " has ", FormatBytes(free), " free; make room."));
}

Fault IncompleteBody(const ModelPiece& piece, std::uint64_t there) {
  return MakeFault(400, "incomplete_body",
                   Cat("The body ended ", piece.end - there, " bytes before it was to; ", there, " bytes of ",
                       piece.file, " are there: go on with Content-Range."));
}

Error TooManyBytes(const ModelPiece& piece) {
  return Error{Code::kInvalid, Cat("[store] more bytes than the ", piece.end - piece.begin, " that were announced")};
}

Fault WrongDigest(const std::string& found, const std::string& expected) {
  return MakeFault(400, "digest_mismatch",
                   Cat("The SHA-256 of what came is ", found, ", and was to be ", expected,
                       "; the file is not kept: send it again from its beginning."));
}

}  // namespace thimble::service
