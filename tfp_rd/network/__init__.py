# SPDX-License-Identifier: Apache-2.0
"""The layers that parts are made of, on plain `tf.Module` without Keras."""
