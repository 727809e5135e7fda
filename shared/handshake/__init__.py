"""Handshake: decides what an AI agent may do.

Imports run one way: functions -> edge -> flows -> store -> domain.
"""
