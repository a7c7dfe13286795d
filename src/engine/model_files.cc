// SPDX-License-Identifier: Apache-2.0
#include "engine/model_files.h"

#include "engine/weights_check.h"
#include "model/config.h"
#include "model/load.h"

namespace thimble {

Status CheckTowerFits(const ModelFile& text, const ModelFile& vision) {
  THIMBLE_ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(text, &vision, nullptr));
  THIMBLE_RETURN_IF_ERROR(CheckVisionTensors(text, &vision, config));
  return CheckHasNoHoles(vision);
}

}  // namespace thimble
