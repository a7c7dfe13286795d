// SPDX-License-Identifier: Apache-2.0
// What only a carrier has, as the service asks for it: models, a store for them, a decoder of picture files, a clock,
// chance.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/picture.h"
#include "service/exchange.h"
#include "service/or_fault.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

// A model that could be opened.
struct ShelfModel {
  std::string name;
  std::string title;  // for people; may be empty
  std::uint64_t bytes = 0;
  bool is_builtin = false;
  std::string failure = {};       // why it cannot be opened, as far as that is known before; mostly empty
  std::string failure_code = {};  // "outdated" or empty: of which kind that is
};

class ModelShelf {
 public:
  virtual ~ModelShelf() = default;
  // In no more than some milliseconds; any thread.
  [[nodiscard]] virtual std::vector<ShelfModel> List() const = 0;
  // On Pump's thread; takes its time. `progress`: the share that is done, 0 to 1; false cancels. Messages of errors are
  // shown to clients: without paths.
  virtual Result<std::shared_ptr<const Engine>> Open(const std::string& name,
                                                     const std::function<bool(double share)>& progress) = 0;
};

// Bytes of one file of a model that a client sends into the store.
struct ModelPiece {
  std::string model;  // its name in the store, as the client says it
  std::string file;
  std::uint64_t begin = 0;  // where in the file these bytes begin
  std::uint64_t end = 0;    // behind the last of them
  std::uint64_t total = 0;  // of the whole file
  std::string sha256;       // that the whole file is to have, in lower case; empty: the client does not say
};

// A file of a model in the store, or on its way there.
struct ModelFileState {
  std::string name;
  std::uint64_t bytes = 0;  // that are there
  std::uint64_t total = 0;  // 0: not known
  std::string sha256;       // of a whole file, where it is known
  bool is_whole = false;
};

// What became of a piece.
struct PieceOutcome {
  ModelFileState file;
  bool is_model = false;  // with this file the model is whole, and has its name
  std::string missing;    // of a whole file: why the model is none yet
};

// A model that is on its way.
struct UnfinishedModel {
  std::string name;
  std::vector<ModelFileState> files;
};

// Takes one piece. Who lets go of it before Finish said something keeps what came: it can be gone on with.
class ModelUpload : public BodyReceiver {
 public:
  // Behind the last byte, on Help's thread: some 50 ms of what is left to do. nullopt: there is more.
  virtual OrFault<std::optional<PieceOutcome>> Finish() = 0;
};

// Models that come over the wire, file by file, and go. Messages of faults have no paths. Any thread.
class ModelStore {
 public:
  virtual ~ModelStore() = default;
  // In some milliseconds. 400 for names that are none, 409 where the model is there or is being sent already, 416 where
  // the piece begins behind what is there, 507 without room for the whole file. What is there beyond the piece's
  // beginning is given up.
  virtual OrFault<std::unique_ptr<ModelUpload>> Begin(const ModelPiece& piece) = 0;
  // 404: nothing of it is there.
  [[nodiscard]] virtual OrFault<ModelFileState> Find(const std::string& model, const std::string& file) const = 0;
  [[nodiscard]] virtual std::vector<UnfinishedModel> Unfinished() const = 0;
  // Of the model, or of what is there of it; on Help's thread. 404, 409 while it is being sent.
  virtual OrFault<Done> Delete(const std::string& model) = 0;
};

// Decodes picture files; on Help's thread.
class PictureDecoder {
 public:
  virtual ~PictureDecoder() = default;
  // `place` names the picture in messages. kUnsupported where this carrier has no codec for it.
  virtual Result<Picture> Decode(std::string_view bytes, const std::string& place) = 0;
};

struct Wakers {
  std::function<void()> pump;  // there is something for Pump to do; called from any thread, must not wait
  std::function<void()> help;  // the same for Help
};

}  // namespace thimble::service
