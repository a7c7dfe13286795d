// SPDX-License-Identifier: Apache-2.0
// Made by tools/api_types.mjs from src/service/openapi.json; do not change it by hand.

export type Function = {
  name: string;
  description?: string | null;
  parameters?: Record<string, unknown> | null;
  strict?: boolean | null;
};

export type TextPart = {
  type?: "text";
  text?: Record<string, unknown>;
};

export type PicturePart = {
  type: "image_url";
  image_url: {
    url: string;
    detail?: "auto" | "low" | "high" | "original" | null;
  };
};

export type UserMessage = {
  role: "user";
  content: (string) | (((TextPart) | (PicturePart))[]);
};

export type SystemMessage = {
  role: "system" | "developer";
  content: string;
};

export type AssistantMessage = {
  role: "assistant";
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: (ToolCall)[] | null;
};

export type ToolMessage = {
  role: "tool";
  content: string;
  tool_call_id?: string | null;
};

export type ToolCall = {
  id: string;
  type: "function";
  function: {
    name: string;
    arguments: string;
  };
};

export type ChatRequest = {
  messages: ((UserMessage) | (SystemMessage) | (AssistantMessage) | (ToolMessage))[];
  model?: string | null;
  stream?: boolean | null;
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  repeat_penalty?: number | null;
  return_progress?: boolean | null;
  timings?: boolean | null;
  timings_per_token?: boolean | null;
  max_tokens?: number | null;
  n?: 1 | null;
  seed?: number | null;
  stop?: (string) | ((string)[]) | (null);
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  logit_bias?: Record<string, unknown> | null;
  stream_options?: {
    include_usage?: boolean | null;
  } | null;
  max_completion_tokens?: number | null;
  logprobs?: boolean | null;
  top_logprobs?: number | null;
  tools?: ({
    type: "function";
    function: Function;
  })[] | null;
  tool_choice?: ("none" | "auto" | "required" | null) | ({
    type?: "function" | null;
    function: {
      name: string;
    };
  }) | ({
    type: "allowed_tools";
    allowed_tools: {
      mode: "auto" | "required";
      tools: (Record<string, unknown>)[];
    };
  });
  parallel_tool_calls?: boolean | null;
  response_format?: (null) | ({
    type: "text" | "json_object";
  }) | ({
    type: "json_schema";
    json_schema: {
      name?: string;
      schema: Record<string, unknown>;
      strict?: boolean | null;
    };
  });
  reasoning_effort?: string | null;
  chat_template_kwargs?: {
    enable_thinking?: boolean | null;
  } | null;
  continue_final_message?: boolean | null;
  when_full?: "window" | "stop" | null;
};

export type CompletionRequest = {
  prompt: (string) | ((string)[]) | ((number)[]) | (((number)[])[]);
  model?: string | null;
  stream?: boolean | null;
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  repeat_penalty?: number | null;
  return_progress?: boolean | null;
  timings?: boolean | null;
  timings_per_token?: boolean | null;
  max_tokens?: number | null;
  n?: 1 | null;
  seed?: number | null;
  stop?: (string) | ((string)[]) | (null);
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  logit_bias?: Record<string, unknown> | null;
  stream_options?: {
    include_usage?: boolean | null;
  } | null;
  best_of?: 0 | 1 | null;
  echo?: boolean | null;
  suffix?: string | null;
  logprobs?: number | null;
};

export type MessagesRequest = {
  messages: (AnthropicMessage)[];
  model?: string | null;
  stream?: boolean | null;
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  repeat_penalty?: number | null;
  return_progress?: boolean | null;
  timings?: boolean | null;
  timings_per_token?: boolean | null;
  max_tokens?: number | null;
  system?: (string) | (((string) | (TextPart))[]) | (null);
  stop_sequences?: (string)[] | string | null;
  tools?: ({
    name: string;
    description?: string | null;
    input_schema?: Record<string, unknown>;
    strict?: boolean | null;
  })[] | null;
  tool_choice?: {
    type: "auto" | "any" | "tool" | "none";
    name?: string | null;
    disable_parallel_tool_use?: boolean | null;
  } | null;
  thinking?: {
    type: "enabled" | "disabled" | "adaptive";
    budget_tokens?: number | null;
  } | null;
  output_config?: Record<string, unknown> | null;
};

export type AnthropicMessage = {
  role: "user" | "assistant";
  content?: (string | null) | ((string | Record<string, unknown>)[]);
};

export type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: {
    cached_tokens?: number;
  };
  completion_tokens_details?: {
    reasoning_tokens?: number;
  };
};

export type Chat = {
  id: string;
  object: "chat.completion";
  created: number;
  model: string;
  choices: ({
    index: 0;
    message: {
      role: "assistant";
      content: string | null;
      reasoning_content?: string;
      tool_calls?: (ToolCall)[];
    };
    logprobs?: Record<string, unknown> | null;
    finish_reason: "stop" | "length" | "tool_calls";
  })[];
  usage: Usage;
  timings?: Record<string, unknown>;
  dropped_messages?: number;
};

export type Completion = {
  id: string;
  object: "text_completion";
  created: number;
  model: string;
  choices: ({
    text: string;
    index: 0;
    logprobs: Record<string, unknown> | null;
    finish_reason: "stop" | "length";
  })[];
  usage: Usage;
  timings?: Record<string, unknown>;
};

export type AnthropicUsage = {
  input_tokens: number;
  output_tokens: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
};

