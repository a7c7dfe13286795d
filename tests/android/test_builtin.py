# SPDX-License-Identifier: Apache-2.0
"""A chat with the built-in model, where THIMBLE_BUILTIN says its file (build/share/thimble/builtin.gguf)."""
import json
import os
import unittest

import harness

BUILTIN = os.environ.get("THIMBLE_BUILTIN", "")


@unittest.skipUnless(os.path.exists(BUILTIN), "THIMBLE_BUILTIN names no file")
class BuiltIn(harness.Case):
    def test_it_is_packed_once_and_chats(self):
        child = self.start(builtin=BUILTIN, context=1024)
        self.assertTrue(any("made ready" in line.get("text", "") for line in child.lines))
        question = [{"role": "user", "content": "What is the capital of France?"}]
        status, body = child.chat(1, messages=question, temperature=0, max_tokens=12)
        self.assertEqual(status, 200, body)
        self.assertIn("Paris", json.loads(body)["choices"][0]["message"]["content"])
        # Weights are the file's pages, not memory of the process.
        status, body = child.ask(2, "GET", "/thimble/v1/self-check")
        report = json.loads(body)
        self.assertTrue(report["passed"], report)
        self.assertLess(report["answer"]["weights_bytes"], report["answer"]["mapped_bytes"] / 4)
        self.assertEqual(child.end(), 0)
        # Its file is not needed any more.
        child = self.start(context=1024)
        self.assertFalse(any("made ready" in line.get("text", "") for line in child.lines))
        self.assertEqual(child.find("started")["models"], 1)
        self.assertTrue(child.find("started")["builtin"])
        self.assertEqual(child.chat(1, max_tokens=1)[0], 200)
        self.assertEqual(child.end(), 0)
