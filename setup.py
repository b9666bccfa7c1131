# SPDX-License-Identifier: Apache-2.0
"""What the package is called, what it needs, and what it installs."""

import pathlib
import re

import setuptools

_HERE = pathlib.Path(__file__).parent
_VERSION = re.search(
  r"^__version__ = '(.+)'$",
  (_HERE / 'tfp_rd' / 'version.py').read_text(encoding='utf-8'),
  re.MULTILINE,
).group(1)

# One range for TensorFlow wherever it is named.  Each tf-keras asks for the
# TensorFlow of its own minor version, so that pip finds a pair.
_TENSORFLOW = '>=2.20,<2.22'

# JAX runs exported programs; its CUDA packages are an extra of its own.
_JAX = 'jax>=0.10,<0.12; python_version >= "3.11"'

setuptools.setup(
  name='tfp_rd',
  version=_VERSION,
  description='Rate and distortion of deep latent-variable models, with TFP',
  long_description=(_HERE / 'README.md').read_text(encoding='utf-8'),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  keywords='rate distortion ELBO VAE latent-variable TensorFlow Probability',
  classifiers=[
    'Development Status :: 4 - Beta',
    'Intended Audience :: Science/Research',
    'Operating System :: MacOS',
    'Operating System :: POSIX :: Linux',
    'Programming Language :: Python :: 3',
    'Topic :: Scientific/Engineering :: Artificial Intelligence',
    'Typing :: Typed',
  ],
  python_requires='>=3.10,<3.14',
  packages=setuptools.find_packages(include=['tfp_rd', 'tfp_rd.*']),
  package_data={
    'tfp_rd': ['py.typed'],
    'tfp_rd.page': ['*.css', '*.html', '*.js'],
  },
  install_requires=[
    'absl-py',
    # tensorflow-datasets brings it; an old pip tries every version before it
    # finds that later ones have left Python 3.10.
    'etils<1.14; python_version < "3.11"',
    'importlib_resources',  # tensorflow-datasets imports it undeclared.
    'matplotlib>=3.6',
    'numpy',
    'scikit-learn',
    'scipy',
    'setuptools',  # TFP imports distutils, which left Python with 3.12.
    f'tensorflow{_TENSORFLOW}',
    'tensorflow-datasets',
    'tensorflow-probability==0.25.*',
    f'tf-keras{_TENSORFLOW}',
    'tqdm',
    'vl-convert-python==1.9.*',  # Vega, to put into the page of a report.
  ],
  extras_require={
    'gpu': [f'tensorflow[and-cuda]{_TENSORFLOW}'],
    'bench': [_JAX, 'torch'],
    'test': [
      _JAX,
      'axe-playwright-python',  # axe-core, which finds barriers in a page.
      'mypy',
      'playwright',
      'pytest',
      'pytest-xdist',
      'ruff==0.17.*',
      'tensorboard',
    ],
    'tensorboard': ['tensorboard'],
  },
  entry_points={'console_scripts': ['tfp-rd = tfp_rd.cli.__main__:main']},
)
