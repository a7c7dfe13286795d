// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { kRoutes, type ChatRequest, type PictureTokens as ApiPictureTokens } from '../../src/lib/api_types';
import type { PictureTokens } from '../../src/lib/store/types';
import { continueRequest } from '../../src/lib/chat/request';
import { message } from './store_suite';

describe("the page's types", () => {
  it('are those of the OpenAPI document', () => {
    execFileSync(process.execPath, [join(import.meta.dirname, '../../tools/api_types.mjs'), '--check'], { stdio: 'pipe' });
    expectTypeOf<PictureTokens>().toEqualTypeOf<ApiPictureTokens>();
  });

  it('has routes for what the page asks for', () => {
    for (const route of ['POST /v1/chat/completions', 'GET /thimble/v1/info', 'GET /thimble/v1/models', 'PUT /thimble/v1/pictures', 'POST /thimble/v1/count'])
      expect(kRoutes as readonly string[]).toContain(route);
  });

  it('asks with keys that the document knows', () => {
    const known: (keyof ChatRequest)[] = [
      'messages', 'stream', 'stream_options', 'timings', 'return_progress', 'when_full', 'chat_template_kwargs', 'max_tokens', 'continue_final_message', 'temperature', 'top_p', 'top_k', 'seed',
    ];
    const request = continueRequest([message('assistant', '', 'Well')], { thinking: true, length: 'long', instructions: [], temperature: 1, topP: 1, topK: 1, seed: 1, maxTokens: 1 });
    expect(Object.keys(request).filter((key) => !known.includes(key as keyof ChatRequest))).toEqual([]);
  });
});
