"""What the notebooks call: parameters checked, a run opened and closed, its results as tables and plots. Rules live below."""
