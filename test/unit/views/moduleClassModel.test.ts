// Over which classes of a Python file a lens stands.

import assert from 'node:assert/strict';
import { findModuleClasses } from '../../../src/views/moduleClassModel';

function namesIn(text: string): string[] {
  return findModuleClasses(text).map(({ name }) => name);
}

describe('classes derived from nn.Module', () => {
  for (const [words, text] of [
    ['nn.Module', 'from torch import nn\nclass Net(nn.Module):\n    pass'],
    ['torch.nn.Module', 'import torch\nclass Net(torch.nn.Module): pass'],
    ['Module of torch.nn', 'from torch.nn import Linear, Module\nclass Net(Module): pass'],
    ['an alias', 'from torch.nn import (\n  Module as Base,\n)\nclass Net(Base): pass'],
    ['an alias of the package', 'import torch.nn as tnn\nclass Net(tnn.Module): pass'],
    ['LightningModule', 'import lightning as L\nclass Net(L.LightningModule): pass'],
    [
      'LightningModule by its own name',
      'from pytorch_lightning import LightningModule\nclass Net(LightningModule): pass',
    ],
    ['Sequential', 'from torch import nn\nclass Net(nn.Sequential): pass'],
    ['several bases', 'from torch import nn\nclass Net(Mixin, Generic[A, B], nn.Module, metaclass=M): pass'],
    [
      'bases on several lines',
      'from torch import nn\nclass Net(\n    Mixin,  # not (this\n    nn.Module,\n):\n    pass',
    ],
    ['decorators', 'from torch import nn\n@register("net")\n@other\nclass Net(nn.Module): pass'],
    ['type parameters', 'from torch import nn\nclass Net[T](nn.Module): pass'],
    ['line ends of Windows', 'from torch import nn\r\nclass Net(nn.Module):\r\n    pass\r\n'],
  ] as const) {
    it(`are found by ${words}`, () => {
      assert.deepEqual(namesIn(text), ['Net']);
    });
  }

  it('are found through other classes of the file, nested and indented', () => {
    const text = `
from torch import nn
class Base(nn.Module):
    class Head(nn.Module):
        pass
    def build(self):
        class Local(nn.Module):
            pass
class Net(Base):
    pass
if True:
    class Late(Net):
        pass
class Config:
    class Model(nn.Module): pass
`;
    assert.deepEqual(findModuleClasses(text), [
      { name: 'Base', line: 2 },
      { name: 'Base.Head', line: 3 },
      { name: 'Net', line: 8 },
      { name: 'Late', line: 11 },
      { name: 'Config.Model', line: 14 },
    ]);
  });

  it('are not found in strings, comments, or by a name that means something else', () => {
    const text = `
from torch import nn
from project import Module
# class A(nn.Module):
"""
class B(nn.Module):
    pass
"""
text = 'class C(nn.Module): \\'' ; other = r"\\"
class D(Module): pass
class E(object): pass
class F: pass
class G(nn.Modules): pass
class H(make(nn.Module)): pass
class I(base=nn.Module): pass
subclass = 1
class J(nn.Module): pass
class J: pass
class K(J): pass
`;
    assert.deepEqual(namesIn(text), ['J']);
  });

  it('end with a text that is cut off anywhere', () => {
    const text = 'from torch.nn import (Module\nclass Net(nn.Module, x="""(\nclass B(nn.Module): pass';
    for (let length = 0; length <= text.length; length++) findModuleClasses(text.slice(0, length));
  });
});
