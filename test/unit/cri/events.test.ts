import { describe, expect, it } from 'vitest';
import { EventHub } from '../../../src/cri/events.ts';
import { ContainerEventResponse } from '../../../src/rpc/cri-api.ts';

const event = (containerId: string): ContainerEventResponse => ContainerEventResponse.fromPartial({ containerId });

async function idsOf(events: AsyncIterable<ContainerEventResponse>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { containerId } of events) ids.push(containerId);
  return ids;
}

describe('the event hub', () => {
  it('gives every event after the subscription to every subscriber, in order', async () => {
    const hub = new EventHub();
    const leave = new AbortController();
    hub.publish(event('before'));
    const subscribers = [hub.subscribe(leave.signal), hub.subscribe(leave.signal)].map(idsOf);
    hub.publish(event('1'));
    hub.publish(event('2'));
    leave.abort();
    expect(await Promise.all(subscribers)).toEqual([
      ['1', '2'],
      ['1', '2'],
    ]);
    expect(hub.hasSubscribers).toBe(false);
  });

  it('cuts off the one that does not read, and only that one', async () => {
    const hub = new EventHub(3);
    const leave = new AbortController();
    const slow = hub.subscribe(leave.signal);
    for (const id of ['1', '2', '3', '4']) hub.publish(event(id));
    await expect(idsOf(slow)).rejects.toThrow(/fell 3 events behind/);
    const quick = idsOf(hub.subscribe(leave.signal));
    hub.publish(event('5'));
    leave.abort();
    expect(await quick).toEqual(['5']);
  });

  it('forgets a subscriber that stops reading of its own accord', async () => {
    const hub = new EventHub();
    const events = hub.subscribe(new AbortController().signal);
    hub.publish(event('1'));
    for await (const { containerId } of events) {
      expect(containerId).toBe('1');
      break;
    }
    expect(hub.hasSubscribers).toBe(false);
  });
});
