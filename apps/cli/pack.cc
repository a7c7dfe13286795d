// SPDX-License-Identifier: Apache-2.0
// thimble pack: a model as one file that is laid out for the kernels already and needs no other.
#include "base/text.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "host/find_model.h"
#include "host/pack_model.h"
#include "host/store.h"
#include "kernels/kernels.h"
#include "sys/machine.h"
#include "sys/thread_pool.h"
#include "sys/topology.h"

#include <algorithm>
#include <cstdio>

namespace thimble::cli {

namespace {

Result<std::uint64_t> WriteIt(const PackOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(const host::OpenOptions open, ToOpenOptions(options.common));
  THIMBLE_ASSIGN_OR_RETURN(const Engine::Description model, host::DescribeModel(open));
  if (options.vision && model.vision_file == nullptr) {
    return Error{Code::kInvalid, Cat("[pack] ", open.model, " has no vision file of its own: ",
                                     model.config.vision.has_value() ? "its pack holds the tower, leave --vision out"
                                                                     : model.vision_choice.why)};
  }
  THIMBLE_ASSIGN_OR_RETURN(const kernels::KernelTable* table, kernels::Choose(DetectCpuFeatures(), open.isa));
  ThreadPool pool(open.threads > 0 ? open.threads : DefaultThreads(DetectCpuTopology()));
  ProgressBar bar("packing");
  LoadOptions load;
  load.pool = &pool;
  load.tower_floats = table->packed->rounded_floats;
  load.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    bar.Show(std::min(1.0, static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(total, 1))));
    return !InterruptGuard::was_interrupted();
  };
  return host::WritePackFile(*model.text_file, model.vision_file.get(), model.config, load,
                             options.vision ? PackedFile::kVision : PackedFile::kText, host::ExpandHome(options.out));
}

}  // namespace

int Pack(const PackOptions& options) {
  const InterruptGuard guard;
  const auto written = WriteIt(options);
  if (!written.ok()) return Fail(written.error());
  std::printf("%s: %s\n", EscapeControls(options.out).c_str(), FormatBytes(written.value()).c_str());
  return kExitOk;
}

}  // namespace thimble::cli
