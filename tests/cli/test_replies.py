# SPDX-License-Identifier: Apache-2.0
"""Replies with calls of tools, as models really write them, read by the command. script_model.py makes the models."""
import json
import pathlib
import tempfile
import unittest

import script_model
from harness import FIXTURES, answer, thimble

SOURCE = FIXTURES / "gguf/text-untied-bf16.gguf"


def tool(name, properties, required=()):
    return {"type": "function", "function": {"name": name, "description": name.replace("_", " "),
                                             "parameters": {"type": "object", "properties": properties, "required": list(required)}}}


TEXT = {"type": "string"}
TOOLS = [
    tool("write_file", {"path": TEXT, "content": TEXT}, ["path", "content"]),
    tool("set_alarm", {"hour": {"type": "integer"}, "minute": {"type": "integer"}, "label": {"type": ["string", "null"]},
                       "note": {"anyOf": [TEXT, {"type": "null"}]}, "days": {"type": "array", "items": TEXT},
                       "volume": {"anyOf": [{"type": "number"}, {"type": "null"}]}, "loud": {"type": "boolean"},
                       "code": {"type": "string", "enum": ["007", "42"]}}),
]
MESSAGES = [{"role": "user", "content": "hi"}]
HOUR = "<parameter=hour>\n7\n</parameter>\n"
OPEN, CLOSE = "<tool_call>\n<function=set_alarm>\n", "</function>\n</tool_call>"


