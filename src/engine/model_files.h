// SPDX-License-Identifier: Apache-2.0
// ModelFiles: what an engine is opened from. Who has paths gets one from host/find_model.h; who has bytes (a page, an
// app) makes its own with ModelFile::FromGguf or FromSafetensors.
#pragma once

#include "base/result.h"
#include "files/model_file.h"

#include <memory>
#include <string>
#include <vector>

namespace thimble {

// Which vision file reads a model's pictures, and why that one, or none.
struct VisionChoice {
  std::string path;                 // its name; empty: none
  std::string why;                  // one sentence for people
  std::vector<std::string> others;  // names of the vision files that were found and not taken
  bool is_guess = false;            // several hold the same tower, and we chose how it is stored: worth a word
  bool is_refusal = false;          // there were vision files, and none is taken: `why` is a warning
  bool is_found = false;            // nobody asked for it: a text request must not fail because of it
};

struct ModelFiles {
  std::shared_ptr<const ModelFile> text;
  // A file of its own with the tower; nullptr where there is none, or where the text model's files hold it.
  std::shared_ptr<const ModelFile> vision;
  VisionChoice vision_choice;
  // For a model without weights: what lies in their place, as the end of a sentence ("; x.part is ..."); may be empty.
  std::string why_no_weights;
  double seconds = 0;  // that finding and parsing them took, which count as loading
};

// Whether `vision` holds a whole tower of this family that fits `text`: for who chooses a vision file. Reads tables and
// the weights of norms. Errors say what does not fit.
Status CheckTowerFits(const ModelFile& text, const ModelFile& vision);

}  // namespace thimble
