"""Brings messages, keys and pictures to people."""
