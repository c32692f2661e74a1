"""Calls that run elsewhere: in a process of their own, or on a Ray cluster (``runtime=``).

A room an idea: ``_options`` (what the decorator takes), ``_job`` (what is sent), ``_keeper`` (the process that starts
the call's, watches it and ends its tree), ``_inside`` and ``_stand_in`` (the call's side), ``_process`` and ``_on_ray``
(where it runs), ``_heard`` (what comes back), ``_bodies`` (the body of such a call, as its path runs it), ``_traces``
(tracebacks as data). Entered by checkpoints that have a ``runtime=`` only. Not here: the path of a call, which is that
of every other (``_calls``).
"""
