"""From the analysis to what a reader sees: `tables` (CSV, Markdown), `figures` (SVG, PNG), `report` (one HTML file)."""
