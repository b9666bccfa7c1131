# SPDX-License-Identifier: Apache-2.0
"""Reports: from curves to figures and tables.  No TensorFlow here."""