class Replies(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, value):
        path = self.folder / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return str(path)

    def reply(self, *pieces, tools=None, options=("--think", "off")):
        """What `run --json` says about a model that writes these pieces, one a token."""
        model = str(self.folder / "model.gguf")
        script_model.build(SOURCE, list(pieces), model)
        given = ["--tools", self.file("tools.json", TOOLS if tools is None else tools)] if tools != [] else []
        return answer("run", model, "--messages", self.file("messages.json", MESSAGES), *given, "--temperature", "0", "--json", *options)

    def calls(self, *pieces, **how):
        return [(call["name"], call["arguments"]) for call in self.reply(*pieces, **how)["tool_calls"]]

    def test_values_that_hold_call_syntax(self):
        begin = "<tool_call>\n<function=write_file>\n<parameter=path>\na.xml\n</parameter>\n<parameter=content>\n"
        inside = begin + "x\n</parameter>\n</function>\n</tool_call>"
        for value in ("<p>one</parameter>two</p>", "A call ends with </parameter> and then </tool_call> in this format.\nDone.",
                      "A whole call:\n" + inside + "\nThat was it.", "</parameter>\n</function>\n</tool_call>\nfollows"):
            pieces = [begin + value[:len(value) // 2], value[len(value) // 2:] + "\n</parameter>\n" + CLOSE]
            self.assertEqual(self.calls(*pieces), [("write_file", {"path": "a.xml", "content": value})])
        # Ended by --max-tokens behind the call inside: none.
        cut = self.reply(begin + "A whole call:\n" + inside, "\nThat was it.", options=("--think", "off", "-n", "1"))
        self.assertEqual((cut["tool_calls"], cut["finish_reason"]), ([], "length"))
        self.assertEqual(cut["text"], begin + "A whole call:\n" + inside)

    def test_what_small_models_leave_out(self):
        alarm = [("set_alarm", {"hour": 7})]
        out = self.reply("I will set it.\n\n", "<function=set_alarm>\n" + HOUR + CLOSE)
        self.assertEqual((out["text"], out["tool_calls"]), ("I will set it.", [{"name": "set_alarm", "arguments": {"hour": 7}}]))
        self.assertEqual(self.calls(OPEN + HOUR + "</tool_call>"), alarm)
        self.assertEqual(self.calls(OPEN + HOUR + "</function>\n"), alarm)
        self.assertEqual(self.calls(OPEN + "<parameter=hour>\n7\n<parameter=minute>\n30\n" + CLOSE), [("set_alarm", {"hour": 7, "minute": 30})])
        self.assertEqual(self.calls('<tool_call>\n<function="set_alarm">\n<parameter="hour">\n7\n</parameter>\n' + CLOSE), alarm)
        self.assertEqual(self.calls('<tool_call>\n{"name": "set_alarm", "arguments": {"hour": 7}}\n</tool_call>'), alarm)
        # Half a value is none; nor is anything but an exact call of a function that nobody declared.
        self.assertEqual(self.calls(OPEN + HOUR + "<parameter=minute>\n3"), [])
        self.assertEqual(self.calls("<function=other>\n" + HOUR + CLOSE), [])
        self.assertEqual(self.calls("<tool_call>\n<function=other>\n" + HOUR + CLOSE), [("other", {"hour": 7})])

    def test_forgotten_parameter_close_before_an_optional_parameter(self):
        label = OPEN + "<parameter=label>\nWake"
        self.assertEqual(self.calls(label + "\n<parameter=hour>\n7\n</parameter>\n" + CLOSE), [("set_alarm", {"label": "Wake", "hour": 7})])
        self.assertEqual(self.calls(label + "\r\n<parameter=hour>\r\n7\r\n</parameter>\r\n" + CLOSE),
                         [("set_alarm", {"label": "Wake", "hour": 7})])
        self.assertEqual(self.calls(OPEN + "<parameter=label>Wake<parameter=code>007</parameter>\n" + CLOSE),
                         [("set_alarm", {"label": "Wake", "code": "007"})])
        self.assertEqual(self.calls(label + " at <parameter=hour> o'clock\n</parameter>\n" + CLOSE),
                         [("set_alarm", {"label": "Wake at <parameter=hour> o'clock"})])
        unclear = label + "\n<parameter=hour>\nseven\n</parameter>\n" + CLOSE
        out = self.reply(unclear)
        self.assertEqual((out["text"], out["tool_calls"]), (unclear, []))

    def test_stop_strings_and_calls(self):
        stop = ("--think", "off", "--stop", "STOP", "-n", "6")
        label = OPEN + "<parameter=label>\n"
        # No tools: at once. Tools: in what is no call in the end, also where --max-tokens ended it.
        out = self.reply("So:\n", label, "x STOP", " y", "\n</parameter>\n" + CLOSE, tools=[], options=stop)
        self.assertEqual((out["text"], out["tool_calls"], out["finish_reason"], len(out["ids"])), ("So:\n" + label + "x ", [], "stop", 3))
        for pieces in (["So:\n", label, "x STOP y"], ["So:\n", label, "x STOP", " y", " z", " a", " b"]):
            out = self.reply(*pieces, options=stop)
            self.assertEqual((out["text"], out["tool_calls"], out["finish_reason"]), ("So:\n" + label + "x ", [], "stop"))
        out = self.reply("So:\n", label, "x STOP y\n</parameter>\n" + CLOSE, options=stop)
        self.assertEqual((out["text"], out["tool_calls"]), ("So:", [{"name": "set_alarm", "arguments": {"label": "x STOP y"}}]))

    def test_types_of_arguments_in_json(self):
        call = {"name": "set_alarm", "arguments": {"hour": "7", "label": 123, "loud": "true", "code": "007", "days": "Mon", "note": None}}
        self.assertEqual(self.calls("<tool_call>\n" + json.dumps(call) + "\n</tool_call>"),
                         [("set_alarm", {"hour": 7, "label": "123", "loud": True, "code": "007", "days": "Mon", "note": None})])

    def test_calls_in_reasoning(self):
        call = OPEN + HOUR + "<parameter=minute>\n30\n</parameter>\n" + CLOSE
        out = self.reply("The user wants an alarm.\n", call, options=("--think", "on"))
        self.assertEqual((out["thinking"], out["text"]), ("The user wants an alarm.", ""))
        self.assertEqual(out["tool_calls"], [{"name": "set_alarm", "arguments": {"hour": 7, "minute": 30}}])
        out = self.reply("I could write\n", call, "\n</think>\n\nNo alarm.", options=("--think", "on"))
        self.assertEqual((out["thinking"], out["text"], out["tool_calls"]), ("I could write\n" + call, "No alarm.", []))

    def test_types_of_arguments(self):
        written = {"volume": "null", "label": "123", "note": "123", "days": '["Mon"]', "loud": "TRUE", "code": "007", "hour": "7.0"}
        values = "".join(f"<parameter={name}>\n{text}\n</parameter>\n" for name, text in written.items())
        expected = {"volume": None, "label": "123", "note": "123", "days": ["Mon"], "loud": True, "code": "007", "hour": 7}
        openai = TOOLS[1]["function"]
        anthropic = {"name": "set_alarm", "description": openai["description"], "input_schema": openai["parameters"]}
        mcp = {"name": "set_alarm", "description": openai["description"], "inputSchema": openai["parameters"]}
        ids = []
        for form in (TOOLS[1], anthropic, mcp):
            out = self.reply(OPEN + values + CLOSE, tools=[form])
            self.assertEqual(out["tool_calls"], [{"name": "set_alarm", "arguments": expected}])
            self.assertIs(type(out["tool_calls"][0]["arguments"]["hour"]), int)
            ids.append(out["prompt_ids"])
        talk = self.file("talk.json", {"messages": MESSAGES, "tools": [mcp]})
        ids.append(answer("run", str(self.folder / "model.gguf"), "--messages", talk, "--temperature", "0", "--think", "off", "--json")["prompt_ids"])
        # The model sees the form it knows, whichever came; `render` keeps what came.
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(ids[0], ids[2])
        self.assertEqual(ids[0], ids[3])
        line = json.dumps({"messages": MESSAGES, "tools": [mcp]})
        self.assertIn("inputSchema", json.loads(thimble("render", str(SOURCE), "--jsonl", text=line).stdout)["rendered"])

    def test_for_people(self):
        model = str(self.folder / "model.gguf")
        script_model.build(SOURCE, ["One moment.\n\n", OPEN + HOUR + CLOSE], model)
        out = thimble("run", model, "--messages", self.file("messages.json", MESSAGES), "--tools", self.file("tools.json", TOOLS),
                      "--temperature", "0", "--think", "off")
        self.assertEqual((out.returncode, out.stdout), (0, 'One moment.\n{"name": "set_alarm", "arguments": {"hour": 7}}\n'))
