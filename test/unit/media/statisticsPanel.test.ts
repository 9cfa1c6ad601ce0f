// What the statistics panel computes before it draws: scales, bins, stages of a network.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { groupLayers } from '../../../media/statisticsPanel/groups';
import { histogram } from '../../../media/statisticsPanel/histogram';
import { positiveScale, signedScale } from '../../../media/statisticsPanel/scale';
import { quartilesOf } from '../../../src/model/statistics';

describe('scales', () => {
  it('of variances are logarithmic, with whole powers of ten around the values', () => {
    const scale = positiveScale([0.03, 2, 40]);
    assert.deepEqual([scale.low, scale.high, scale.ticks], [-2, 2, [-2, -1, 0, 1, 2]]);
    assert.equal(scale.place(10), 1);
    assert.equal(scale.value(-1), 0.1);
  });

  it('of variances put zero, less than zero and dust at the lower end, and stay readable', () => {
    const scale = positiveScale([0, -3, 1e-40, 5]);
    assert.equal(scale.place(0), scale.low);
    assert.equal(scale.place(-3), scale.low);
    assert.equal(scale.place(1e-40), scale.low);
    assert.ok(scale.high - scale.low <= 14);
    assert.ok(scale.ticks.length <= 6);
  });

  it('of variances that lie close together are linear, from zero', () => {
    const scale = positiveScale([0.1, 0.19, 0.14]);
    assert.deepEqual([scale.kind, scale.low, scale.high], ['linear', 0, 0.2]);
    assert.equal(scale.place(0.1), 0.1);
  });

  it('of means are linear with round ticks around zero', () => {
    const scale = signedScale([-1.1, 0.2, 1.2]);
    assert.equal(scale.kind, 'linear');
    assert.deepEqual(scale.ticks, [-1.5, -1, -0.5, 0, 0.5, 1, 1.5]);
  });

  it('of means are logarithmic on both sides of zero where a few dwarf the rest', () => {
    const scale = signedScale([...Array.from({ length: 50 }, (_, index) => index / 50 - 0.5), -70_000]);
    assert.equal(scale.kind, 'logarithmic');
    assert.ok(scale.place(-70_000) >= scale.low);
    assert.ok(scale.place(0.5) - scale.place(0) > (scale.high - scale.low) / 50, 'the rest can still be seen');
    assert.ok(Math.abs(scale.value(scale.place(-70_000)) + 70_000) < 1e-6);
  });

  it('hold every value, in order, and lead back to it', () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(values, (list) => {
        const scale = signedScale(list);
        const dust = 1e-9 * Math.max(...list.map(Math.abs)) + 1e-290;
        const sorted = [...list].sort((a, b) => a - b);
        let before = -Infinity;
        for (const value of sorted) {
          const place = scale.place(value);
          const hair = 1e-9 * (scale.high - scale.low);
          assert.ok(place >= scale.low - hair && place <= scale.high + hair);
          assert.ok(place >= before);
          before = place;
          assert.ok(Math.abs(scale.value(place) - value) <= 1e-6 * Math.abs(value) + dust);
        }
        assert.ok(scale.ticks.length >= 2 && scale.ticks.length <= 16, String(scale.ticks.length));
      }),
      { seed: 5 },
    );
  });

  it('are there without a value too', () => {
    for (const scale of [positiveScale([]), signedScale([]), signedScale([0, 0]), positiveScale([1])])
      assert.ok(scale.high > scale.low);
  });
});

describe('bins', () => {
  it('count every finite value once', () => {
    const values = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 })));
    fc.assert(
      fc.property(values, (list) => {
        const finite = list.filter((value) => value !== null);
        const bins = histogram(list, signedScale(finite));
        assert.equal(
          bins.reduce((sum, { count }) => sum + count, 0),
          finite.length,
        );
        assert.ok(bins.length <= 48);
      }),
      { seed: 6 },
    );
  });

  it('are one that can be seen where all values are alike', () => {
    const bins = histogram([1, 1, 1, null], positiveScale([1]));
    assert.deepEqual(
      bins.filter(({ count }) => count > 0).map(({ count }) => count),
      [3],
    );
  });
});

describe('stages', () => {
  const names = (paths: readonly string[]): readonly string[] =>
    groupLayers(paths).map(({ name, from, to }) => `${name} ${String(from)}-${String(to)}`);

  it('are the first part of the path in which layers differ', () => {
    assert.deepEqual(names(['stem.1', 'layer1.0.bn1', 'layer1.0.bn2', 'layer2.0.bn1']), [
      'stem 0-1',
      'layer1 1-3',
      'layer2 3-4',
    ]);
    assert.deepEqual(names(['net.features.a.bn', 'net.features.b.bn', 'net.features.b.norm']), ['a 0-1', 'b 1-3']);
  });

  it('say where a number belongs', () => {
    assert.deepEqual(names(['features.0.bn', 'features.2.bn']), ['features.0 0-1', 'features.2 1-2']);
    assert.deepEqual(names(['0', '3']), ['0 0-1', '3 1-2']);
  });

  it('are there for one layer, for the root and for none', () => {
    assert.deepEqual(names(['bn']), ['bn 0-1']);
    assert.deepEqual(names(['']), [' 0-1']);
    assert.deepEqual(names([]), []);
  });
});

describe('quartiles', () => {
  it('are torch.quantile’s, of finite elements alone', () => {
    assert.deepEqual(quartilesOf([4, 1, NaN, 3, 2, Infinity]), [1.75, 2.5, 3.25]);
    assert.deepEqual(quartilesOf([7]), [7, 7, 7]);
    assert.equal(quartilesOf([NaN]), undefined);
  });
});
