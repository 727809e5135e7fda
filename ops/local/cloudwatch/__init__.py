"""What CloudWatch does with log lines and alarms, for the AWS on this machine and for tests.

``emf`` makes metrics of log lines, ``evaluate`` and ``rules`` decide the states of alarms, ``definitions`` reads alarms
from a template: all plain functions. ``emulated`` starts ministack so that ``watch`` can do these for it.
"""
