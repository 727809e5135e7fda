"""Keeps what operators have said of agents: who may act, who acts only past a person, and who is stopped."""
