// SPDX-License-Identifier: Apache-2.0
#include "common/pack_state.h"

#include "base/text.h"
#include "common/model_places.h"
#include "common/stored_source.h"
#include "files/pack_file.h"
#include "files/whole_pack.h"
#include "model/write_pack.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace thimble::common {

namespace {

// Whether it says that it has an earlier form than ours: nobody here knows where such a form keeps its checksums, so
// its word is taken. A later form is not to be expected, damage is.
bool IsOfEarlierForm(const ByteSource& pack) {
  constexpr std::uint64_t kHeadBytes = 128;
  constexpr std::size_t kVersionAt = 8;
  const auto head = pack.View(0, std::min(pack.size(), kHeadBytes));
  if (!head.ok() || !BeginsAsWholePack(head.value().span())) return false;
  std::uint32_t version = 0;
  std::memcpy(&version, head.value().data() + kVersionAt, sizeof version);
  return version < kPackFileVersion;
}

}  // namespace

PackState StateOfPack(Storage* storage, const std::string& model) {
  const auto pack = OpenStoredSource(storage, PackPlace(model));
  if (!pack.ok()) return PackState::kReadable;
  const auto table = ParsePackFile(*pack.value());
  if (table.ok()) return HasLayoutOfThis(table.value().header) ? PackState::kReadable : PackState::kOutdated;
  if (table.error().code == Code::kSystem) return PackState::kReadable;
  return IsOfEarlierForm(*pack.value()) ? PackState::kOutdated : PackState::kDamaged;
}

std::string AdviceFor(PackState state, const std::string& model, const std::string& owner) {
  if (state == PackState::kOutdated) {
    return Cat("[store] ", EscapeControls(model),
               " was prepared by another version of this program, in a form that this one does not read: choose the "
               "model's files again, and it is imported anew");
  }
  return Cat("[store] what this ", owner,
             " keeps of the model is damaged: choose the model's files again, and it is imported anew");
}

}  // namespace thimble::common
