# SPDX-License-Identifier: Apache-2.0
"""Starts TensorFlow without its chatter; to be imported before it."""

from tfp_rd.cli import program

__all__: list[str] = []

program.tensorflow()
