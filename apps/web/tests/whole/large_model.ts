// SPDX-License-Identifier: Apache-2.0
// A model file of any size with the shapes of Qwen3.5-0.8B, a vocabulary of another file and drawn weights (as
// tools/make_synthetic.py writes them, in Q8_0 and of fewer layers): what it says is nonsense, what it takes is not.
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

const [kWidth, kMlp, kQueries, kKeys, kHead] = [1024, 3584, 8, 2, 256];
const [kDeltaKeys, kDeltaValues, kDeltaHead] = [16, 16, 128];
const [kF32, kQ8] = [0, 8];
const kAlign = 32;

interface Tensor {
  name: string;
  shape: number[]; // as GGUF: the innermost first
  fill: 'matrix' | 'one' | 'decay' | 'small';
}

function u32(...values: number[]): Buffer {
  return Buffer.from(new Uint32Array(values).buffer);
}
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
const float = (value: number) => Buffer.from(new Float32Array([value]).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const field = (key: string, kind: number, value: Buffer) => Buffer.concat([text(key), u32(kind), value]);
const whole = (key: string, value: number) => field(key, 4, u32(value));

// The tokenizer.* entries of another GGUF file, as the bytes they are, and how many tokens they have.
function tokenizerOf(path: string): { fields: Buffer[]; tokens: number } {
  const data = readFileSync(path);
  const sizes: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
  const number = (at: number) => Number(data.readBigUInt64LE(at));
  const skip = (kind: number, at: number): number => {
    if (kind === 8) return at + 8 + number(at);
    if (kind !== 9) return at + sizes[kind]!;
    const [item, count] = [data.readUInt32LE(at), number(at + 4)];
    at += 12;
    if (item in sizes) return at + count * sizes[item]!;
    for (let i = 0; i < count; i++) at = skip(item, at);
    return at;
  };
  const found = { fields: [] as Buffer[], tokens: 0 };
  let at = 24;
  for (let left = number(16); left > 0; left--) {
    const begin = at;
    at += 8 + number(at);
    const key = data.toString('utf8', begin + 8, at);
    if (key === 'tokenizer.ggml.tokens') found.tokens = number(at + 8);
    at = skip(data.readUInt32LE(at), at + 4);
    if (key.startsWith('tokenizer.')) found.fields.push(data.subarray(begin, at));
  }
  return found;
}

function fieldsOf(layers: number): Buffer[] {
  const p = 'qwen35.';
  const sections = Buffer.concat([u32(5), u64(4), u32(11, 11, 10, 0)]);
  return [
    field('general.architecture', 8, text('qwen35')), field('general.type', 8, text('model')), field('general.name', 8, text('Large and drawn')),
    whole(`${p}block_count`, layers), whole(`${p}context_length`, 262_144), whole(`${p}embedding_length`, kWidth),
    whole(`${p}feed_forward_length`, kMlp), whole(`${p}attention.head_count`, kQueries), whole(`${p}attention.head_count_kv`, kKeys),
    field(`${p}rope.dimension_sections`, 9, sections), field(`${p}rope.freq_base`, 6, float(1e7)),
    field(`${p}attention.layer_norm_rms_epsilon`, 6, float(1e-6)), whole(`${p}attention.key_length`, kHead), whole(`${p}attention.value_length`, kHead),
    whole(`${p}ssm.conv_kernel`, 4), whole(`${p}ssm.state_size`, kDeltaHead), whole(`${p}ssm.group_count`, kDeltaKeys),
    whole(`${p}ssm.time_step_rank`, kDeltaValues), whole(`${p}ssm.inner_size`, kDeltaValues * kDeltaHead), whole(`${p}full_attention_interval`, 4),
    whole(`${p}rope.dimension_count`, 64), whole('general.quantization_version', 2), whole('general.file_type', 7),
  ];
}

function tensorsOf(layers: number, tokens: number): Tensor[] {
  const [qkv, values] = [2 * kDeltaKeys * kDeltaHead + kDeltaValues * kDeltaHead, kDeltaValues * kDeltaHead];
  const list: Tensor[] = [
    { name: 'token_embd.weight', shape: [kWidth, tokens], fill: 'matrix' },
    { name: 'output_norm.weight', shape: [kWidth], fill: 'one' },
  ];
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: number[], fill: Tensor['fill'] = 'matrix') => list.push({ name: `blk.${layer}.${name}`, shape, fill });
    add('attn_norm.weight', [kWidth], 'one');
    add('post_attention_norm.weight', [kWidth], 'one');
    add('ffn_gate.weight', [kWidth, kMlp]);
    add('ffn_up.weight', [kWidth, kMlp]);
    add('ffn_down.weight', [kMlp, kWidth]);
    if ((layer + 1) % 4 === 0) {
      add('attn_q.weight', [kWidth, kQueries * 2 * kHead]);
      add('attn_k.weight', [kWidth, kKeys * kHead]);
      add('attn_v.weight', [kWidth, kKeys * kHead]);
      add('attn_output.weight', [kQueries * kHead, kWidth]);
      add('attn_q_norm.weight', [kHead], 'one');
      add('attn_k_norm.weight', [kHead], 'one');
    } else {
      add('attn_qkv.weight', [kWidth, qkv]);
      add('attn_gate.weight', [kWidth, values]);
      add('ssm_beta.weight', [kWidth, kDeltaValues]);
      add('ssm_alpha.weight', [kWidth, kDeltaValues]);
      add('ssm_conv1d.weight', [4, qkv], 'small');
      add('ssm_dt.bias', [kDeltaValues], 'small');
      add('ssm_a', [kDeltaValues], 'decay');
      add('ssm_norm.weight', [kDeltaHead], 'one');
      add('ssm_out.weight', [values, kWidth]);
    }
  }
  return list;
}

