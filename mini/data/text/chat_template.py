# SPDX-License-Identifier: Apache-2.0
"""The Qwen 3.5 chat template as a function, for training data (the engine's own renderer is src/text/chat_template.cc).

Assistant turns after the last question carry a think block, empty or not; earlier ones carry none."""

from __future__ import annotations

import json

TOOLS_BEFORE = "# Tools\n\nYou have access to the following functions:\n\n<tools>"
TOOLS_AFTER = """
</tools>

If you choose to call a function ONLY reply in the following format with NO suffix:

<tool_call>
<function=example_function_name>
<parameter=example_parameter_1>
value_1
</parameter>
<parameter=example_parameter_2>
This is the value for the second parameter
that can span
multiple lines
</parameter>
</function>
</tool_call>

<IMPORTANT>
Reminder:
- Function calls MUST follow the specified format: an inner <function=...></function> block must be nested within \
<tool_call></tool_call> XML tags
- Required parameters MUST be specified
- You may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT after
- If there is no function call available, answer the question like normal with your current knowledge and do not tell \
the user about function calls
</IMPORTANT>"""


def dumps(value) -> str:
    return json.dumps(value, ensure_ascii=False)


def render_call(call: dict) -> str:
    function = call.get("function", call)
    text = f"<tool_call>\n<function={function['name']}>\n"
    for name, value in (function.get("arguments") or {}).items():
        shown = dumps(value) if isinstance(value, (dict, list)) else str(value)
        text += f"<parameter={name}>\n{shown}\n</parameter>\n"
    return text + "</function>\n</tool_call>"


def render_assistant(message: dict, has_think_block: bool) -> str:
    content = (message.get("content") or "").strip()
    think = ""
    if has_think_block:
        think = "<think>\n" + (message.get("reasoning_content") or "").strip() + "\n</think>\n\n"
    text = "<|im_start|>assistant\n" + think + content
    for number, call in enumerate(message.get("tool_calls") or []):
        if number:
            text += "\n"
        elif content:
            text += "\n\n"
        text += render_call(call)
    return text + "<|im_end|>\n"


def render(messages: list[dict], tools: list[dict] | None = None, thinking: bool = False, prompt: bool = False) -> str:
    """`prompt`: end with the assistant's beginning, its think block open (`thinking`) or empty."""
    text, first = "", 0
    system = messages[0]["content"].strip() if messages[0]["role"] == "system" else None
    if tools:
        text = "<|im_start|>system\n" + TOOLS_BEFORE + "".join("\n" + dumps(tool) for tool in tools) + TOOLS_AFTER
        text += ("\n\n" + system if system else "") + "<|im_end|>\n"
    elif system is not None:
        text = f"<|im_start|>system\n{system}<|im_end|>\n"
    first = 0 if system is None else 1
    last_question = max(number for number, message in enumerate(messages) if message["role"] == "user")
    for number in range(first, len(messages)):
        message = messages[number]
        content = (message.get("content") or "").strip()
        if message["role"] == "user":
            text += f"<|im_start|>user\n{content}<|im_end|>\n"
        elif message["role"] == "assistant":
            text += render_assistant(message, number > last_question)
        elif message["role"] == "tool":  # results that follow each other share one user turn
            if number == 0 or messages[number - 1]["role"] != "tool":
                text += "<|im_start|>user"
            text += f"\n<tool_response>\n{content}\n</tool_response>"
            if number + 1 == len(messages) or messages[number + 1]["role"] != "tool":
                text += "<|im_end|>\n"
        else:
            raise ValueError(f"unknown role {message['role']}")
    if prompt:
        text += "<|im_start|>assistant\n" + ("<think>\n" if thinking else "<think>\n\n</think>\n\n")
    return text
