"""From grades to the numbers that tables and figures show: frames in, frames out, no plotting."""
