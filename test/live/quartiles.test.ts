// Quartiles of running statistics from a running process: torch's own, and only where they are asked for.

import assert from 'node:assert/strict';
import { lookAtEverything, startProgram } from './program';

const program = `
net = nn.Sequential(nn.BatchNorm1d(7), nn.BatchNorm1d(7), nn.BatchNorm1d(5))
with torch.no_grad():
    for layer in net:
        layer.running_mean.copy_(torch.randn(layer.num_features))
    net[1].running_mean[2] = float("nan")
    net[1].running_var.fill_(float("inf"))
def quartiles(tensor):
    return torch.quantile(tensor[torch.isfinite(tensor)].double(), torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
print("expected", [quartiles(layer.running_mean) for layer in net], flush=True)
wait()
`;

describe('quartiles of a running process', () => {
  it('are torch.quantile’s, of the finite elements', async () => {
    const running = await startProgram(program, { look: { ...lookAtEverything, quartiles: true } });
    const net = await running.model('net');
    await running.waits();
    const expected = JSON.parse(/expected (.*)/.exec(running.output)?.[1] ?? '[]') as number[][];
    assert.equal(expected.length, 3);
    await running.until('the quartiles', () => net.latestStatistics('2')?.runningMean?.quartiles !== undefined);
    for (const [index, quartiles] of expected.entries()) {
      const told = net.latestStatistics(String(index))?.runningMean?.quartiles ?? [];
      assert.equal(told.length, 3);
      told.forEach((value, place) => {
        assert.ok(Math.abs(value - (quartiles[place] ?? NaN)) < 1e-12, `layer ${String(index)}: ${told.join(', ')}`);
      });
    }
    assert.deepEqual(net.latestStatistics('1')?.runningVar, { min: null, max: null, mean: null, nonFinite: 7 });
  });

  it('are left out where nobody asks for them', async () => {
    const running = await startProgram(program);
    const net = await running.model('net');
    await running.until('the figures', () => net.latestStatistics('2') !== undefined);
    assert.deepEqual(Object.keys(net.latestStatistics('2')?.runningMean ?? {}).sort(), [
      'max',
      'mean',
      'min',
      'nonFinite',
    ]);
  });
});
