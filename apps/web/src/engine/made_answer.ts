// SPDX-License-Identifier: Apache-2.0
// Answers that the page's side gives without the engine, in the service's form.
import { ApiError, type TransportAnswer } from '../lib/transport/transport';

export function jsonAnswer(status: number, body: unknown): TransportAnswer {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return {
    status,
    header: (name) => (name.toLowerCase() === 'content-type' ? 'application/json' : null),
    async *body() {
      yield bytes;
    },
  };
}

// What is no ApiError with a status, or has none, is thrown on.
export function answerOf(error: unknown): TransportAnswer {
  if (!(error instanceof ApiError) || error.status === 0) throw error;
  const { status, code, message } = error;
  return jsonAnswer(status, { error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code } });
}
