// SPDX-License-Identifier: Apache-2.0
// thimble list: the models that have a name here.
#include "base/text.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "host/store.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace thimble::cli {

int List(bool json) {
  std::vector<Json> models = host::ListModels();
  if (json) {
    return PrintJson(
        Json::Object({{"home", Json::String(host::StoreHome())}, {"models", Json::Array(std::move(models))}}));
  }
  std::size_t width = 0;
  for (const Json& model : models) width = std::max(width, model.Find("name")->text().size());
  for (const Json& model : models) {
    const auto bytes = static_cast<std::uint64_t>(model.Find("bytes")->AsInt().value_or(0));
    std::printf("%-*s  %10s  %s\n", static_cast<int>(width), model.Find("name")->text().c_str(),
                FormatBytes(bytes).c_str(), EscapeControls(model.Find("path")->text()).c_str());
  }
  if (models.empty()) Say(Cat("no models yet; `thimble import FILE` puts one into ", host::ModelsFolder()));
  return kExitOk;
}

}  // namespace thimble::cli
