# SPDX-License-Identifier: Apache-2.0
"""The report as one page that a reader explores.  No TensorFlow here."""
