"""Figures and tables: what each kind of exhibit shows, with its pictures, its numbers and the text around them."""
