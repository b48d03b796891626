"""What the notebooks call: parameters checked, a run opened and closed, results as tables and plots. No rules."""
