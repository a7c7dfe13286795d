// SPDX-License-Identifier: Apache-2.0
// What a conversation remembers against the reference (fixtures: expected/<model>/cache): convolution tails, recurrent
// states, keys and values after a prompt, and after tokens fed one by one.
#include "conformance/loaded_model.h"
#include "npy.h"

#include <gtest/gtest.h>

namespace thimble {

// Reads a state's private memory, head by head in the file's order.
class StateInspector {
 public:
  explicit StateInspector(const DecoderState& state) : state_(state) {}

  // Committed [U, value_head, key_head] and, behind it, the tail [taps - 1, channels].
  [[nodiscard]] const float* Recurrent(int delta_layer) const {
    return state_.halves_[state_.committed_half_].data() + static_cast<std::size_t>(delta_layer) * state_.layer_floats_;
  }
  [[nodiscard]] const float* Tail(int delta_layer) const { return Recurrent(delta_layer) + state_.state_floats_; }
  // Appends the key, or value, of a token; the cache must be of floats.
  void AppendKey(int attention_layer, int kv_head, int token, std::vector<float>* out) const {
    const KvView kv = state_.Kv(attention_layer);
    const int place = token % KvView::kBlockTokens;
    const auto* block = reinterpret_cast<const float*>(kv.Keys(kv_head, token - place));
    for (int i = 0; i < kv.head; ++i) out->push_back(block[i * KvView::kBlockTokens + place]);
  }
  void AppendValue(int attention_layer, int kv_head, int token, std::vector<float>* out) const {
    const KvView kv = state_.Kv(attention_layer);
    const auto* row = reinterpret_cast<const float*>(kv.Values(kv_head, token)) +
                      static_cast<std::ptrdiff_t>(token % KvView::kPageTokens) * kv.head;
    out->insert(out->end(), row, row + kv.head);
  }

 private:
  const DecoderState& state_;
};

namespace testing {
namespace {

struct Case {
  const char* path;
  const char* expected;
};

class Cache : public ::testing::TestWithParam<Case> {
 protected:
  Cache() : model_(Fixture(GetParam().path), "", Precision::kExact) {}

  [[nodiscard]] static NpyArray Expected(const Json& file) {
    return LoadNpy(Fixture(std::string("expected/") + GetParam().expected + "/cache/" + file.Find("file")->text()));
  }
  // Where the model keeps the value head that the reference counts as `head` (GGUF tiles them, spec 9.3).
  [[nodiscard]] std::size_t OwnHead(std::size_t head) const {
    const DeltaShape& shape = model_.config.delta;
    if (shape.order == HeadOrder::kGrouped) return head;
    const auto keys = static_cast<std::size_t>(shape.num_key_heads);
    const std::size_t r = static_cast<std::size_t>(shape.num_value_heads) / keys;
    return head % r * keys + head / r;
  }
  static void ExpectClose(const std::vector<float>& got, const NpyArray& wanted, const std::string& name) {
    const auto numbers = wanted.As<float>();
    ASSERT_EQ(got.size(), numbers.size()) << name;
    EXPECT_LT(LargestDifference(got, numbers), 1e-4F * Largest(numbers)) << name;
  }

  [[nodiscard]] std::vector<float> States(const StateInspector& state, int delta_layer) const {
    const DeltaShape& shape = model_.config.delta;
    const auto dk = static_cast<std::size_t>(shape.key_head);
    const auto dv = static_cast<std::size_t>(shape.value_head);
    std::vector<float> out;
    for (std::size_t head = 0; head < static_cast<std::size_t>(shape.num_value_heads); ++head) {
      const float* own = state.Recurrent(delta_layer) + OwnHead(head) * dk * dv;
      // The reference's rows are keys, ours are values.
      for (std::size_t i = 0; i < dk * dv; ++i) out.push_back(own[i % dv * dk + i / dv]);
    }
    return out;
  }
  [[nodiscard]] std::vector<float> Tail(const StateInspector& state, int delta_layer) const {
    const DeltaShape& shape = model_.config.delta;
    const auto channels = static_cast<std::size_t>(model_.config.conv_channels());
    const auto keys = 2 * static_cast<std::size_t>(shape.num_key_heads * shape.key_head);
    const auto dv = static_cast<std::size_t>(shape.value_head);
    std::vector<float> out;
    for (std::size_t i = 0; i < 3 * channels; ++i) {
      const std::size_t channel = i % channels;
      const std::size_t own =
          channel < keys ? channel : keys + OwnHead((channel - keys) / dv) * dv + (channel - keys) % dv;
      out.push_back(state.Tail(delta_layer)[i - channel + own]);
    }
    return out;
  }
  [[nodiscard]] std::vector<float> KeyValues(const StateInspector& state, int attention_layer, bool keys,
                                             int num_tokens) const {
    std::vector<float> out;
    for (int kv_head = 0; kv_head < model_.config.num_kv_heads; ++kv_head) {
      for (int token = 0; token < num_tokens; ++token) {
        if (keys) {
          state.AppendKey(attention_layer, kv_head, token, &out);
        } else {
          state.AppendValue(attention_layer, kv_head, token, &out);
        }
      }
    }
    return out;
  }

