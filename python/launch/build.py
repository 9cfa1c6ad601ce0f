"""Builds one module class of the user's for the editor: ``python build.py JOB``, with the agent's address in the environment.

The model stands here under the name by which the agent finds it; all else is in ``mode_inspector.builder``.
"""

import json as _json
import os as _os
import sys as _sys

_sys.path[0] = _os.path.join(_os.path.dirname(_os.path.dirname(_os.path.realpath(__file__))), "agent")
from mode_inspector import builder as _builder  # noqa: E402

del _sys.path[0]
_workshop = _builder.Workshop(_json.loads(_sys.argv[1]))
model = _workshop.build()
if model is not None:
    _workshop.serve()
_sys.exit(0 if model is not None else 1)
