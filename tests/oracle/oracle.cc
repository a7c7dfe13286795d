// SPDX-License-Identifier: Apache-2.0
#include "oracle/oracle.h"

#include "kernels/dequant.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace thimble::oracle {

namespace {

std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double Silu(double x) { return x * Sigmoid(x); }
double Softplus(double x) { return x > 20.0 ? x : std::log1p(std::exp(x)); }

// x [T, K] times w [N, K] transposed.
Matrix Times(const Matrix& x, const Matrix& w) {
  if (x.cols != w.cols) throw std::runtime_error("oracle: shapes of a product differ");
  Matrix out(x.rows, w.rows);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t n = 0; n < w.rows; ++n) {
      double sum = 0;
      for (std::size_t k = 0; k < x.cols; ++k) sum += x.At(t, k) * w.At(n, k);
      out.At(t, n) = sum;
    }
  }
  return out;
}

void Add(Matrix* x, const Matrix& y) {
  for (std::size_t i = 0; i < x->values.size(); ++i) x->values[i] += y.values[i];
}

// Columns first .. first + count - 1 of every row.
Matrix Columns(const Matrix& x, std::size_t first, std::size_t count) {
  Matrix out(x.rows, count);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t i = 0; i < count; ++i) out.At(t, i) = x.At(t, first + i);
  }
  return out;
}

// Every run of `factor.size()` columns divided by its root mean square, times factor.
Matrix RmsNormed(const Matrix& x, const std::vector<double>& factor, double eps) {
  Matrix out(x.rows, x.cols);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t first = 0; first < x.cols; first += factor.size()) {
      double squares = 0;
      for (std::size_t i = 0; i < factor.size(); ++i) squares += x.At(t, first + i) * x.At(t, first + i);
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(factor.size()) + eps);
      for (std::size_t i = 0; i < factor.size(); ++i) out.At(t, first + i) = x.At(t, first + i) * scale * factor[i];
    }
  }
  return out;
}

// The half-split rotation of the first 2 * angles.cols dims of each head: pair (i, i + angles.cols).
void Rotate(Matrix* x, std::size_t head, const Matrix& angles, std::size_t first_row) {
  const std::size_t half = angles.cols;
  for (std::size_t t = 0; t < angles.rows; ++t) {
    for (std::size_t first = 0; first < x->cols; first += head) {
      for (std::size_t i = 0; i < half; ++i) {
        const double a = x->At(first_row + t, first + i);
        const double b = x->At(first_row + t, first + half + i);
        x->At(first_row + t, first + i) = a * std::cos(angles.At(t, i)) - b * std::sin(angles.At(t, i));
        x->At(first_row + t, first + half + i) = b * std::cos(angles.At(t, i)) + a * std::sin(angles.At(t, i));
      }
    }
  }
}

void Softmax(std::vector<double>* scores) {
  const double largest = *std::max_element(scores->begin(), scores->end());
  double sum = 0;
  for (double& score : *scores) sum += score = std::exp(score - largest);
  for (double& score : *scores) score /= sum;
}

Matrix Read(const ModelFile& file, const TensorEntry* entry, const std::string& name) {
  if (entry == nullptr) throw std::runtime_error("oracle: tensor '" + name + "' is missing");
  const auto bytes = file.View(*entry);
  if (!bytes.ok()) throw std::runtime_error(bytes.error().message);
  const std::size_t count = Size(entry->num_elements());
  std::vector<float> floats(count);
  kernels::RowToFloat(entry->dtype)(bytes.value().data(), entry->num_elements(), floats.data());
  const std::size_t rows = entry->shape.empty() ? 1 : Size(entry->shape[0]);
  Matrix out(rows, count / rows);
  std::copy(floats.begin(), floats.end(), out.values.begin());
  return out;
}

// Spec 2.4: the axis of frequency j.
std::size_t AxisOf(std::size_t j, const std::array<int, 3>& sections) {
  if (j % 3 == 1 && j < 3 * Size(sections[1])) return 1;
  if (j % 3 == 2 && j < 3 * Size(sections[2])) return 2;
  return 0;
}

Matrix TextAngles(std::span<const Position3> positions, const ModelConfig& config) {
  Matrix angles(positions.size(), Size(config.rotary) / 2);
  for (std::size_t t = 0; t < angles.rows; ++t) {
    for (std::size_t j = 0; j < angles.cols; ++j) {
      const double frequency = std::pow(config.rope_theta, -2.0 * static_cast<double>(j) / config.rotary);
      angles.At(t, j) = positions[t][AxisOf(j, config.rope_sections)] * frequency;
    }
  }
  return angles;
}

}  // namespace

