// SPDX-License-Identifier: Apache-2.0
#include "android/native/builtin.h"

#include "base/text.h"
#include "common/model_places.h"
#include "common/pack_state.h"
#include "common/settling.h"
#include "common/stored_source.h"
#include "files/model_file.h"
#include "files/pack_file.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <utility>

namespace thimble::android {

namespace {

const std::string kName(common::kBuiltinModel);

// Whether the pack that is there was made of this file, and can be read.
bool IsPackOf(const std::string& path, common::Storage* storage) {
  if (common::StateOfPack(storage, kName) != common::PackState::kReadable) return false;
  const auto stored = common::OpenStoredSource(storage, common::PackPlace(kName));
  if (!stored.ok()) return false;
  const auto table = ParsePackFile(*stored.value());
  if (!table.ok()) return false;
  auto source = MapFile(path);
  if (!source.ok()) return true;  // the file went; what was made of it stays
  const auto file = ModelFile::FromGguf(std::move(source).value(), "builtin.gguf");
  if (!file.ok()) return true;
  const auto identity = file.value().Identity();
  return identity.ok() && identity.value() == table.value().header.identity;
}

}  // namespace

bool PackBuiltin(const std::string& path, common::Storage* storage, int threads,
                 std::function<std::uint64_t()> free_memory, FrameWriter* out) {
  const auto stands = [&] {
    return common::ReadContents(storage->List()).models[kName].is_whole &&
           common::StateOfPack(storage, kName) == common::PackState::kReadable;
  };
  if (path.empty() || IsPackOf(path, storage) || KindOfPath(path) != PathKind::kFile) return stands();
  out->Log(LogLevel::kNote, "The built-in model is made ready, once.");
  // One that can be read answers until the other has taken its place, and where there is no room for that.
  if (!stands()) (void)storage->Delete(common::PackPlace(kName));
  const std::string place = common::UploadPlace(kName, "builtin.gguf");
  const auto make = [&]() -> Status {
    // Seen as a file that came; it stays where it is.
    THIMBLE_RETURN_IF_ERROR(storage->Link(path, place));
    common::Settling settling(storage, kName, threads, std::move(free_memory));
    while (true) {
      THIMBLE_ASSIGN_OR_RETURN(const auto outcome, settling.Step());
      if (!outcome.has_value()) continue;
      if (outcome->empty()) return Done{};
      return Error{Code::kInvalid, *outcome};
    }
  };
  const Status made = make();
  if (made.ok()) return true;
  (void)storage->Delete(place);
  out->Log(LogLevel::kError, Cat("The built-in model cannot be made ready: ", made.error().message));
  return false;  // one of another version may stand, but of this file there is none
}

}  // namespace thimble::android
