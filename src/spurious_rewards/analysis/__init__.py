"""Compute the numbers of tables and figures from grades: data frames in, data frames out, no plotting."""
