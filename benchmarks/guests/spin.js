// Loops for ever: the neighbour that nobody wants. It is stopped at its CPU limit.
exports.handler = async (event) => {
  for (;;) { /* no end */ }
};
