# SPDX-License-Identifier: Apache-2.0
"""Pictures of conversations: photos that would not fit, and what is transparent."""
import json
import pathlib
import struct
import tempfile
import unittest
import zlib

from harness import FIXTURES, PICTURE, VL, VL_GGUF, answer, can_mount, png, png_chunk, thimble, with_memory

RUN = ("run", VL_GGUF, "What is this?", "-n", "2", "--temperature", "0")
SAY = ("--think", "off")


class Photos(unittest.TestCase):
    """A file whose limits are the released ones, as those of real models are."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def photo(self, width, height, shade=0):
        path = pathlib.Path(self.folder.name, f"{width}x{height}-{shade}.png")
        if not path.exists():
            row = bytes((x * 7 + c * 50 + shade) & 255 for x in range(width) for c in range(3))
            path.write_bytes(png(width, height, row * height))
        return str(path)

    def test_photos_of_12_to_50_megapixels_get_an_answer(self):
        for width, height in ((4032, 3024), (3024, 4032), (8160, 6120)):
            done = thimble(*RUN, "--image", self.photo(width, height), "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            reply = json.loads(done.stdout)
            (picture,) = reply["pictures"]
            self.assertEqual((picture["width"], picture["height"], picture["detail"]), (width, height, "auto"))
            self.assertLessEqual(picture["tokens"], 1024)
            self.assertGreater(picture["tokens"], 900)
            self.assertEqual(picture["tokens"], picture["read_width"] * picture["read_height"] // 1024)
            self.assertEqual(done.stderr, f"thimble: {width} x {height} read at {picture['read_width']} x {picture['read_height']}, "
                             f"{picture['tokens']} tokens; --detail high reads more\n")

    def test_jpegs_above_the_limit_are_read_smaller(self):
        baseline, turned, progressive = (str(FIXTURES / "vision/images" / name) for name in ("baseline.jpg", "exif6.jpg", "progressive.jpg"))
        for path, limit, width, height in ((baseline, 120 * 90, 120, 90), (baseline, 120 * 90 - 1, 60, 45), (baseline, 700, 30, 23),
                                           (turned, 5999, 30, 50), (progressive, 10000, 61, 45)):
            (picture,) = answer(*RUN, "--image", path, "--max-image-pixels", str(limit), "--json")["pictures"]
            self.assertEqual((picture["width"], picture["height"]), (width, height))
        for path, limit, says in ((baseline, 100, "a picture may have 100 pixels, found 120 x 90 = 10800: make it smaller or raise --max-image-pixels"),
                                  (progressive, 700, "save it as a baseline JPEG or make it smaller"),
                                  (PICTURE, 1000, "save it as a JPEG, which may have more, or make it smaller or raise --max-image-pixels")):
            done = thimble(*RUN, "--image", path, "--max-image-pixels", str(limit))
            self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
            self.assertIn(says, done.stderr)

    def test_the_reference_reads_no_jpeg_smaller(self):
        path = str(FIXTURES / "vision/images/baseline.jpg")
        for command in (("embed-image", VL_GGUF, path), ("logits", VL_GGUF, "--prompt", "hi", "--image", path), (*RUN, "--image", path, "--exact")):
            done = thimble(*command, "--max-image-pixels", "10799")
            self.assertEqual((done.returncode, done.stdout), (3, ""), command)
            self.assertIn("found 120 x 90 = 10800: make it smaller or raise --max-image-pixels", done.stderr)

    def test_the_example_of_the_manual(self):
        done = thimble(*RUN, "--image", self.photo(4032, 3024))
        self.assertEqual(done.stderr, "thimble: 4032 x 3024 read at 1152 x 864, 972 tokens; --detail high reads more\n")

    def test_detail(self):
        photo = self.photo(4032, 3024)
        tokens = {}
        for detail in ("low", "auto", "high"):
            (picture,) = answer(*RUN, "--image", photo, "--detail", detail, "--json")["pictures"]
            self.assertEqual(picture["detail"], detail)
            tokens[detail] = picture["tokens"]
        self.assertLessEqual(tokens["low"], 256)
        self.assertLess(tokens["auto"], tokens["high"])
        self.assertLessEqual(tokens["high"], 4096 // 2)  # half of this model's context

    def test_a_small_picture_is_read_as_the_reference_does(self):
        for detail in ("low", "auto", "high"):
            done = thimble(*RUN, "--image", PICTURE, "--detail", detail, "--alpha", "drop", "--json")
            self.assertEqual(done.stderr, "")
            exact = answer(*RUN, "--image", PICTURE, "--json", "--exact")
            self.assertEqual(json.loads(done.stdout)["prompt_ids"], exact["prompt_ids"])

    def test_the_second_of_many_pictures_changes_none_before_it(self):
        photos = [self.photo(2000, 1500, shade) for shade in range(4)]
        options = [option for photo in photos for option in ("--image", photo)]
        pictures = answer(*RUN, *options, "--json")["pictures"]
        left = 4096
        for count, picture in enumerate(pictures):
            some = [option for photo in photos[:count + 1] for option in ("--image", photo)]
            self.assertEqual(answer(*RUN, *some, "--json")["pictures"], pictures[:count + 1])
            self.assertLessEqual(picture["tokens"], max(64, left // 2))
            left -= picture["tokens"]

    def test_a_small_context_holds_less_of_it(self):
        done = thimble(*RUN, "--image", self.photo(4032, 3024), "--context", "600", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual(json.loads(done.stdout)["pictures"][0]["tokens"], 300)
        self.assertIn("a larger --context reads more", done.stderr)
        done = thimble(*RUN, "--image", self.photo(4032, 3024), "--context", "70")
        self.assertEqual(done.returncode, 3)
        self.assertIn("--context", done.stderr)

    def test_limits_that_are_given_rule(self):
        photo = self.photo(4032, 3024)
        (picture,) = answer(*RUN, "--image", photo, "--max-pixels", "1800000", "--json")["pictures"]
        self.assertGreater(picture["tokens"], 1600)
        self.assertIsNone(picture["detail"])
        for options in (("--max-pixels", "8000000"), ("--exact",), ("--min-pixels", "65536")):
            done = thimble(*RUN, "--image", photo, *options)
            self.assertEqual((done.returncode, done.stdout), (3, ""), options)
            self.assertIn("--max-pixels", done.stderr)
        ruled = thimble(*RUN, "--image", PICTURE, "--max-pixels", "100000", "--detail", "low")
        self.assertEqual(ruled.returncode, 0)
        self.assertIn("--detail changes nothing", ruled.stderr)

    def test_measurements_keep_the_limits_of_the_file(self):
        photo = self.photo(4032, 3024)
        done = thimble("logits", VL_GGUF, "--prompt", "hi", "--image", photo)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("tokens, the context", done.stderr)

    def test_a_chat_keeps_what_was_decided(self):
        chat = "\n".join(f"/image {self.photo(3000, 2000, shade)}\nWhat is it?" for shade in range(3)) + "\nAnd all?\n/stats\n"
        done = thimble("chat", VL_GGUF, "-n", "2", "--temperature", "0", "-v", *SAY, text=chat)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count(" read at "), 3)
        stats = [line for line in done.stderr.splitlines() if "wrote 2" in line]
        self.assertEqual(len(stats), 5)
        self.assertNotIn("looked at", stats[3])
        self.assertIn("remembered", stats[3])

    def test_detail_that_a_conversation_asks_for(self):
        photo = self.photo(3000, 2000)
        items = [{"type": "image_url", "image_url": {"url": photo, "detail": detail}} for detail in ("low", "high", "auto")]
        messages = json.dumps([{"role": "user", "content": [*items, {"type": "text", "text": "What?"}]}])
        asked = answer("run", VL_GGUF, "--messages", "-", "-n", "1", "--json", text=messages)["pictures"]
        self.assertEqual([picture["detail"] for picture in asked], ["low", "high", "auto"])
        self.assertLessEqual(asked[0]["tokens"], 256)
        self.assertGreater(asked[1]["tokens"], 1024)
        told = answer("run", VL_GGUF, "--messages", "-", "-n", "1", "--json", "--detail", "low", text=messages)["pictures"]
        self.assertEqual([picture["detail"] for picture in told], ["low"] * 3)

    def test_detail_in_a_chat(self):
        photo = self.photo(3000, 2000)
        chat = f"/detail low\n/image {photo}\nWhat?\n/detail nothing\n/detail high\n/image {photo}\nWhat?\n"
        done = thimble("chat", VL_GGUF, "-n", "1", *SAY, text=chat)
        lines = [line for line in done.stderr.splitlines() if " read at " in line]
        self.assertEqual(len(lines), 2)
        self.assertLessEqual(int(lines[0].split(", ")[1].split()[0]), 256)
        self.assertGreater(int(lines[1].split(", ")[1].split()[0]), 1024)
        self.assertIn("/detail takes low, auto or high", done.stderr)


class Memory(unittest.TestCase):
    def test_the_gate_counts_pictures_and_the_vocabulary(self):
        memory = answer("info", VL_GGUF, "--json")["memory"]
        parts = [value for key, value in memory.items() if key.endswith("_bytes") and key != "total_bytes"]
        self.assertEqual(memory["total_bytes"], sum(parts))
        self.assertGreater(memory["picture_bytes"], 36_000_000)  # a photo of 12 megapixels as it comes
        self.assertGreater(memory["vocabulary_bytes"], 2048 * 100)
        blind = answer("info", str(FIXTURES / "gguf/text-tied-f32.gguf"), "--json")["memory"]
        self.assertEqual((blind["vision_bytes"], blind["picture_bytes"]), (0, 0))

    @unittest.skipUnless(can_mount(), "no file systems of one's own here")
    def test_embedding_a_picture_that_memory_has_no_room_for(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "large.png")
            path.write_bytes(png(4000, 4000, b"\x80" * 3 * 4000 * 4000))
            total = answer("info", VL_GGUF, "--json")["memory"]["total_bytes"]
            kibibytes = (total + (64 << 20)) // 1024
            done = with_memory(kibibytes, "embed-image", VL_GGUF, str(path))
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertIn("--max-pixels", done.stderr)
            small = with_memory(kibibytes, "embed-image", VL_GGUF, str(path), "--max-pixels", "1000000")
            self.assertEqual(small.returncode, 0, small.stderr)


class Transparency(unittest.TestCase):
    """A picture of which nothing is seen: the colour under it shows which way it was read."""

    def prompt_logits(self, *options, black=False):
        def rgba(width, height, pixel):
            rows = b"".join(b"\0" + pixel * width for _ in range(height))
            return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
                    + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))

        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for name, pixel in (("clear", b"\0\0\0\0"), ("white", b"\xff\xff\xff\xff"), ("black", b"\0\0\0\xff")):
                paths[name] = pathlib.Path(folder, name + ".png")
                paths[name].write_bytes(rgba(96, 96, pixel))
            texts = {name: answer("run", VL, "What is this?", "-n", "24", "--temperature", "0", "--ignore-eos", "--image",
                                  str(path), "--json", *options)["ids"] for name, path in paths.items()}
            # The test means something: black and white are told apart.
            self.assertNotEqual(texts["white"], texts["black"])
            return texts

    def test_conversations_put_white_under_it(self):
        texts = self.prompt_logits()
        self.assertEqual(texts["clear"], texts["white"])

    def test_the_way_of_the_reference(self):
        for options in (("--alpha", "drop"), ("--exact",)):
            texts = self.prompt_logits(*options)
            self.assertEqual(texts["clear"], texts["black"])
        texts = self.prompt_logits("--exact", "--alpha", "white")
        self.assertEqual(texts["clear"], texts["white"])


if __name__ == "__main__":
    unittest.main()
