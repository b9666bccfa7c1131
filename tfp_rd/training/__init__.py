# SPDX-License-Identifier: Apache-2.0
"""Training: from a model and images to kept weights and a result."""
