// SPDX-License-Identifier: Apache-2.0
// thimble embed-image: what the vision tower makes of a picture.
#include "base/text.h"
#include "cli/input.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/pictures.h"
#include "cli/reply_json.h"
#include "cli/terminal.h"

#include <cstdio>

namespace thimble::cli {

namespace {

// Row by row: the rows of a large picture would take gigabytes as one JSON value.
bool WriteRows(const Patches& patches, const VisionRows& rows, int width) {
  bool goes_on = Write(Cat("{\"grid\":[", patches.grid_t, ",", patches.grid_h, ",", patches.grid_w, "],\"resized\":[",
                           patches.resized.height, ",", patches.resized.width, "],\"tokens\":", rows.num_rows,
                           ",\"embeddings\":["));
  for (std::int64_t row = 0; row < rows.num_rows && goes_on; ++row) {
    std::string line = row == 0 ? "[" : ",[";
    for (int i = 0; i < width; ++i) {
      if (i > 0) line.push_back(',');
      line += FloatJson(rows.rows[static_cast<std::size_t>(row * width + i)]).Dump();
    }
    goes_on = Write(line + "]");
  }
  return goes_on && Write("]}\n");
}

}  // namespace

int EmbedImage(const EmbedImageOptions& options) {
  if (auto model = ResolveModel(options.common.model); !model.ok()) return Fail(model.error());
  auto picture = LoadPicture(options.file, options.common);
  if (!picture.ok()) return Fail(picture.error());
  auto engine = OpenEngine(options.common);
  if (!engine.ok()) return Fail(engine.error());
  const auto& vision = engine.value()->config().vision;
  if (!vision.has_value()) return Fail(engine.value()->BlindError());
  const Image& image = picture.value().image;
  const auto size = SmartResize(image.height, image.width, vision->patches, engine.value()->pixel_limits());
  if (!size.ok()) return Fail(size.error());
  if (auto status = engine.value()->CheckPicture(size.value()); !status.ok()) return Fail(status.error());
  auto patches = PatchifyImage(image, vision->patches, engine.value()->pixel_limits());
  if (!patches.ok()) return Fail(patches.error());
  auto rows = engine.value()->EmbedPatches(patches.value());
  if (!rows.ok()) return Fail(rows.error());
  const int width = engine.value()->config().width;
  if (options.common.json) {
    if (WriteRows(patches.value(), rows.value(), width)) return kExitOk;
    return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
  }
  std::printf("%d x %d pixels after resizing, %lld tokens of %d numbers each; --json prints them\n",
              patches.value().resized.width, patches.value().resized.height,
              static_cast<long long>(rows.value().num_rows), width);
  return kExitOk;
}

}  // namespace thimble::cli
