// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"

#include <array>

namespace thimble {

void MlpLayer(const PassContext& pass, const MlpWeights& weights, MatView<float> out) {
  Scratch& s = *pass.scratch;
  const MatView<float> gate = s.Rows(&s.gate, pass.num_rows, pass.config.mlp);
  const MatView<float> up = s.Rows(&s.up, pass.num_rows, pass.config.mlp);
  MatMul(pass.ops, &s.activations, std::array{Product{&weights.gate, gate}, Product{&weights.up, up}});
  SiluMul(pass.ops, gate, up);
  s.activations.Set(gate);
  MatMul(pass.ops, &s.activations, weights.down, out);
}

}  // namespace thimble
