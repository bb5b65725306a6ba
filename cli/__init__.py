"""The ``edgefaas`` command. No logic of its own."""
