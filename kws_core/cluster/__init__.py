"""Replicas of KWS on one database."""