Matrix Matrix::Rows(std::size_t first, std::size_t count) const {
  Matrix out(count, cols);
  std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(first * cols), count * cols, out.values.begin());
  return out;
}

void Matrix::AddRow(const Matrix& from, std::size_t row) {
  cols = from.cols;
  for (std::size_t i = 0; i < cols; ++i) values.push_back(from.At(row, i));
  ++rows;
}

std::vector<Position3> TextPositions(std::size_t count) {
  std::vector<Position3> positions(count);
  for (std::size_t t = 0; t < count; ++t) positions[t].fill(static_cast<int>(t));
  return positions;
}

const Matrix& Oracle::Weight(const WeightName& name, int layer, bool is_draft) {
  std::string full = NameOfLayer(is_gguf() ? name.gguf : name.hf, layer);
  if (is_draft && !is_gguf() && !full.starts_with("mtp.")) full = "mtp." + NameOfLayer(name.hf, 0);
  const auto known = weights_.find(full);
  if (known != weights_.end()) return known->second;
  const TensorEntry* entry = is_gguf() ? text_->Find(full) : FindHfText(*text_, full);
  return weights_[full] = Read(*text_, entry, full);
}

Matrix Oracle::Norm(const Matrix& x, const WeightName& name, int layer, bool is_draft) {
  std::vector<double> factor = Weight(name, layer, is_draft).values;
  for (double& f : factor) f += is_gguf() ? 0.0 : 1.0;
  return RmsNormed(x, factor, static_cast<double>(config_.norm_eps));
}

Matrix Oracle::Hidden(std::span<const std::int32_t> ids, std::span<const Position3> positions,
                      std::span<const std::int32_t> picture_row, const Matrix& pictures, const Observer& observe) {
  const Matrix& embedding = Weight(names::kEmbedding, 0);
  Matrix x(0, embedding.cols);
  for (std::size_t t = 0; t < ids.size(); ++t) {
    if (!picture_row.empty() && picture_row[t] >= 0) {
      x.AddRow(pictures, Size(picture_row[t]));
    } else {
      x.AddRow(embedding, Size(ids[t]));
    }
  }
  if (observe) observe("embeddings", 0, x);
  for (int layer = 0; layer < config_.num_layers(); ++layer) {
    Layer(Pass{positions, observe, layer, false}, config_.layers[Size(layer)] == LayerKind::kAttention, &x);
    if (observe) observe("layer_out", layer, x);
  }
  const Matrix hidden = Norm(x, names::kFinalNorm, 0);
  if (observe) observe("final_norm", 0, hidden);
  return hidden;
}

Matrix Oracle::Logits(const Matrix& hidden) {
  return Times(hidden, Weight(config_.is_tied ? names::kEmbedding : names::kOutput, 0));
}

void Oracle::Layer(const Pass& pass, bool is_attention, Matrix* x) {
  const std::string prefix = is_attention ? "attn" : "gdn";
  const auto observe = [&](const std::string& name, const Matrix& values) {
    if (pass.observe) pass.observe(prefix + name, pass.layer, values);
  };
  const Matrix mixer_in = Norm(*x, names::kMixerNorm, pass.layer, pass.is_draft);
  observe("_norm_in", mixer_in);
  Add(x, is_attention ? Attention(pass, mixer_in) : Delta(pass, mixer_in));
  const Matrix mlp_in = Norm(*x, names::kMlpNorm, pass.layer, pass.is_draft);
  observe("_layer_post_norm", mlp_in);
  Matrix inner = Times(mlp_in, Weight(names::kMlpGate, pass.layer, pass.is_draft));
  const Matrix up = Times(mlp_in, Weight(names::kMlpUp, pass.layer, pass.is_draft));
  for (std::size_t i = 0; i < inner.values.size(); ++i) inner.values[i] = Silu(inner.values[i]) * up.values[i];
  const Matrix out = Times(inner, Weight(names::kMlpDown, pass.layer, pass.is_draft));
  observe("_layer_mlp", out);
  Add(x, out);
}

