# SPDX-License-Identifier: Apache-2.0
"""Vocabularies with empty entries: what exists can be written, what does not never is."""
import pathlib
import tempfile
import unittest

import gguf_edit
from harness import FIXTURES, answer, thimble

SOURCE = FIXTURES / "gguf/text-tied-f32.gguf"


class Holes(unittest.TestCase):
    """Eight ordinary entries are empty, as files of thinned-out vocabularies have them."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.model = pathlib.Path(folder.name, "holes.gguf")
        keys, tensors = gguf_edit.read(SOURCE)
        element, tokens = keys["tokenizer.ggml.tokens"][1]
        self.holes = range(700, 708)
        # The last entry that has a text; padding follows.
        kinds = keys["tokenizer.ggml.token_type"][1][1]
        self.last = max(i for i, kind in enumerate(kinds) if kind != 5)
        tokens = [b"" if i in self.holes else token for i, token in enumerate(tokens)]
        merges_element, merges = keys["tokenizer.ggml.merges"][1]
        lost = {keys["tokenizer.ggml.tokens"][1][1][i] for i in self.holes}
        merges = [merge for merge in merges if merge.replace(b" ", b"") not in lost and not lost & set(merge.split(b" "))]
        keys["tokenizer.ggml.tokens"] = (9, (element, tokens))
        keys["tokenizer.ggml.merges"] = (9, (merges_element, merges))
        gguf_edit.write(self.model, keys, tensors)

    def written(self, *options):
        return answer("run", str(self.model), "--ids", "1,2,3", "-n", "4", "--ignore-eos", "--seed", "1", "--json", *options)["ids"]

    def test_the_last_tokens_can_be_written(self):
        for temperature in ("0", "1"):
            for top_k in ("0", "20"):
                ids = self.written("--temperature", temperature, "--top-k", top_k, "--logit-bias", f"{self.last}=1e6")
                self.assertEqual(ids, [self.last] * 4)

    def test_what_does_not_exist_is_not_written(self):
        padding = self.last + 3
        for temperature in ("0", "1"):
            ids = self.written("--temperature", temperature, "--logit-bias", f"{padding}=1e6",
                               *[option for hole in self.holes for option in ("--logit-bias", f"{hole}=1e6")])
            self.assertTrue(all(i <= self.last and i not in self.holes for i in ids), ids)

    def test_the_whole_text_of_a_sampled_reply_is_made_of_tokens(self):
        ids = answer("run", str(self.model), "--ids", "1,2,3", "-n", "400", "--ignore-eos", "--temperature", "5", "--top-k", "0",
                     "--seed", "7", "--json")["ids"]
        self.assertFalse(set(ids) & set(self.holes))
        self.assertGreater(max(ids), self.last - 60)  # the tail is within reach
        self.assertEqual(thimble("detokenize", str(self.model), ",".join(map(str, ids))).returncode, 0)


if __name__ == "__main__":
    unittest.main()
