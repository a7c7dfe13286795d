# SPDX-License-Identifier: Apache-2.0
"""Thimble Mini v1: SmolLM2-135M-Instruct distilled into the Qwen 3.5 form. `python -m v1 --help` in mini;
docs/mini.md.
"""
