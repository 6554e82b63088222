"""CloudFormation resource types that the emulator lacks or runs too shallowly, as rows of a table."""
