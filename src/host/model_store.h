// SPDX-License-Identifier: Apache-2.0
// Models that come into the store over the wire, in pieces, and go out of it.
#pragma once

#include "service/carrier_parts.h"
#include "service/model_claims.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace thimble::host {

// A model on its way lies in a folder ".NAME.upload" beside the models: whole files under their names, one that is not
// whole as "FILE.TOTAL.part". When the loader can open what is there, the folder is renamed to NAME, and not before.
class FileModelStore : public service::ModelStore {
 public:
  // `free_bytes`: of the disk that a folder is on; the tests' own, or empty: the system's.
  explicit FileModelStore(std::function<std::uint64_t(const std::string& folder)> free_bytes = {});

  service::OrFault<std::unique_ptr<service::ModelUpload>> Begin(const service::ModelPiece& piece) override;
  [[nodiscard]] service::OrFault<service::ModelFileState> Find(const std::string& model,
                                                               const std::string& file) const override;
  [[nodiscard]] std::vector<service::UnfinishedModel> Unfinished() const override;
  service::OrFault<Done> Delete(const std::string& model) override;

 private:
  class Upload;

  std::function<std::uint64_t(const std::string& folder)> free_bytes_;
  service::ModelClaims claims_;
};

}  // namespace thimble::host