  // Compares every tensor of `wanted`; all must be of a kind known here.
  void Compare(const DecoderState& decoder_state, const Json& wanted, int num_tokens) {
    const StateInspector state(decoder_state);
    std::size_t compared = 0;
    int delta_layer = 0;
    int attention_layer = 0;
    for (int layer = 0; layer < model_.config.num_layers(); ++layer) {
      const std::string prefix = "layer" + std::to_string(layer);
      const auto compare = [&](const std::string& name, const std::vector<float>& got) {
        if (const Json* file = wanted.Find(prefix + name); file != nullptr) {
          ExpectClose(got, Expected(*file), prefix + name);
          ++compared;
        }
      };
      if (model_.config.layers[static_cast<std::size_t>(layer)] == LayerKind::kDelta) {
        compare("_conv_last3", Tail(state, delta_layer));
        compare("_state", States(state, delta_layer++));
      } else {
        compare("_k", KeyValues(state, attention_layer, true, num_tokens));
        compare("_v", KeyValues(state, attention_layer++, false, num_tokens));
      }
    }
    EXPECT_EQ(compared, wanted.members().size());
  }

  LoadedModel model_;
};

TEST_P(Cache, HoldsWhatTheReferenceHolds) {
  const Json cache = LoadJson(Fixture(std::string("expected/") + GetParam().expected + "/cache/cache.json"));
  const auto ids = Ids(*cache.Find("ids"));
  ASSERT_EQ(ids.size(), 65U);
  DecoderState state = model_.NewState();
  Feed(model_, state, ids, LogitRows::kNone);
  Compare(state, *cache.Find("after_prefill"), 65);

  const NpyArray logits = Expected(*cache.Find("logits_of_those_steps"));
  const auto vocab = static_cast<std::size_t>(model_.config.vocab);
  std::size_t step = 0;
  for (const std::int32_t id : Ids(*cache.Find("then_fed_one_by_one"))) {
    Feed(model_, state, {&id, 1}, LogitRows::kLast);
    EXPECT_LT(LargestDifference(model_.scratch.logits().RowSpan(0), logits.As<float>().subspan(step * vocab, vocab)),
              1e-3F)
        << "step " << step;
    ++step;
  }
  EXPECT_EQ(step, 4U);
  Compare(state, *cache.Find("after_those_steps"), 69);
}

// The same tokens in passes cut anywhere lead to the same memory.
TEST_P(Cache, HoldsTheSameHoweverThePromptWasCut) {
  const Json cache = LoadJson(Fixture(std::string("expected/") + GetParam().expected + "/cache/cache.json"));
  const auto ids = Ids(*cache.Find("ids"));
  for (const std::size_t cut : {1U, 2U, 17U, 40U, 64U}) {
    SCOPED_TRACE(cut);
    DecoderState state = model_.NewState();
    for (std::size_t at = 0; at < ids.size(); at += cut)
      Feed(model_, state, std::span(ids).subspan(at, std::min(cut, ids.size() - at)), LogitRows::kNone);
    Compare(state, *cache.Find("after_prefill"), 65);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Cache,
                         ::testing::Values(Case{"models/text-tied", "text-tied"},
                                           Case{"models/text-untied", "text-untied"},
                                           Case{"models/text-real-heads", "text-real-heads"}, Case{"models/vl", "vl"},
                                           Case{"models/vl-mtp", "vl-mtp"},
                                           Case{"gguf/text-untied-bf16.gguf", "text-untied"},
                                           Case{"gguf/text-real-heads-bf16.gguf", "text-real-heads"},
                                           Case{"gguf/vl-mtp-bf16.gguf", "vl-mtp"}),
                         NamedByPath());

}  // namespace
}  // namespace testing
}  // namespace thimble
