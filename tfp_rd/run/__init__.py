# SPDX-License-Identifier: Apache-2.0
"""Runs: directories, tables of them, and what is left to do.

No TensorFlow here.
"""
