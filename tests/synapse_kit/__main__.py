"""python3 -m synapse_kit"""
import sys

from .command_line import main

sys.exit(main())
