"""The section that explains the technical names in column headings."""

from collections.abc import Sequence

from spurious_rewards.reporting.glossary import TERMS
from spurious_rewards.reporting.page import Section

NOTE = "Each ? beside a column name leads here."


def section(sections: Sequence[Section]) -> Section:
    """Return the section with the entries that the tables of these sections need."""
    used = {
        term
        for section in sections
        for table in section.tables
        for column in table.frame.columns
        if (term := table.term(column))
    }
    return Section("about-glossary", "Glossary", "About", (NOTE,), terms=[term for term in TERMS if term in used])
