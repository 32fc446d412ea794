"""Comparisons of models behind an OpenAI-compatible server: prompts and scores as ever, nothing computed here."""
