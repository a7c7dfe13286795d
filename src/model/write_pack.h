// SPDX-License-Identifier: Apache-2.0
// Writing a whole pack (files/whole_pack.h): a model that needs no other file, laid out for the kernels already.
#pragma once

#include "files/pack_file.h"
#include "model/load.h"

#include <cstdint>
#include <memory>

namespace thimble {

// Which of a model's files becomes a pack: a vision file of its own gets one of its own.
enum class PackedFile { kText, kVision };

// Whether a pack's matrices lie as this program packs them: with other panels it cannot be opened.
bool HasLayoutOfThis(const PackHeader& header);

// Writes the pack of one file piece by piece, for who has one thread for everything: each matrix is packed, written and
// let go before the next one, so that the model is never held as a whole.
class PackMaker {
 public:
  // All that is given by pointer or reference must outlive it. Of `options` pool, progress and tower_floats count; the
  // pack is for processors with the same tower_floats (with kFileRows the tower stays as it is, and is for all). Errors
  // as LoadWeights; kInvalid where `which` is a pack already.
  static Result<std::unique_ptr<PackMaker>> Begin(const ModelFile& text, const ModelFile* vision,
                                                  const ModelConfig& config, const LoadOptions& options,
                                                  PackedFile which, PackWriter::Sink sink);
  ~PackMaker();

  // Writes one piece: the files' headers, a matrix, a tensor. True: that was the last. Errors as LoadWeights, and the
  // sink's; then nothing more is to be asked of it.
  Result<bool> Step();

 private:
  struct Parts;
  explicit PackMaker(std::unique_ptr<Parts> parts);
  Status WriteTensor(const TensorEntry& tensor);

  std::unique_ptr<Parts> parts_;
};

// The same in one go.
Status WritePack(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options,
                 PackedFile which, const PackWriter::Sink& sink);

}  // namespace thimble
