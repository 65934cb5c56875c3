"""Published weights of the same network: found, recognised by their names, converted, and checked."""
