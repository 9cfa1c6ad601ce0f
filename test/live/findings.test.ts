// What `watch --json` finds in real programs: hazards, each at its module, and nothing in healthy loops that resemble them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../../scripts/lib/paths';
import { cleanEnvironment } from '../../scripts/lib/shell';
import { torchPython } from './program';

/** A small network with both kinds of layers, data for it, and a step. `pause` gives the agent time to look, as a larger model would. */
const prelude = `
import copy, time, torch
from torch import nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(8, 4)
    def forward(self, x):
        return self.head(self.body(x))
def trained():
    net = Net(); norm = net.body[1]
    norm.running_mean.normal_(); norm.running_var.uniform_(0.5, 2.0); norm.num_batches_tracked.fill_(1000)
    return net
def pause():
    time.sleep(0.01)
def batch():
    return torch.randn(8, 4)
def optimizer_of(net):
    return torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.01)
def step(net, optimizer, x=None):
    pause()
    loss = net(batch() if x is None else x).square().mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
torch.manual_seed(1)
`;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-findings-'));

after(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  /** `warning mode/mixed net body`, in the order of their coming. */
  readonly findings: readonly string[];
  /** `train.py:31` of each that names a line. */
  readonly places: Readonly<Record<string, string>>;
  readonly errors: string;
}

function watch(code: string): Promise<Outcome> {
  const file = path.join(fs.mkdtempSync(path.join(folder, 'program-')), 'train.py');
  fs.writeFileSync(file, prelude + code);
  const args = [path.join(root, 'dist', 'cli.js'), 'watch', '--json', '--', torchPython(), 'train.py'];
  return new Promise((resolve, reject) => {
    const options = { cwd: path.dirname(file), env: cleanEnvironment({}), maxBuffer: 1 << 28 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error !== null) {
        reject(new Error(`${error.message}\n${stderr}`));
        return;
      }
      const found = new Map<string, string>();
      for (const text of stdout.split('\n').filter((line) => line !== '')) {
        const event = JSON.parse(text) as {
          event: string;
          model?: string;
          finding?: { severity: string; rule: string; path: string; source?: { file: string; line: number } };
        };
        if (event.event !== 'finding' || event.finding === undefined) continue;
        const { severity, rule, path: layer, source } = event.finding;
        const place = source === undefined ? '' : `${source.file}:${String(source.line)}`;
        found.set(`${severity} ${rule} ${event.model ?? ''} ${layer}`.trim(), place);
      }
      resolve({ findings: [...found.keys()], places: Object.fromEntries(found), errors: stderr });
    });
  });
}

/** The number of the line that holds a text. */
function lineOf(code: string, text: string): number {
  return (prelude + code).split('\n').findIndex((line) => line.includes(text)) + 1;
}

const lists = `
class Listed(nn.Module):
    def __init__(self, **more):
        super().__init__()
        self.net = Net()
        self.__dict__.update(more)
    def forward(self, x):
        return self.net(x)
`;

