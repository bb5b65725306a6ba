"""Key-value namespaces: small facts that change without a deploy, which functions read in microseconds.

``pairs`` says what a key, a value and a write are; ``store`` keeps them in one SQLite file that the supervisor
writes and every worker reads; ``operations`` is what guests may ask, ``worker`` where a worker
has it from; ``memory`` is for trials; ``formats`` reads and writes files of pairs.
"""
