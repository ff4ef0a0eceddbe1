import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { ImageGarbage } from '../../../../src/kubelet/images/image-garbage.ts';
import { Container, ContainerStatus, Image, ImageFsInfoResponse } from '../../../../src/rpc/cri-api.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const MINUTE = 60_000;
const never = new AbortController().signal;

let clock: FakeClock;
let images: Image[];
let available: number;
let broken: Set<string>;
let mounted: string;
let events: string[];
let removed: string[];
let looks: number;
let garbage: ImageGarbage;

beforeEach(() => {
  clock = new FakeClock();
  images = ['a', 'b', 'c', 'mounted', 'run'].map(id => Image.fromPartial({ id, size: 60n }));
  available = 500;
  broken = new Set();
  mounted = 'mounted';
  events = [];
  removed = [];
  looks = 0;
  garbage = new ImageGarbage({
    policy: { highPercent: 85, lowPercent: 80, minAgeMs: 2 * MINUTE, maxAgeMs: 0 },
    runtime: {
      listImages: async () => {
        looks += 1;
        return images;
      },
      listContainers: async () => [Container.fromPartial({ id: 'c1', imageId: 'run' })],
      containerStatus: async () =>
        ContainerStatus.fromPartial({
          mounts: [{ containerPath: '/m', image: { image: mounted } }, { hostPath: '/h' }],
        }),
      imageFsInfo: async () =>
        ImageFsInfoResponse.fromPartial({ imageFilesystems: [{ fsId: { mountpoint: '/images' } }] }),
      removeImage: async id => {
        if (broken.has(id)) throw new Error(`${id} is stuck`);
        images = images.filter(i => i.id !== id);
        available += 60;
      },
    },
    records: { removed: ref => void removed.push(ref) },
    space: async () => ({ capacity: 1000, available }),
    onEvent: (reason, message) => void events.push(`${reason} ${message}`),
    onRemoved: reason => void events.push(`removed for ${reason}`),
    clock,
    log: pino({ level: 'silent' }),
  });
});

/** Two looks, so that what is there is old enough. */
async function fill(): Promise<void> {
  await garbage.collect(never);
  await clock.advance(3 * MINUTE);
  available = 100;
}

describe('unused images', () => {
  it('stay while there is space', async () => {
    await garbage.collect(never);
    await clock.advance(3 * MINUTE);
    await garbage.collect(never);
    expect(images).toHaveLength(5);
  });

  it('go until there is space enough, never one that a container runs or shows', async () => {
    await fill();
    await garbage.collect(never);
    expect(images.map(i => i.id)).toEqual(['c', 'mounted', 'run']);
    expect(removed).toEqual(['a', 'b']);
    expect(events).toEqual(['removed for space', 'removed for space']);
  });

  it('that do not suffice are told, at once and once more when it fails again', async () => {
    await fill();
    available = 0;
    await garbage.collect(never);
    expect(images.map(i => i.id)).toEqual(['mounted', 'run']);
    expect(events.at(-1)).toMatch(/^FreeDiskSpaceFailed Insufficient .* \(100% of 1000 B used\).* \(freed 180 bytes\)/);
    available = 0;
    await garbage.collect(never);
    expect(events.slice(-2)).toEqual([
      expect.stringMatching(/^FreeDiskSpaceFailed .*freed 0 bytes/),
      expect.stringMatching(/^ImageGCFailed Insufficient/),
    ]);
  });

  it('that cannot be removed hold up no others', async () => {
    broken.add('a');
    await fill();
    await garbage.collect(never);
    expect(images.map(i => i.id)).toEqual(['a', 'mounted', 'run']);
    await garbage.collect(never);
    expect(events.filter(e => e.startsWith('ImageGCFailed'))).toEqual([]);
    available = 100;
    broken.add('mounted');
    mounted = '';
    await garbage.collect(never);
    await garbage.collect(never);
    expect(events.at(-1)).toBe('ImageGCFailed images could not be removed: a is stuck; mounted is stuck');
  });

  it('are looked for every five minutes, and after a pull only where the disk is full', async () => {
    const stop = new AbortController();
    const running = garbage.run(stop.signal);
    await clock.advance(0);
    expect(looks).toBe(1);
    await clock.advance(3 * MINUTE);
    garbage.poke();
    await clock.advance(0);
    expect(looks).toBe(1);
    available = 100;
    garbage.poke();
    await clock.advance(0);
    expect(images.map(i => i.id)).toEqual(['c', 'mounted', 'run']);
    available = 0;
    garbage.poke();
    await clock.advance(9_999);
    expect(looks).toBe(2);
    await clock.advance(1);
    expect(looks).toBe(3);
    await clock.advance(5 * MINUTE);
    expect(looks).toBe(4);
    stop.abort();
    await running;
  });
});
