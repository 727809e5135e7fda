"""Decides who is believed: envelope, signer, trust token, and the secret that signs it."""
