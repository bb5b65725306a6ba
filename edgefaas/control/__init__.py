"""The control plane: what is deployed, who may change it, and how a change reaches every worker.

``store`` and ``blobs`` keep; ``deploy``, ``purging`` and ``seeds`` decide; ``api`` is the face for people and
tools. Runs in the supervisor, never in the way of a viewer.
"""