Matrix Oracle::Attention(const Pass& pass, const Matrix& x) {
  const auto observe = [&](const char* name, const Matrix& values) {
    if (pass.observe) pass.observe(name, pass.layer, values);
  };
  const std::size_t heads = Size(config_.num_heads);
  const std::size_t head = Size(config_.head);
  const std::size_t group = heads / Size(config_.num_kv_heads);
  const Matrix both = Times(x, Weight(names::kQ, pass.layer, pass.is_draft));
  observe("attn_q_proj", both);
  Matrix q(x.rows, heads * head);
  Matrix gate(x.rows, heads * head);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t i = 0; i < heads * head; ++i) {
      q.At(t, i) = both.At(t, i / head * 2 * head + i % head);
      gate.At(t, i) = both.At(t, i / head * 2 * head + head + i % head);
    }
  }
  observe("attn_gate", gate);
  Matrix k = Times(x, Weight(names::kK, pass.layer, pass.is_draft));
  const Matrix v = Times(x, Weight(names::kV, pass.layer, pass.is_draft));
  observe("attn_k_proj", k);
  observe("attn_v_proj", v);
  q = Norm(q, names::kQNorm, pass.layer, pass.is_draft);
  k = Norm(k, names::kKNorm, pass.layer, pass.is_draft);
  observe("attn_q_after_norm", q);
  observe("attn_k_after_norm", k);
  const Matrix angles = TextAngles(pass.positions, config_);
  Matrix cosines(angles.rows, 2 * angles.cols);
  Matrix sines(angles.rows, 2 * angles.cols);
  for (std::size_t t = 0; t < cosines.rows; ++t) {
    for (std::size_t i = 0; i < cosines.cols; ++i) {
      cosines.At(t, i) = std::cos(angles.At(t, i % angles.cols));
      sines.At(t, i) = std::sin(angles.At(t, i % angles.cols));
    }
  }
  observe("rope_cos", cosines);
  observe("rope_sin", sines);
  Rotate(&q, head, angles, 0);
  Rotate(&k, head, angles, 0);
  observe("attn_q_rope", q);
  observe("attn_k_rope", k);

  Matrix probabilities(heads * x.rows, x.rows);
  Matrix context(x.rows, heads * head);
  for (std::size_t h = 0; h < heads; ++h) {
    const std::size_t kv = h / group * head;
    for (std::size_t t = 0; t < x.rows; ++t) {
      std::vector<double> scores(t + 1);
      for (std::size_t s = 0; s <= t; ++s) {
        for (std::size_t i = 0; i < head; ++i) scores[s] += q.At(t, h * head + i) * k.At(s, kv + i);
        scores[s] /= std::sqrt(static_cast<double>(head));
      }
      Softmax(&scores);
      for (std::size_t s = 0; s <= t; ++s) {
        probabilities.At(h * x.rows + t, s) = scores[s];
        for (std::size_t i = 0; i < head; ++i) context.At(t, h * head + i) += scores[s] * v.At(s, kv + i);
      }
    }
  }
  observe("attn_scores_softmax", probabilities);
  observe("attn_context", context);
  for (std::size_t i = 0; i < context.values.size(); ++i) context.values[i] *= Sigmoid(gate.values[i]);
  observe("attn_gated", context);
  const Matrix out = Times(context, Weight(names::kAttentionOut, pass.layer, pass.is_draft));
  observe("attn_o_proj", out);
  return out;
}

Matrix Oracle::Delta(const Pass& pass, const Matrix& x) {
  const auto observe = [&](const char* name, const Matrix& values) {
    if (pass.observe) pass.observe(name, pass.layer, values);
  };
  const std::size_t keys = Size(config_.delta.num_key_heads) * Size(config_.delta.key_head);
  const std::size_t values = Size(config_.delta.num_value_heads) * Size(config_.delta.value_head);
  const Matrix projected = Times(x, Weight(names::kDeltaQkv, pass.layer));
  const Matrix z = Times(x, Weight(names::kDeltaZ, pass.layer));
  const Matrix b = Times(x, Weight(names::kDeltaBeta, pass.layer));
  const Matrix a = Times(x, Weight(names::kDeltaAlpha, pass.layer));
  observe("gdn_in_proj_qkv", projected);
  observe("gdn_in_proj_z", z);
  observe("gdn_in_proj_b", b);
  observe("gdn_in_proj_a", a);

  const Matrix& taps = Weight(names::kDeltaConv, pass.layer);
  Matrix u(x.rows, projected.cols);
  for (std::size_t t = 0; t < u.rows; ++t) {
    for (std::size_t c = 0; c < u.cols; ++c) {
      double sum = 0;
      for (std::size_t j = 0; j < taps.cols; ++j) {
        if (t + j + 1 >= taps.cols) sum += taps.At(c, j) * projected.At(t + j + 1 - taps.cols, c);
      }
      u.At(t, c) = Silu(sum);
    }
  }
  const Matrix q = Columns(u, 0, keys);
  const Matrix k = Columns(u, keys, keys);
  const Matrix v = Columns(u, 2 * keys, values);
  observe("gdn_q", q);
  observe("gdn_k", k);
  observe("gdn_v", v);
  Matrix o = DeltaRule(pass, q, k, v, a, b);
  observe("gdn_delta_out", o);
  o = RmsNormed(o, Weight(names::kDeltaNorm, pass.layer).values, static_cast<double>(config_.norm_eps));
  for (std::size_t i = 0; i < o.values.size(); ++i) o.values[i] *= Silu(z.values[i]);
  observe("gdn_gated_norm", o);
  const Matrix out = Times(o, Weight(names::kDeltaOut, pass.layer));
  observe("gdn_out_proj", out);
  return out;
}

