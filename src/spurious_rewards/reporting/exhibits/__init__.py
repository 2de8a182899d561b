"""Figures and tables: what each kind shows, its pictures, its numbers and what stands around them."""
