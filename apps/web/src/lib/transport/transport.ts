// SPDX-License-Identifier: Apache-2.0
// Transport: how the page reaches the service. The routes are the same for every carrier: fetch to a server, messages to a
// worker, a port of an app.

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string; // with its query, beginning with a slash
  headers?: Record<string, string>;
  body?: string | Blob;
  signal?: AbortSignal;
  outlivesPage?: boolean; // it is sent even if the page closes meanwhile; small bodies only
}

export interface TransportAnswer {
  status: number;
  header(name: string): string | null;
  // The body as it comes; read once.
  body(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export interface Transport {
  // Rejects with ApiError (status 0) where the service cannot be reached, with AbortError where `signal` said so.
  request(request: TransportRequest): Promise<TransportAnswer>;
}

// An answer that is no success: what the service says, or status 0 for a service that cannot be reached.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export async function bytesOf(answer: TransportAnswer): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body()) {
    parts.push(part);
    length += part.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export async function textOf(answer: TransportAnswer): Promise<string> {
  return new TextDecoder().decode(await bytesOf(answer));
}

// The error that an answer tells of, in OpenAI's form or as plain text.
export async function errorOf(answer: TransportAnswer): Promise<ApiError> {
  const text = await textOf(answer).catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error: { message?: string; code?: unknown; type?: string } };
    return new ApiError(answer.status, String(error.code ?? error.type ?? ''), error.message ?? text);
  } catch {
    return new ApiError(answer.status, '', text.slice(0, 400));
  }
}

// One request whose answer is JSON, or nothing. Rejects with ApiError unless the status is a success.
export async function ask<T>(
  transport: Transport,
  method: TransportRequest['method'],
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const answer = await transport.request({
    method,
    path,
    signal,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (answer.status < 200 || answer.status > 299) throw await errorOf(answer);
  const text = await textOf(answer);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
