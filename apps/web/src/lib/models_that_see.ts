// SPDX-License-Identifier: Apache-2.0
// What to look for where no model here can see. Addresses are shown as text; nothing is ever fetched. Sizes are about what
// the files have; `memory` is what the model needs with its eyes and a context of some thousand tokens.
export interface ModelThatSees {
  name: string;
  weights: { file: string; bytes: number };
  eyes: { file: string; bytes: number };
  memory: number;
  where: string;
}

export const kModelsThatSee: ModelThatSees[] = [
  {
    name: 'Qwen3.5 0.8B',
    weights: { file: 'Qwen3.5-0.8B-Q4_K_M.gguf', bytes: 530e6 },
    eyes: { file: 'mmproj-F16.gguf', bytes: 205e6 },
    memory: 0.95e9,
    where: 'https://huggingface.co/unsloth/Qwen3.5-0.8B-GGUF',
  },
  {
    name: 'Qwen3.5 2B',
    weights: { file: 'Qwen3.5-2B-Q4_K_M.gguf', bytes: 1.3e9 },
    eyes: { file: 'mmproj-F16.gguf', bytes: 670e6 },
    memory: 2.4e9,
    where: 'https://huggingface.co/unsloth/Qwen3.5-2B-GGUF',
  },
];
