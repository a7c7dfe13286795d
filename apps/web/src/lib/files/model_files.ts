// SPDX-License-Identifier: Apache-2.0
// Which files make a model, what it is called, and in which order they are sent: the weights last, since the model gets
// its name with the file that makes it whole.
interface NamedFile {
  name: string;
  size: number;
}

const kKinds = /\.(gguf|safetensors|json|jinja|txt)$/i;
const kEyes = /mmproj/i;

export function isModelFile(file: NamedFile): boolean {
  return kKinds.test(file.name);
}

function rank(file: NamedFile): number {
  if (kEyes.test(file.name)) return 1;
  return /\.(gguf|safetensors)$/i.test(file.name) ? 2 : 0;
}

export function sendingOrder<T extends NamedFile>(files: readonly T[]): T[] {
  return files.filter(isModelFile).sort((a, b) => rank(a) - rank(b) || a.size - b.size || (a.name < b.name ? -1 : 1));
}

// From the largest file that is not the vision file: "Qwen3.5-0.8B-Q4_K_M.gguf" is Qwen3.5-0.8B-Q4_K_M.
export function modelName(files: readonly NamedFile[]): string {
  const weights = files.filter((file) => rank(file) === 2).sort((a, b) => b.size - a.size)[0] ?? files[0];
  const bare = (weights?.name ?? '').replace(kKinds, '').replace(/-\d{5}-of-\d{5}$/, '');
  return bare.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '').slice(0, 64) || 'model';
}
