"""`python -m notebooks.lab`: JupyterLab, opened at the notebook that says which is for what."""

import sys

from notebooks.lab.server import main

main(sys.argv[1:])
