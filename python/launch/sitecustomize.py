"""Starts Mode Inspector's agent in a Python that finds this folder on PYTHONPATH, and leaves no other trace.

Python imports ``sitecustomize`` at its start. Child processes inherit the environment, so that every rank of ``torchrun`` and
every spawned trainer gets the agent too. A ``sitecustomize`` of the user's own, which this one hides, runs afterwards.
"""

import importlib.machinery
import importlib.util
import os
import sys


def _start_agent(folder: str) -> None:
    port, token = os.environ.get("MODE_INSPECTOR_PORT"), os.environ.get("MODE_INSPECTOR_TOKEN")
    if not port or not token:
        return
    package_folder = os.path.join(os.path.dirname(folder), "agent")
    sys.path.insert(0, package_folder)
    try:
        import mode_inspector

        mode_inspector.start(int(port), token)
    except Exception:
        # Without an agent the program runs as ever; the editor says that none came.
        pass
    finally:
        if package_folder in sys.path:
            sys.path.remove(package_folder)


def _run_the_users(folder: str) -> None:
    """Takes the folder off the path, and this module's name with it if the user has one of that name."""
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != folder]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    execute = getattr(spec.loader, "exec_module")  # of which the types of Python 3.9 know nothing
    execute(module)


if __name__ == "sitecustomize":
    _folder = os.path.dirname(os.path.realpath(__file__))
    _start_agent(_folder)
    _run_the_users(_folder)
