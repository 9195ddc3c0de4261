"""Figures, usage and the audit trail."""
