# SPDX-License-Identifier: Apache-2.0
"""Programs that time the package against a peer or a bound."""
