// The variables of the user's functions stay what they are, whoever else watches them, while the agent's way of reading them
// is used without pause in another thread.

import assert from 'node:assert/strict';
import { startProgram } from './program';

/** Each case runs before the reading begins and while it goes on, and must give the same. */
const code = `
import threading, time
from mode_inspector import roots

def spin(n=40):
    x = 0
    for i in range(n): x += i
    return x

def victim(a, b, c):
    passing = [a]
    d = a + b; e = [spin(), d]
    for i in range(5):
        e.append(i); d += len(e); max(d, i)
    del passing
    return a, b, c, d, len(e)

def only_calls(frame, event, arg): spin(); return None
def every_line(frame, event, arg): spin(); return every_line
def any_arguments(*given): spin(); return any_arguments
def forgetful(frame, event, arg): frame = None; spin(); return forgetful
class Callable:
    def __call__(self, frame, event, arg): spin(); return self
    def method(self, frame, event, arg): spin()
def editing(frame, event, arg):
    if frame.f_code is edited.__code__ and event == "line":
        frame.f_locals["x"] = 7; spin(200)
    return editing
def edited():
    x = 1
    y = 2
    return x

def traced(install, function):
    def run():
        install(function)
        try: return victim(1, 2, 3)
        finally: install(None)
    return run
def traced_edit():
    sys.settrace(editing)
    try: return edited()
    finally: sys.settrace(None)

def executes():
    exec("y = 5"); spin(200)
    try: return eval("y")
    except NameError: return "no y"
def holds():
    x = 1; d = locals(); d["x"] = 9; d["extra"] = 3; spin(200); return d["x"], d["extra"]
def generator(n):
    for i in range(n): spin(20); yield i
def closure():
    k = 3
    def inner(a, b, c, d): spin(); return a + k
    r = inner(1, 2, 3, 4); spin(); return r + k
def comprehension(): return [[spin() and i * j for i in range(3)] for j in range(3)]
class Body:
    def make(self):
        class Made: x = spin(); y = x + 1
        return Made.y
def debugger():
    import io, pdb
    said = io.StringIO()
    prompt = pdb.Pdb(stdin=io.StringIO("n\\nn\\nx = 8\\np x\\nup\\ndown\\np x\\nc\\n"), stdout=said, readrc=False, nosigint=True)
    result = prompt.runcall(edited)
    return result, said.getvalue().count("8")

cases = {
    "settrace, calls": traced(sys.settrace, only_calls), "settrace, lines": traced(sys.settrace, every_line),
    "settrace, any arguments": traced(sys.settrace, any_arguments), "settrace, an object": traced(sys.settrace, Callable()),
    "settrace, forgetful": traced(sys.settrace, forgetful), "settrace, editing": traced_edit,
    "setprofile": traced(sys.setprofile, only_calls), "setprofile, a method": traced(sys.setprofile, Callable().method),
    "setprofile, any arguments": traced(sys.setprofile, any_arguments),
    "exec": executes, "locals": holds, "generator": lambda: list(generator(3)), "closure": closure,
    "comprehension": comprehension, "class": Body().make, "pdb": debugger, "nothing": lambda: victim(1, 2, 3),
}
expected = {name: case() for name, case in cases.items()}
looks, stop = 0, threading.Event()
def look():
    global looks
    while not stop.is_set():
        for _ in roots.candidates(): pass
        looks += 1
reader = threading.Thread(target=look)
sys.setswitchinterval(1e-5)
reader.start()
wrong, rounds = {}, 0
while rounds < 300 or looks < 300:
    rounds += 1
    for name, case in cases.items():
        try: result = case()
        except Exception as error: result = f"{type(error).__name__}: {error}"
        finally: sys.settrace(None); sys.setprofile(None)
        if result != expected[name]: wrong[name] = result
stop.set(); reader.join()
print("wrong", wrong)

# Tensors that were let go are gone, though the function that held them was looked at.
import weakref
def holder():
    global seen
    big = nn.Linear(2, 2); passing = torch.zeros(3)
    reference = weakref.ref(passing)
    searcher = threading.Thread(target=lambda: found.extend(name for name, _ in roots.candidates())); searcher.start(); searcher.join()
    del passing
    return reference() is None
found = []
print("let go", holder(), "big" in found)
`;

describe('local variables', () => {
  it('stay what they are under tracers, profilers, debuggers and exec, and keep nothing alive', async () => {
    const program = await startProgram(code);
    assert.equal(await program.ends(), 0, program.errors);
    assert.equal(program.output, 'wrong {}\nlet go True True\n');
  });
});
