"""Values: every kind comes back, calls are told apart, failures are rebuilt, code is compared."""
