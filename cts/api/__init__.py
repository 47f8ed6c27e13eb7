"""What every REST endpoint shares: permission by role, problem+json errors, keyset pages."""
