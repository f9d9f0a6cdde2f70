"""A process with limits in which a model version is loaded and tried; never the app's own.

`contest` starts it, `child` is what runs in it, `trial` holds the values. What it protects from,
and what not, is in docs/trials.md: it bounds time, memory and files, hands over no secrets, and
is no jail.
"""