const countOf = ({ shape }: Tensor) => shape.reduce((product, size) => product * size, 1);
const bytesOf = (tensor: Tensor) => (tensor.fill === 'matrix' ? (countOf(tensor) / 32) * 34 : countOf(tensor) * 4);
const aligned = (bytes: number) => Math.ceil(bytes / kAlign) * kAlign;

// The same numbers each time.
function drawn(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

// Blocks of 32 codes behind a factor that makes weights of about 0.7 / sqrt(rows).
function blocksOf(draw: () => number, bytes: number): Buffer {
  const pool = Buffer.from(Uint8Array.from({ length: bytes }, () => draw() * 256));
  for (let at = 0; at < bytes; at += 34) pool.writeUInt16LE(0x0cb0, at); // 0.000286 as a half: 0.7 / 32 / 74
  return pool;
}

function valuesOf(tensor: Tensor, draw: () => number): Buffer {
  const value = { one: () => 1 + 0.1 * (draw() - 0.5), small: () => 0.4 * (draw() - 0.5), decay: () => -Math.exp(5 * draw() - 3), matrix: () => 0 }[tensor.fill];
  return Buffer.from(Float32Array.from({ length: countOf(tensor) }, value).buffer);
}

export interface LargeModel {
  layers: number; // a multiple of 4, of about 21 MB each
  vocabulary: string; // a GGUF file; the real one makes an embedding of 270 MB
  isEmpty?: boolean; // holes in place of matrices: nobody is to read them
}

// Gives the file's bytes.
export function writeLargeModel(path: string, { layers, vocabulary, isEmpty = false }: LargeModel): number {
  const draw = drawn();
  const tokenizer = tokenizerOf(vocabulary);
  const tensors = tensorsOf(layers, tokenizer.tokens);
  const fields = [...fieldsOf(layers), ...tokenizer.fields];
  const infos: Buffer[] = [];
  let offset = 0;
  for (const tensor of tensors) {
    const shape = tensor.shape.map(u64);
    infos.push(Buffer.concat([text(tensor.name), u32(shape.length), ...shape, u32(tensor.fill === 'matrix' ? kQ8 : kF32), u64(offset)]));
    offset += aligned(bytesOf(tensor));
  }
  const head = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(fields.length), ...fields, ...infos]);
  const begin = aligned(head.length);
  const blocks = blocksOf(draw, 34 * 61_681); // 2 MB that repeat
  const file = openSync(path, 'w');
  try {
    ftruncateSync(file, begin + offset);
    writeSync(file, head, 0, head.length, 0);
    let at = begin;
    for (const tensor of tensors) {
      const bytes = bytesOf(tensor);
      if (tensor.fill !== 'matrix') writeSync(file, valuesOf(tensor, draw), 0, bytes, at);
      else if (!isEmpty) for (let done = 0; done < bytes; done += blocks.length) writeSync(file, blocks, 0, Math.min(blocks.length, bytes - done), at + done);
      at += aligned(bytes);
    }
  } finally {
    closeSync(file);
  }
  return begin + offset;
}
