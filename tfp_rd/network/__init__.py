# SPDX-License-Identifier: Apache-2.0
"""What the parts are made of: layers on plain `tf.Module`, no Keras."""
