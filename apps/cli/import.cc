// SPDX-License-Identifier: Apache-2.0
// thimble import: brings a model into the store.
#include "host/import.h"

#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "host/store.h"
#include "sys/folder.h"

#include <algorithm>
#include <cstdio>

namespace thimble::cli {

namespace {

// What people should know of the choice that was made for them.
void TellPlan(const host::ImportPlan& plan) {
  const VisionChoice& vision = plan.vision;
  for (const std::string& warning : plan.warnings) {
    const bool is_of_vision = vision.path.empty() && warning == vision.why;
    Warn(is_of_vision ? Cat("no vision file is taken along: ", warning) : warning);
  }
  if (!vision.path.empty()) Say(Cat("vision file ", vision.path, ": ", vision.why));
  if (plan.left_out.empty()) return;
  constexpr std::size_t kMostTold = 20;
  std::string names;
  for (std::size_t i = 0; i < std::min(plan.left_out.size(), kMostTold); ++i)
    names += Cat(i == 0 ? "" : ", ", NameOf(plan.left_out[i]));
  if (plan.left_out.size() > kMostTold) names += Cat(" and ", plan.left_out.size() - kMostTold, " more");
  Say(Cat("not taken along: ", names));
}

Error NoSuchFile(const std::string& path) {
  // The store's names are no paths.
  if (const auto model = ResolveModel(path); host::LooksLikeModel(path) && !model.ok()) return model.error();
  return Error{Code::kNotFound, Cat("[import] there is no ", path)};
}

}  // namespace

int Import(const ImportOptions& options) {
  const std::string path = host::ExpandHome(options.path);
  if (KindOfPath(path) == PathKind::kNothing) return Fail(NoSuchFile(path));
  auto plan = host::PlanImport(path, host::ExpandHome(options.mmproj));
  if (!plan.ok()) return Fail(plan.error());
  host::ImportHow how;
  how.name = options.name.empty() ? host::NameForImport(path) : options.name;
  how.links = options.link;
  if (const Status status = host::CheckImportName(how.name); !status.ok())
    return Fail(Error{status.error().code, Cat(status.error().message, " with --name")});
  TellPlan(plan.value());

  const InterruptGuard guard;
  ProgressBar bar(options.link ? "reading" : "copying");
  how.progress = [&](double share) {
    bar.Show(share);
    return !InterruptGuard::was_interrupted();
  };
  const auto manifest = host::ImportModel(plan.value(), how);
  bar.Clear();
  if (!manifest.ok()) {
    const Error& error = manifest.error();
    const bool may_link = error.code == Code::kExhausted && !options.link;
    return Fail({error.code, Cat(error.message, may_link ? "; --link leaves the files where they are" : "")});
  }
  if (options.json) return PrintJson(manifest.value());
  std::printf("%s: %zu files in %s\nTry: thimble chat %s\n", how.name.c_str(), plan.value().items.size(),
              EscapeControls(Cat(host::ModelsFolder(), "/", how.name)).c_str(), how.name.c_str());
  return kExitOk;
}

}  // namespace thimble::cli
