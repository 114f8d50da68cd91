"""What can be done, one function per module."""
