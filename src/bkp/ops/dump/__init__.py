"""Write what is stored as a tar or zip archive."""
