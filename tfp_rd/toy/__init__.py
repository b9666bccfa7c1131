# SPDX-License-Identifier: Apache-2.0
"""The paper's toy: 30 letters, two causes, and every number by enumeration."""