Matrix Oracle::DeltaRule(const Pass& pass, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& a,
                         const Matrix& b) {
  const DeltaShape& shape = config_.delta;
  const std::size_t heads = Size(shape.num_value_heads);
  const std::size_t key_heads = Size(shape.num_key_heads);
  const std::size_t dk = Size(shape.key_head);
  const std::size_t dv = Size(shape.value_head);
  Matrix g(a.rows, heads);
  Matrix beta(a.rows, heads);
  for (std::size_t t = 0; t < a.rows; ++t) {
    for (std::size_t h = 0; h < heads; ++h) {
      const double stored = Weight(names::kDeltaA, pass.layer).values[h];
      const double rate = is_gguf() ? stored : -std::exp(stored);
      g.At(t, h) = rate * Softplus(a.At(t, h) + Weight(names::kDeltaDt, pass.layer).values[h]);
      beta.At(t, h) = Sigmoid(b.At(t, h));
    }
  }
  const auto normalised = [&](const Matrix& from, std::size_t t, std::size_t head) {
    std::vector<double> row(dk);
    double squares = 0;
    for (std::size_t i = 0; i < dk; ++i) squares += from.At(t, head * dk + i) * from.At(t, head * dk + i);
    for (std::size_t i = 0; i < dk; ++i) row[i] = from.At(t, head * dk + i) / std::sqrt(squares + 1e-6);
    return row;
  };
  Matrix out(v.rows, heads * dv);
  Matrix states(heads, dk * dv);  // a row is a head's [dk, dv]
  for (std::size_t h = 0; h < heads; ++h) {
    const std::size_t source = shape.order == HeadOrder::kGrouped ? h / (heads / key_heads) : h % key_heads;
    Matrix state(dk, dv);
    for (std::size_t t = 0; t < v.rows; ++t) {
      const std::vector<double> query = normalised(q, t, source);
      const std::vector<double> key = normalised(k, t, source);
      for (double& s : state.values) s *= std::exp(g.At(t, h));
      for (std::size_t j = 0; j < dv; ++j) {
        double m = 0;
        for (std::size_t i = 0; i < dk; ++i) m += state.At(i, j) * key[i];
        const double delta = beta.At(t, h) * (v.At(t, h * dv + j) - m);
        for (std::size_t i = 0; i < dk; ++i) state.At(i, j) += key[i] * delta;
        double sum = 0;
        for (std::size_t i = 0; i < dk; ++i) sum += state.At(i, j) * query[i];
        out.At(t, h * dv + j) = sum / std::sqrt(static_cast<double>(dk));
      }
    }
    for (std::size_t i = 0; i < dk * dv; ++i) states.At(h, i) = state.values[i];
  }
  if (pass.observe) {
    pass.observe("gdn_g", pass.layer, g);
    pass.observe("gdn_beta", pass.layer, beta);
    pass.observe("gdn_state", pass.layer, states);
  }
  return out;
}