const hazards: readonly {
  readonly name: string;
  readonly code: string;
  readonly finds: string;
  readonly at?: string;
}[] = [
  {
    name: 'modules in a plain list',
    code: `${lists}
net = Listed(heads=[[nn.Linear(4, 4)]], by_name={'drop': nn.Dropout(0.5)}); optimizer = optimizer_of(net)
for i in range(60): step(net, optimizer)
`,
    finds: 'warning module/unregistered net',
  },
  {
    name: 'a validation that forgets eval()',
    code: `
net = Net(); optimizer = optimizer_of(net)
for epoch in range(2):
    net.train()
    for i in range(20): step(net, optimizer)
    with torch.no_grad():
        for i in range(150): pause(); net(batch())  # forgotten
`,
    finds: 'warning mode/train-without-grad net',
    at: '# forgotten',
  },
  {
    name: 'inference that forgets eval()',
    code: `
net = Net()
with torch.inference_mode():
    for i in range(60): pause(); net(batch())  # forgotten
`,
    finds: 'warning mode/train-without-grad net',
    at: '# forgotten',
  },
  {
    name: 'training that goes on in eval after a validation',
    code: `
net = Net(); optimizer = optimizer_of(net)
net.train()
for i in range(20): step(net, optimizer)
net.eval()
with torch.no_grad(): net(batch())
for i in range(250): step(net, optimizer)
`,
    finds: 'warning mode/trained-in-eval net',
  },
  {
    name: 'dropout and attention that eval() does not reach',
    code: `
class Careless(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()
    def forward(self, x):
        return F.dropout(self.net(x), 0.3)  # careless
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Careless()
    def forward(self, x):
        return self.part(x)
model = Model().eval()
with torch.no_grad():
    for i in range(150): pause(); model(batch())
`,
    finds: 'warning dropout/ignores-eval model part',
    at: '# careless',
  },
  {
    name: 'two forwards for each step',
    code: `
net = Net(); optimizer = optimizer_of(net)
for i in range(60):
    optimizer.zero_grad()
    for part in range(2): pause(); net(batch()).square().mean().backward()
    optimizer.step()
`,
    finds: 'information batchnorm/double-update net body.1',
  },
  {
    name: 'frozen layers whose statistics move',
    code: `
net = Net()
time.sleep(2)
net.body.requires_grad_(False)
optimizer = optimizer_of(net)
for i in range(300): step(net, optimizer)
`,
    finds: 'warning batchnorm/frozen-but-updating net body.1',
  },
  {
    name: 'layers frozen by eval() that train() revives',
    code: `
net = Net(); optimizer = optimizer_of(net)
for i in range(20): step(net, optimizer)
net.body[1].eval()
for epoch in range(2):
    net.train()  # revives
    for i in range(60): step(net, optimizer)
`,
    finds: 'warning batchnorm/revived net body.1',
    at: '# revives',
  },
];

