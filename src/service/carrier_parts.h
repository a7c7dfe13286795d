// SPDX-License-Identifier: Apache-2.0
// What only a carrier has, as the service asks for it: models, a decoder of picture files, a clock, chance.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/picture.h"

#include <cstdint>
#include <functional>
#include <memory>
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