Matrix Oracle::Drafts(const Matrix& hidden, std::span<const std::int32_t> next_ids,
                      std::span<const Position3> positions) {
  const int layer = config_.num_layers();
  Matrix embedded;
  for (const std::int32_t id : next_ids) embedded.AddRow(Weight(names::kEmbedding, 0), Size(id));
  const Matrix e = Norm(embedded, names::kMtpEmbeddingNorm, layer, true);
  const Matrix h = Norm(hidden, names::kMtpHiddenNorm, layer, true);
  Matrix pairs(e.rows, e.cols + h.cols);
  for (std::size_t t = 0; t < pairs.rows; ++t) {
    for (std::size_t i = 0; i < pairs.cols; ++i) pairs.At(t, i) = i < e.cols ? e.At(t, i) : h.At(t, i - e.cols);
  }
  Matrix x = Times(pairs, Weight(names::kMtpFc, layer, true));
  Layer(Pass{positions, {}, layer, true}, true, &x);
  return Norm(x, names::kMtpFinalNorm, layer, true);
}

const VisionConfig& Oracle::vision_config() const {
  if (!config_.vision.has_value()) throw std::runtime_error("oracle: the model has no vision tower");
  return *config_.vision;
}

const Matrix& Oracle::VisionWeight(const WeightName& stem, const char* suffix, int layer) {
  const ModelFile& file = vision_ != nullptr ? *vision_ : *text_;
  const bool gguf = file.format() == ModelFile::Format::kGguf;
  const std::string full = NameOfLayer(gguf ? stem.gguf : stem.hf, layer) + suffix;
  const auto known = weights_.find("vision " + full);
  if (known != weights_.end()) return known->second;
  return weights_["vision " + full] = Read(file, gguf ? file.Find(full) : FindHfVision(file, full), full);
}

// Columns (channel, frame of the pair, y, x). GGUF holds the two frames' columns as two tensors.
Matrix Oracle::PatchWeight() {
  const Matrix& first = VisionWeight(names::kPatch, "", 0);
  if (vision_ == nullptr) return first;
  const Matrix& second = VisionWeight(names::kPatchSecond, "", 0);
  const std::size_t area = Size(vision_config().patches.patch) * Size(vision_config().patches.patch);
  Matrix out(first.rows, 2 * first.cols);
  for (std::size_t n = 0; n < first.rows; ++n) {
    for (std::size_t i = 0; i < out.cols; ++i) {
      const std::size_t channel = i / (2 * area);
      const bool is_first = i / area % 2 == 0;
      out.At(n, i) = (is_first ? first : second).At(n, channel * area + i % area);
    }
  }
  return out;
}

Matrix Oracle::VisionNorm(const Matrix& x, const WeightName& stem, int layer) {
  const Matrix& weight = VisionWeight(stem, "weight", layer);
  const Matrix& bias = VisionWeight(stem, "bias", layer);
  const auto width = static_cast<double>(x.cols);
  Matrix out(x.rows, x.cols);
  for (std::size_t t = 0; t < x.rows; ++t) {
    double mean = 0;
    for (std::size_t i = 0; i < x.cols; ++i) mean += x.At(t, i) / width;
    double variance = 0;
    for (std::size_t i = 0; i < x.cols; ++i) variance += std::pow(x.At(t, i) - mean, 2) / width;
    const double scale = 1.0 / std::sqrt(variance + static_cast<double>(vision_config().norm_eps));
    for (std::size_t i = 0; i < x.cols; ++i)
      out.At(t, i) = (x.At(t, i) - mean) * scale * weight.values[i] + bias.values[i];
  }
  return out;
}

Matrix Oracle::VisionLinear(const Matrix& x, const WeightName& stem, int layer) {
  Matrix out = Times(x, VisionWeight(stem, "weight", layer));
  const Matrix& bias = VisionWeight(stem, "bias", layer);
  for (std::size_t t = 0; t < out.rows; ++t) {
    for (std::size_t i = 0; i < out.cols; ++i) out.At(t, i) += bias.values[i];
  }
  return out;
}

// Every patch attends those of its own frame; qkv rows are all queries, all keys, all values.
Matrix Oracle::VisionAttention(const Matrix& qkv, const Matrix& angles, std::size_t per_frame) const {
  const std::size_t width = Size(vision_config().width);
  const std::size_t head = Size(vision_config().head);
  Matrix q = Columns(qkv, 0, width);
  Matrix k = Columns(qkv, width, width);
  const Matrix v = Columns(qkv, 2 * width, width);
  Matrix out(qkv.rows, width);
  for (std::size_t frame = 0; frame < qkv.rows; frame += per_frame) {
    Rotate(&q, head, angles, frame);
    Rotate(&k, head, angles, frame);
    for (std::size_t first = 0; first < width; first += head) {
      for (std::size_t t = frame; t < frame + per_frame; ++t) {
        std::vector<double> scores(per_frame);
        for (std::size_t s = 0; s < per_frame; ++s) {
          for (std::size_t i = first; i < first + head; ++i) scores[s] += q.At(t, i) * k.At(frame + s, i);
          scores[s] /= std::sqrt(static_cast<double>(head));
        }
        Softmax(&scores);
        for (std::size_t s = 0; s < per_frame; ++s) {
          for (std::size_t i = first; i < first + head; ++i) out.At(t, i) += scores[s] * v.At(frame + s, i);
        }
      }
    }
  }
  return out;
}

