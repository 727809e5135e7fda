"""Rehearsals: releases with production's parameters, played on an AWS of this machine.

``known`` takes out of the template what that AWS does not know, ``settings`` holds what is deployed against what
production has, ``release`` plays them, ``log`` keeps the times, ``command`` runs it all.
"""