const healthy: readonly { readonly name: string; readonly code: string }[] = [
  {
    name: 'training and validation, with a loss that is a module, from a DataLoader',
    code: `
net = Net(); optimizer = optimizer_of(net); criterion = nn.CrossEntropyLoss()
data = torch.utils.data.TensorDataset(torch.randn(160, 4), torch.randint(0, 4, (160,)))
loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True, num_workers=1)
for epoch in range(3):
    net.train()
    for x, y in loader:
        pause(); loss = criterion(net(x), y); optimizer.zero_grad(); loss.backward(); optimizer.step()
    net.eval()
    with torch.no_grad():
        for x, y in loader: pause(); criterion(net(x), y)
`,
  },
  {
    name: 'lists of losses, of registered modules, and of a teacher in eval',
    code: `${lists}
net = Listed(losses={'l1': nn.L1Loss()}, acts=[nn.ReLU()])
net.order = (net.net, nn.DataParallel(net.net))
net.teacher = [trained()]; net.teacher[0].eval()
optimizer = optimizer_of(net)
for epoch in range(2):
    net.train()
    for i in range(40): step(net, optimizer)
    net.eval()
    with torch.no_grad():
        for i in range(40): pause(); net(batch())
`,
  },
  {
    name: 'a GAN',
    code: `
generator, critic = Net(), Net()
optimizers = optimizer_of(generator), optimizer_of(critic)
for i in range(100):
    pause()
    with torch.no_grad(): fake = generator(batch())
    loss = critic(fake).mean() - critic(batch()).mean()
    optimizers[1].zero_grad(); loss.backward(); optimizers[1].step()
    loss = -critic(generator(batch())).mean()
    optimizers[0].zero_grad(); loss.backward(); optimizers[0].step()
`,
  },
  {
    name: 'an averaged teacher in eval, and one in train',
    code: `
net, teacher, momentum = Net(), trained().eval(), trained()
for each in (teacher, momentum): each.requires_grad_(False)
time.sleep(2)
optimizer = optimizer_of(net)
for i in range(40):
    optimizer.zero_grad()
    for part in range(4):
        pause(); x = batch()
        with torch.no_grad(): target = teacher(x) + momentum(x)
        (net(x) - target).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        for each in (teacher, momentum):
            for old, new in zip(each.parameters(), net.parameters()): old.lerp_(new, 0.01)
`,
  },
  {
    name: 'frozen BatchNorm that an override of train() keeps in eval',
    code: `
class Frozen(Net):
    def train(self, mode=True):
        super().train(mode)
        self.body.eval()
        return self
net = Frozen(); net.body.requires_grad_(False); net.train()
time.sleep(2)
optimizer = optimizer_of(net)
for i in range(100): net.train(); step(net, optimizer)
`,
  },
  {
    name: 'a new head, trained in eval on frozen layers',
    code: `
net = trained().eval()
net.body.requires_grad_(False)
time.sleep(2)
optimizer = optimizer_of(net)
for i in range(150): step(net, optimizer)
`,
  },
  {
    name: 'Monte Carlo validation',
    code: `
net = Net(); optimizer = optimizer_of(net)
for epoch in range(2):
    net.train()
    for i in range(40): step(net, optimizer)
    net.eval()
    with torch.no_grad():
        for i in range(10): net(batch())
        for module in net.modules():
            if isinstance(module, nn.Dropout): module.train()
        for i in range(60): pause(); net(batch())
`,
  },
  {
    name: 'adversarial training',
    code: `
net = Net(); optimizer = optimizer_of(net)
for i in range(60):
    x = batch().requires_grad_()
    net.eval()
    for attack in range(5):
        pause(); gradient, = torch.autograd.grad(net(x).square().mean(), x)
        x = (x + 0.01 * gradient.sign()).detach().requires_grad_()
    net.train()
    step(net, optimizer, x.detach())
`,
  },
  {
    name: 'averaged weights whose statistics are renewed',
    code: `
net = Net(); optimizer = optimizer_of(net)
average = torch.optim.swa_utils.AveragedModel(net)
for i in range(60): step(net, optimizer); average.update_parameters(net)
def data():
    for i in range(80): pause(); yield batch()
torch.optim.swa_utils.update_bn(data(), average)
`,
  },
  {
    name: 'a compiled model',
    code: `
net = Net()
compiled = torch.compile(net, backend="eager"); optimizer = optimizer_of(net)
for epoch in range(2):
    compiled.train()
    for i in range(20): step(compiled, optimizer)
    compiled.eval()
    with torch.no_grad():
        for i in range(20): pause(); compiled(batch())
`,
  },
];

describe('findings of a running program', function () {
  this.timeout(180_000);

  for (const { name, code, finds, at } of hazards) {
    it(`name ${name}`, async () => {
      const { findings, places } = await watch(code);
      assert.ok(findings.includes(finds), findings.join('\n'));
      if (at !== undefined) assert.equal(places[finds], `train.py:${String(lineOf(code, at))}`);
    });
  }

  it('are those that docs/hazards.md lists', () => {
    const text = fs.readFileSync(path.join(root, 'docs', 'hazards.md'), 'utf8');
    const rows = hazards.map(({ name, finds, at }) => {
      const [severity = '', rule = '', ...module] = finds.split(' ');
      const page = `[\`${rule}\`](rules/${rule.replace('/', '-')}.md)`;
      return `| ${name} | ${page} | \`${module.join('.')}\` | ${at === undefined ? '' : `\`${at.trim()}\` `}| ${severity} |`;
    });
    assert.deepEqual(
      /## In running programs[^]*?\n\| -.*\n([^]*?)\n\n/.exec(text)?.[1]?.replaceAll(/ +/g, ' ').split('\n'),
      rows,
      rows.join('\n'),
    );
  });

  for (const { name, code } of healthy) {
    it(`are none in ${name}`, async () => {
      const { findings, errors } = await watch(code);
      assert.deepEqual(
        findings.filter((finding) => !finding.startsWith('information')),
        [],
      );
      assert.equal(errors, '');
    });
  }
});