namespace {

// Row and column of each patch of a frame: 2x2 blocks in raster order, raster order within.
std::vector<std::array<int, 2>> PlacesOf(int grid_h, int grid_w) {
  std::vector<std::array<int, 2>> places;
  const int blocks_across = grid_w / 2;
  for (int patch = 0; patch < grid_h * grid_w; ++patch) {
    const int block = patch / 4;
    places.push_back({block / blocks_across * 2 + patch % 4 / 2, block % blocks_across * 2 + patch % 2});
  }
  return places;
}

// Learned positions between the four nearest points of the table's square grid (spec 3.3).
Matrix LearnedPositions(const Matrix& table, int side, std::span<const std::array<int, 2>> places, int grid_h,
                        int grid_w) {
  Matrix out(places.size(), table.cols);
  for (std::size_t p = 0; p < places.size(); ++p) {
    const double y = static_cast<double>(places[p][0]) * (side - 1) / std::max(grid_h - 1, 1);
    const double x = static_cast<double>(places[p][1]) * (side - 1) / std::max(grid_w - 1, 1);
    // A tent over each grid point: 1 at the point, 0 one step away.
    for (int row = 0; row < side; ++row) {
      for (int col = 0; col < side; ++col) {
        const double share = std::max(0.0, 1 - std::fabs(y - row)) * std::max(0.0, 1 - std::fabs(x - col));
        if (share <= 0) continue;
        for (std::size_t i = 0; i < table.cols; ++i) out.At(p, i) += share * table.At(Size(row * side + col), i);
      }
    }
  }
  return out;
}

}  // namespace

Matrix Oracle::Tower(const Matrix& patches, int grid_t, int grid_h, int grid_w, const Observer& observe) {
  const VisionConfig& c = vision_config();
  const auto report = [&](const char* name, const Matrix& values) {
    if (observe) observe(name, 0, values);
  };
  const auto places = PlacesOf(grid_h, grid_w);
  Matrix x = Times(patches, PatchWeight());
  const Matrix& patch_bias = VisionWeight(names::kPatchBias, "", 0);
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += patch_bias.values[i % x.cols];
  report("patch_embed", x);
  const Matrix learned =
      LearnedPositions(VisionWeight(names::kPositions, "", 0), c.position_side, places, grid_h, grid_w);
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += learned.values[i % learned.values.size()];
  report("with_positions", x);

  const std::size_t quarter = Size(c.head) / 4;
  Matrix angles(places.size(), 2 * quarter);
  for (std::size_t p = 0; p < angles.rows; ++p) {
    for (std::size_t i = 0; i < angles.cols; ++i) {
      const double frequency =
          std::pow(c.rope_theta, -2.0 * static_cast<double>(i % quarter) / (static_cast<double>(c.head) / 2));
      angles.At(p, i) = places[p][i < quarter ? 0 : 1] * frequency;
    }
  }
  for (int block = 0; block < c.depth; ++block) {
    const Matrix qkv = VisionLinear(VisionNorm(x, names::kVisionNorm1, block), names::kVisionQkv, block);
    Add(&x, VisionLinear(VisionAttention(qkv, angles, x.rows / Size(grid_t)), names::kVisionProj, block));
    Matrix inner = VisionLinear(VisionNorm(x, names::kVisionNorm2, block), names::kVisionFc1, block);
    for (double& v : inner.values)
      v = 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v)));
    Add(&x, VisionLinear(inner, names::kVisionFc2, block));
    if (block == 0) report("block0", x);
  }
  report("blocks_out", x);
  Matrix normed = VisionNorm(x, names::kMergerNorm, 0);
  normed.cols *= 4;
  normed.rows /= 4;
  Matrix inner = VisionLinear(normed, names::kMergerFc1, 0);
  for (double& v : inner.values) v = 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
  const Matrix merged = VisionLinear(inner, names::kMergerFc2, 0);
  report("merged", merged);
  return merged;
}

}  // namespace thimble::oracle
