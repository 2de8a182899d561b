"""Reporting: `exhibits` makes each figure and table, and `report` makes one HTML file of all of them."""
