// SPDX-License-Identifier: Apache-2.0
// Models that come into a storage in pieces, become packs, and go.
#pragma once

#include "common/model_places.h"
#include "common/settling.h"
#include "common/storage.h"
#include "service/carrier_parts.h"
#include "service/model_claims.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace thimble::common {

// Recover before anything else, Help and Delete on Help's thread; all else on any, if the storage may be.
class StoredModelStore : public service::ModelStore {
 public:
  // `free_memory`: as Settling's. `wake`: is called where Help has something to do that nobody else knows of, by any
  // thread. `log`: what happens that nobody asked for.
  StoredModelStore(Storage* storage, int threads, std::function<std::uint64_t()> free_memory,
                   std::function<void()> wake, std::function<void(const std::string&)> log);
  ~StoredModelStore() override;
  StoredModelStore(const StoredModelStore&) = delete;
  StoredModelStore& operator=(const StoredModelStore&) = delete;

  service::OrFault<std::unique_ptr<service::ModelUpload>> Begin(const service::ModelPiece& piece) override;
  [[nodiscard]] service::OrFault<service::ModelFileState> Find(const std::string& model,
                                                               const std::string& file) const override;
  // A pack that is being made is a file of these, too: model.pack.
  [[nodiscard]] std::vector<service::UnfinishedModel> Unfinished() const override;
  service::OrFault<Done> Delete(const std::string& model) override;

  // What the last run left in the middle: half a pack goes, what was being deleted is, and models whose files all came
  // are to be packed (Help).
  void Recover();
  // A step of packing what Recover found, and what could not be packed and was asked after since (Find): there may be
  // room now. True: there is more.
  bool Help();
  // Bytes of all packs and vision files.
  [[nodiscard]] std::uint64_t PackBytes() const;

 private:
  class Upload;

  // Whether the model is there and this program can read it: what it cannot read, files that come take the place of.
  [[nodiscard]] bool IsThere(const std::string& name, const StoredModel& model) const;
  [[nodiscard]] std::optional<service::Fault> CheckRoom(const service::ModelPiece& piece) const;
  void RecoverModel(const std::string& name, const StoredModel& model);
  void Queue();

  Storage* storage_;
  const int threads_;
  const std::function<std::uint64_t()> free_memory_;
  const std::function<void()> wake_;
  const std::function<void(const std::string&)> log_;
  service::ModelClaims claims_;
  // Somebody asked after a file that is whole, of a model that is not there: what was in the way may be gone.
  mutable std::atomic<bool> is_asked_after_{false};
  std::deque<std::string> to_settle_;
  std::unique_ptr<service::ModelClaims::Claim> settling_claim_;
  std::unique_ptr<Settling> settling_;
};

}  // namespace thimble::common
