// SPDX-License-Identifier: Apache-2.0
// LiveModel: the model that answers at present, with what is made of its vocabulary.
#pragma once

#include "engine/engine.h"
#include "grammar/token_masker.h"

#include <memory>
#include <string>
#include <utility>

namespace thimble::service {

struct LiveModel {
  LiveModel(std::string its_name, std::shared_ptr<const Engine> opened)
      : name(std::move(its_name)),
        engine(std::move(opened)),
        masker(&engine->tokenizer(), static_cast<std::size_t>(engine->config().vocab)) {}

  std::string name;
  std::shared_ptr<const Engine> engine;
  TokenMasker masker;
};

}  // namespace thimble::service
