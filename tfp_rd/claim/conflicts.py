# SPDX-License-Identifier: Apache-2.0
"""Where the paper contradicts itself, and which reading is taken here."""

__all__ = ['CONFLICTS']

CONFLICTS: tuple[tuple[str, str], ...] = (
  (
    'The best ELBO, and its rate',
    'The text of Section 4 says that the best -ELBO, 80.2 nats, is reached at '
    'R = 0. In Figures 4d and 6 the model with 80.2 is `++v` with R = 8.3 and '
    'D = 71.9; the best without a rate is `+++` with 80.5. The figures are '
    'taken: they print both numbers, and these add up.',
  ),
  (
    'The beta of (120.3, 8.1)',
    'The header of that panel of Figure 4a says beta 0.9, the text 0.15. It is '
    'read as 0.15: at 0.9 that model would have D + beta R = 116, where '
    'another one of the same figure has 80.',
  ),
  (
    'The -ELBO at beta 0.1',
    'The header says 162.0 nats, the text 161; R = 156.0 and D = 4.8 in the '
    'same header add up to 160.8, which is taken.',
  ),
  (
    'How many encoders are semantic at beta 1',
    'The caption of Figure 4 says one of twelve, that of Figure 5 none. '
    'Figure 5 has fresh runs at beta 1, and Figure 4 seems to have annealed '
    'ones. Claim 2 is therefore checked on fresh runs, and claim 3 on annealed '
    'ones beside them.',
  ),
  (
    'The betas of Figure 9',
    'The headers of the OMNIGLOT figure give betas of 296 to 405, which are '
    'numbers of runs. Their betas are not known, and no claim rests on them.',
  ),
  (
    'The formulas of the toy',
    'Appendix E prints logits proportional to -exp((w x - b)^2) and calls x '
    'and z one-hot, which does not go with 60 parameters. Logits of '
    '-(w u - b)^2, with u the scaled index and w and b those of the letter '
    'that is predicted, give the bimodal columns of Figure 2b; parameters of '
    'the letter that is given cannot. `tfp-rd toy --parametrization=condition` '
    'shows the other reading.',
  ),
  (
    'The sixth deconvolution',
    'Appendix F.2 prints a kernel of 4 where all others are 5, and the code of '
    'TensorFlow Probability that the authors wrote has 5. It is built as '
    'printed; no number here depends on it, but at `--size=paper`.',
  ),
  (
    'The scale of the Gaussian encoder',
    'Appendix F.1 speaks of a softplus and a variance, and of no offset. Here '
    'the softplus is the standard deviation, with an offset that makes it 1 at '
    'the start.',
  ),
  (
    'The biases of the gate',
    'The formula of the linear gate has the bias b2 twice. It is read as two '
    'biases, one for each of the two products.',
  ),
)