export type AnthropicAnswer = {
  id: string;
  type: "message";
  role: "assistant";
  model: string;
  content: (Record<string, unknown>)[];
  stop_reason: "end_turn" | "max_tokens" | "stop_sequence" | "tool_use" | "model_context_window_exceeded";
  stop_sequence: string | null;
  usage: AnthropicUsage;
};

export type Error = {
  error: {
    message: string;
    type?: string;
    param?: string | null;
    code?: string | number | null;
  };
};

export type AnthropicError = {
  type: "error";
  error: {
    type: string;
    message: string;
  };
};

export type Model = {
  id: string;
  object: "model";
  created: number;
  owned_by: string;
  context_length?: number;
  capabilities?: (string)[];
  architecture?: {
    input_modalities?: (string)[];
    output_modalities?: (string)[];
  };
  meta?: {
    n_ctx?: number;
    n_ctx_train?: number;
    n_vocab?: number;
    n_params?: number;
    size?: number;
  };
};

export type ModelFile = {
  file: string;
  bytes: number;
  total: number;
  whole: boolean;
  sha256?: string;
};

export type SentModelFile = (ModelFile) & ({
  name: string;
  model: boolean;
  missing?: string;
});

export type PictureTokens = {
  low: number;
  auto: number;
  high: number;
};

export type Conversation = {
  id: string;
  title: string;
  model: string;
  instructions: string;
  folder: string;
  head: string;
  pinned: boolean;
  created: number;
  updated: number;
  messages: number;
  tokens: number;
  pictures: number;
};

export type ListedConversation = {
  id: string;
  title: string;
  model: string;
  instructions: string;
  folder: string;
  head: string;
  pinned: boolean;
  created: number;
  updated: number;
  messages: number;
  tokens: number;
  pictures: number;
  hit?: {
    message: string;
    excerpt: string;
  };
};

export type NewConversation = {
  id?: string | null;
  title?: string | null;
  instructions?: string | null;
  folder?: string | null;
  pinned?: boolean | null;
  created?: number | null;
  updated?: number | null;
};

export type ConversationChange = {
  title?: string | null;
  instructions?: string | null;
  folder?: string | null;
  head?: string | null;
  pinned?: boolean | null;
};

export type MessagePicture = {
  sha256: string;
  name?: string;
  width?: number;
  height?: number;
  detail?: "low" | "auto" | "high";
  tokens?: number;
};

export type Message = {
  id: string;
  parent: string;
  role: "user" | "assistant";
  model: string;
  state: "done" | "running" | "stopped" | "failed";
  created: number;
  text: string;
  reasoning: string;
  pictures: (MessagePicture)[];
  facts: Record<string, unknown>;
};

export type MessageChange = {
  model?: string | null;
  state?: "done" | "running" | "stopped" | "failed" | null;
  text?: string | null;
  reasoning?: string | null;
  pictures?: (NewMessagePicture)[] | null;
  facts?: Record<string, unknown> | null;
};

export type NewMessage = {
  id: string;
  parent?: string | null;
  role: "user" | "assistant";
  model?: string | null;
  state?: "done" | "running" | "stopped" | "failed" | null;
  created?: number | null;
  text?: string | null;
  reasoning?: string | null;
  pictures?: (NewMessagePicture)[] | null;
  facts?: Record<string, unknown> | null;
};

export type NewMessagePicture = {
  sha256: string;
  name?: string | null;
  width?: number | null;
  height?: number | null;
  detail?: "low" | "auto" | "high" | null;
  tokens?: number | null;
};

export type StoreModel = {
  name: string;
  title?: string;
  bytes: number;
  built_in: boolean;
  open: boolean;
  opening?: number;
  fits: boolean;
  why?: string;
  failure?: string;
  failure_code?: "out_of_memory" | "damaged" | "outdated";
};

export const kRoutes = [
  'GET /',
  'GET /health',
  'GET /v1/health',
  'GET /v1/models',
  'GET /models',
  'GET /v1/models/{name}',
  'POST /v1/chat/completions',
  'POST /chat/completions',
  'POST /v1/chat/completions/input_tokens',
  'POST /v1/completions',
  'POST /v1/embeddings',
  'POST /v1/messages',
  'POST /v1/messages/count_tokens',
  'GET /props',
  'GET /slots',
  'GET /metrics',
  'POST /tokenize',
  'POST /detokenize',
  'POST /apply-template',
  'GET /openapi.json',
  'GET /thimble/v1/info',
  'POST /thimble/v1/count',
  'PUT /thimble/v1/pictures',
  'GET /thimble/v1/picture-price',
  'GET /thimble/v1/models',
  'GET /thimble/v1/models/{name}/{file}',
  'PUT /thimble/v1/models/{name}/{file}',
  'DELETE /thimble/v1/models/{name}',
  'POST /thimble/v1/models/{name}/open',
  'POST /thimble/v1/models/unload',
  'GET /thimble/v1/chats',
  'POST /thimble/v1/chats',
  'POST /thimble/v1/chats/import',
  'GET /thimble/v1/chats/{chat}',
  'PATCH /thimble/v1/chats/{chat}',
  'DELETE /thimble/v1/chats/{chat}',
  'POST /thimble/v1/chats/{chat}/messages',
  'PATCH /thimble/v1/chats/{chat}/messages/{message}',
  'DELETE /thimble/v1/chats/{chat}/messages/{message}',
  'GET /thimble/v1/pictures/{sha256}',
  'GET /thimble/v1/settings',
  'PUT /thimble/v1/settings',
  'GET /thimble/v1/space',
  'DELETE /thimble/v1/packs',
  'GET /thimble/v1/answers/{answer}',
  'DELETE /thimble/v1/answers/{answer}',
] as const;
