// SPDX-License-Identifier: Apache-2.0
// What to look for where no model here can see. The address is shown as text; nothing is ever fetched.
export interface ModelThatSees {
  name: string;
  weights: { file: string; bytes: number };
  eyes: { file: string; bytes: number };
  memory: number;
}

// No repository: who publishes these files, and under which names exactly, is for a person to judge.
export const kWhere = 'https://huggingface.co/models?search=Qwen3.5+GGUF';

// Bytes of files with the exact shapes (docs/shapes.md) and the real vocabulary, as these commands write them:
//   tools/make_synthetic.py 0.8b q4_k_m OUT --vocab build/fixtures/tokenizer/qwen35-vocab.gguf --mmproj OUT
//   (the same with 2b and 4b)
// A publisher's may differ by what else stands in them, so the page says "about". `memory` is what a chat needs with the
// eyes and a context of 4,096 tokens: measured for 0.8B (docs/performance.md), for 2B measured without the eyes, and for
// 4B the files with the memory of that context.
export const kModelsThatSee: ModelThatSees[] = [
  {
    name: 'Qwen3.5 0.8B',
    weights: { file: 'Qwen3.5-0.8B-Q4_K_M.gguf', bytes: 527.5e6 },
    eyes: { file: 'mmproj-F16.gguf', bytes: 205e6 },
    memory: 0.8e9,
  },
  {
    name: 'Qwen3.5 2B',
    weights: { file: 'Qwen3.5-2B-Q4_K_M.gguf', bytes: 1.271e9 },
    eyes: { file: 'mmproj-F16.gguf', bytes: 668e6 },
    memory: 2.1e9,
  },
  {
    name: 'Qwen3.5 4B',
    weights: { file: 'Qwen3.5-4B-Q4_K_M.gguf', bytes: 2.708e9 },
    eyes: { file: 'mmproj-F16.gguf', bytes: 672e6 },
    memory: 3.8e9,
  },
];
