"""A real IPython kernel behind JSON lines: requests come on stdin, outputs and states go to stdout.

Requests: {"id", "op": "execute", "code", "history"}, {"id", "op": "restart"}, {"id", "op": "shutdown"}.
Answers: {"id", "output": {"mime", "text"}}, {"id", "done": true}, {"status"}.
"""

import json
import sys
import threading

from jupyter_client.manager import start_new_kernel

STDOUT = "application/vnd.code.notebook.stdout"
ERROR = "application/vnd.code.notebook.error"

manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
lock = threading.Lock()
requests: dict = {}


def tell(message: dict) -> None:
    with lock:
        print(json.dumps(message), flush=True)


def follow() -> None:
    while True:
        try:
            message = client.get_iopub_msg(timeout=1)
        except Exception:
            continue
        kind, content = message["msg_type"], message["content"]
        number = requests.get(message["parent_header"].get("msg_id"))
        if kind == "status":
            tell({"status": content["execution_state"]})
            if content["execution_state"] == "idle" and number is not None:
                tell({"id": number, "done": True})
        elif number is not None and kind == "stream":
            tell({"id": number, "output": {"mime": STDOUT, "text": content["text"]}})
        elif number is not None and kind == "error":
            body = {"name": content["ename"], "message": content["evalue"], "stack": "\n".join(content["traceback"])}
            tell({"id": number, "output": {"mime": ERROR, "text": json.dumps(body)}})


threading.Thread(target=follow, daemon=True).start()
tell({"status": "idle"})
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "execute":
        with lock:
            sent = client.execute(
                request["code"], store_history=request["history"], allow_stdin=False, stop_on_error=False
            )
            requests[sent] = request["id"]
    elif request["op"] == "restart":
        tell({"status": "restarting"})
        manager.restart_kernel(now=False)
        client.wait_for_ready(timeout=60)
        tell({"status": "idle"})
        tell({"id": request["id"], "done": True})
    else:
        break
client.stop_channels()
manager.shutdown_kernel(now=True)
