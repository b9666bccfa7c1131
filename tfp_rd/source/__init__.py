# SPDX-License-Identifier: Apache-2.0
"""Sources: distributions of binary images whose entropy is known.

A source is a frozen dataclass of plain numbers, and

    sample(num, seed=)          independent images [num, H, W, 1]
    probabilities(num, seed=)   rows from which training draws pixels afresh
    log_prob(images)            log p*(x) in nats
    entropy()                   H in nats, with its standard error

No TensorFlow here.
"""

from tfp_rd.source.estimate import Estimate
from tfp_rd.source.factors import Factors
from tfp_rd.source.ising import Ising
from tfp_rd.source.templates import Templates

__all__ = ['Estimate', 'Factors', 'Ising', 'Templates']
