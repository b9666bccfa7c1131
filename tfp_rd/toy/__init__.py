# SPDX-License-Identifier: Apache-2.0
"""The paper's toy model: 30 values of x, two causes, exact by enumeration."""
