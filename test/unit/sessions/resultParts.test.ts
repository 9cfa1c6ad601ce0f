// Long results in parts: nothing lost, in order, and never more on the way than the host can take in between other things.

import assert from 'node:assert/strict';
import { itemsOf, PartSender, withItems } from '../../../src/sessions/resultParts';
import { smallModel } from '../support/models';

/** Lets everything run that needs no answer from the host. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('results in parts', () => {
  it('take the modules out of a description and put them back', () => {
    const model = smallModel();
    const items = itemsOf('open', model);
    assert.equal(items, model.modules);
    const head = withItems('open', model, []);
    assert.deepEqual(withItems('open', head, items), model);
    assert.deepEqual(withItems('setTraining', [], [1, 2]), [1, 2]);
    assert.equal(itemsOf('runForward', {}), undefined);
  });

  it('are sent in order, two ahead of the host', async () => {
    const sender = new PartSender();
    const items = Array.from({ length: 2001 }, (_, i) => i);
    const sent: (readonly unknown[])[] = [];
    const sending = sender.send(items, 400, (part) => sent.push(part));
    await settle();
    assert.equal(sent.length, 2);
    for (let taken = 1; taken <= 4; taken++) {
      sender.taken();
      await settle();
      assert.equal(sent.length, taken + 2);
    }
    await sending;
    assert.deepEqual(sent.flat(), items);
  });

  it('begin anew for the next result, whatever the host still said of the last', async () => {
    const sender = new PartSender();
    const items = new Array<number>(1200).fill(0);
    const first = sender.send(items, 400, () => undefined);
    sender.taken();
    await first;
    for (let late = 0; late < 5; late++) sender.taken();
    let sent = 0;
    void sender.send(items, 400, () => sent++);
    await settle();
    assert.equal(sent, 2);
    await sender.send([], 400, () => assert.fail('nothing is to be sent'));
  });
});
