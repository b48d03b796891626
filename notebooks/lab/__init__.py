"""JupyterLab for ops: what `make lab` starts, the landing page of start_here.ipynb, and the form that runs a notebook."""
