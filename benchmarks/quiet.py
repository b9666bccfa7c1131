# SPDX-License-Identifier: Apache-2.0
"""Starts TensorFlow without its messages; import it before TensorFlow."""

from tfp_rd.cli import command

__all__: list[str] = []

command.tensorflow()
