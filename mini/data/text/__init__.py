# SPDX-License-Identifier: Apache-2.0
"""Text to train on: corpus, prompts and human answers from public sources, generated skills. docs/mini.md lists the
sources.
"""
