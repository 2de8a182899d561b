"""Answers: extraction, equivalence, majority vote, response features, alternative graders."""
