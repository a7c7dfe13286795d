// SPDX-License-Identifier: Apache-2.0
// As model_tokens, with llama.cpp: bench/README.md says how it is built, outside of this repository's build.
//   llama_tokens MODEL PROMPT DECODE
#include "llama.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("llama_tokens MODEL PROMPT DECODE\n", stderr);
    return 2;
  }
  const int prompt = std::atoi(argv[2]);
  const int decode = std::atoi(argv[3]);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<unsigned>(prompt + decode);
  params.n_threads = 1;
  params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return 1;
  const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
  std::vector<llama_token> tokens(static_cast<std::size_t>(prompt));
  for (llama_token& token : tokens) token = std::rand() % vocab;
  // Both give the logits of their last token.
  if (llama_decode(context, llama_batch_get_one(tokens.data(), prompt)) != 0) return 1;
  for (int i = 0; i < decode; ++i) {
    llama_token token = std::rand() % vocab;
    if (llama_decode(context, llama_batch_get_one(&token, 1)) != 0) return 1;
  }
  llama_free(context);
  llama_model_free(model);
  return 0;
}
