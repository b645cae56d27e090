#!/usr/bin/env python3
"""Says what arguments it was given, and ends."""

import sys

sys.exit(str(sys.argv[1:]))
