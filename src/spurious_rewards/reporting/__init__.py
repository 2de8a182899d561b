"""From the analysis to what a reader sees: `exhibits` (each figure and table), and `report` (one HTML file of them all)."""
