"""The colours of marks in tables and plots. None stands alone: a word beside it says the same.

Each is at 3:1 or more on white, on JupyterLab's dark ground and on the stripes of its tables (WCAG 2.2, 1.4.11), and no two
are alike to people who see but two kinds of colour.
"""

GOOD, BAD, WAITS, OTHER, PAUSED, IDLE = "#3d9964", "#ce3539", "#bf7d0a", "#2b6ae5", "#b26dcf", "#6b7077"
MARKS = (GOOD, BAD, WAITS, OTHER, PAUSED, IDLE)
