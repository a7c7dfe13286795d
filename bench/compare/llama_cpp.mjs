// SPDX-License-Identifier: Apache-2.0
// One measurement of llama.cpp through its Node binding, with the library's own prebuilt kernels:
//
//   node llama_cpp.mjs '{"modules": ".../node_modules", "model": "m.gguf", "threads": 2, "prompt": 256, "decode": 32, "depth": 0}'
//
// prints {"prompt": tokens/s, "decode": tokens/s, "version": ...}. What is timed is what `thimble bench` times: reading
// a prompt into an empty context, and decoding one token after another, each with its logits (here also sampled,
// greedily: the binding has no other way). A first turn of everything warms up and is not counted.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import path from "node:path";

const wanted = JSON.parse(process.argv[2]);
const modules = createRequire(path.join(wanted.modules, "/"));
const binding = await import(pathToFileURL(path.join(wanted.modules, "node-llama-cpp/dist/index.js")).href);
const {version} = modules("./node-llama-cpp/package.json");
const release = modules("./node-llama-cpp/llama/llama.cpp.info.json");

const llama = await binding.getLlama({gpu: false, build: "never", maxThreads: wanted.threads,
    logLevel: binding.LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: wanted.model, useMmap: true});
const room = Math.max(wanted.prompt, wanted.depth + wanted.decode) + 8;
const context = await model.createContext({contextSize: Math.ceil(room / 256) * 256, batchSize: 512, sequences: 1,
    threads: {ideal: wanted.threads, min: wanted.threads}, flashAttention: "auto"});

// Any tokens will do, if they are the same ones every time; the ids below every special token of the vocabulary.
const tokens = (count) => Array.from({length: count}, (_, i) => 1000 + (i * 7919) % 200000);

async function withSequence(body) {
    const sequence = context.getSequence();
    try {
        return await body(sequence);
    } finally {
        await sequence.dispose();
    }
}

async function readPrompt(count) {
    return await withSequence(async (sequence) => {
        const begin = performance.now();
        await sequence.evaluateWithoutGeneratingNewTokens(tokens(count));
        return (performance.now() - begin) / 1000;
    });
}

// `count` passes of one token: each token that the iterator gives took one.
async function decode(depth, count) {
    return await withSequence(async (sequence) => {
        if (depth > 0) await sequence.evaluateWithoutGeneratingNewTokens(tokens(depth));
        const begin = performance.now();
        let done = 0;
        for await (const _ of sequence.evaluate([1234], {temperature: 0, yieldEogToken: true})) {
            done += 1;
            if (done >= count) break;
        }
        return (performance.now() - begin) / 1000;
    });
}

const result = {version: `llama.cpp ${release.tag} (node-llama-cpp ${version})`};
for (let turn = 0; turn < 2; turn++) {
    if (wanted.prompt > 0) result.prompt = wanted.prompt / await readPrompt(wanted.prompt);
    if (wanted.decode > 0) result.decode = wanted.decode / await decode(wanted.depth, wanted.decode);
}
process.stdout.write(JSON.stringify(result) + "\n", () => process.exit(0));
