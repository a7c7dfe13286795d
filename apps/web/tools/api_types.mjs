// SPDX-License-Identifier: Apache-2.0
// Writes src/lib/api_types.ts from the service's OpenAPI document: one type for each schema, and the list of its routes.
//   node tools/api_types.mjs [--check]     --check: fails where the file is not what the document says
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const document = JSON.parse(readFileSync(join(root, 'src/service/openapi.json'), 'utf8'));

const nameOf = (reference) => reference.split('/').at(-1);
const keyOf = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name));

function typeOf(schema, indent = '') {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return 'unknown';
  if (schema.$ref) return nameOf(schema.$ref);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  for (const [word, sign] of [['anyOf', ' | '], ['oneOf', ' | '], ['allOf', ' & ']]) {
    if (schema[word]) return schema[word].map((part) => `(${typeOf(part, indent)})`).join(sign);
  }
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ');
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `(${typeOf(schema.items, indent)})[]`;
    default:
      return objectOf(schema, indent);
  }
}

function objectOf(schema, indent) {
  if (!schema.properties) return 'Record<string, unknown>';
  const deeper = `${indent}  `;
  const lines = Object.entries(schema.properties).map(
    ([name, value]) => `${deeper}${keyOf(name)}${schema.required?.includes(name) ? '' : '?'}: ${typeOf(value, deeper)};`,
  );
  return `{\n${lines.join('\n')}\n${indent}}`;
}

const parts = ['// SPDX-License-Identifier: Apache-2.0\n// Made by tools/api_types.mjs from src/service/openapi.json; do not change it by hand.\n'];
for (const [name, schema] of Object.entries(document.components.schemas)) parts.push(`export type ${name} = ${typeOf(schema)};\n`);
const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
  ['get', 'post', 'put', 'patch', 'delete'].filter((method) => methods[method]).map((method) => `  '${method.toUpperCase()} ${path}',`),
);
parts.push(`export const kRoutes = [\n${routes.join('\n')}\n] as const;\n`);
const text = parts.join('\n');
const path = join(root, 'apps/web/src/lib/api_types.ts');
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error('src/lib/api_types.ts is not what src/service/openapi.json says: run npm run types');
    process.exit(1);
  }
} else writeFileSync(path, text);
