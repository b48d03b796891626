"""The schema's steps, applied in numeric order when the record is opened. A step that was released never changes."""
