# SPDX-License-Identifier: Apache-2.0
"""get.py PORT PATH - sends one GET request."""
import sys
import urllib.request

print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{sys.argv[2]}").read().decode(), end="")
