"""A real IPython kernel behind JSON lines: requests come on stdin, outputs and states go to stdout.

Requests: {"id", "op": "execute", "code", "history"}, {"id", "op": "restart"}, {"id", "op": "shutdown"}.
Answers: {"id", "output": {"mime", "text"}}, {"id", "done": true}, {"status"}.

Only the main thread touches the kernel's client, since its sockets are not made for two.
"""

import json
import queue
import sys
import threading

from jupyter_client.manager import start_new_kernel

STDOUT = "application/vnd.code.notebook.stdout"
ERROR = "application/vnd.code.notebook.error"
POLL_SECONDS = 0.02
PROBE_SECONDS = 0.2
READY_SECONDS = 60

asked: "queue.Queue[dict]" = queue.Queue()
running: dict = {}  # the id of each request by that of the message which asks the kernel


def tell(message: dict) -> None:
    print(json.dumps(message), flush=True)


def read_requests() -> None:
    for line in sys.stdin:
        asked.put(json.loads(line))
    asked.put({"op": "shutdown"})


def published(timeout: float) -> "dict | None":
    try:
        return client.get_iopub_msg(timeout=timeout)
    except queue.Empty:
        return None


def wait_until_heard() -> None:
    """Until what the new kernel publishes arrives: it can answer before the subscription reaches it."""
    for _ in range(int(READY_SECONDS / PROBE_SECONDS)):
        probe = client.kernel_info()
        while (message := published(timeout=PROBE_SECONDS)) is not None:
            if message["parent_header"].get("msg_id") == probe and message["content"].get("execution_state") == "idle":
                return
    raise TimeoutError(f"The kernel published nothing within {READY_SECONDS} s.")


def pass_on(message: dict) -> None:
    kind, content = message["msg_type"], message["content"]
    parent = message["parent_header"].get("msg_id")
    number = running.get(parent)
    if kind == "status":
        tell({"status": content["execution_state"]})
        if content["execution_state"] == "idle" and number is not None:
            del running[parent]
            tell({"id": number, "done": True})
    elif number is not None and kind == "stream":
        tell({"id": number, "output": {"mime": STDOUT, "text": content["text"]}})
    elif number is not None and kind == "error":
        body = {"name": content["ename"], "message": content["evalue"], "stack": "\n".join(content["traceback"])}
        tell({"id": number, "output": {"mime": ERROR, "text": json.dumps(body)}})


def take(request: dict) -> None:
    if request["op"] == "execute":
        sent = client.execute(request["code"], store_history=request["history"], allow_stdin=False, stop_on_error=False)
        running[sent] = request["id"]
        return
    tell({"status": "restarting"})
    manager.restart_kernel(now=False)
    wait_until_heard()
    tell({"status": "idle"})
    tell({"id": request["id"], "done": True})


manager, client = start_new_kernel(kernel_name="python3", startup_timeout=READY_SECONDS)
tell({"status": "idle"})
threading.Thread(target=read_requests, daemon=True).start()
while True:
    while not asked.empty():
        request = asked.get()
        if request["op"] == "shutdown":
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            sys.exit()
        take(request)
    message = published(timeout=POLL_SECONDS)
    if message is not None:
        pass_on(message)
