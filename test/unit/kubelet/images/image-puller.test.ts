import { beforeEach, describe, expect, it } from 'vitest';
import { GantryError, invalidArgument } from '../../../../src/base/errors.ts';
import { EMPTY_MEMORY } from '../../../../src/kubelet/decide/pod-memory.ts';
import { rememberImage } from '../../../../src/kubelet/decide/remember.ts';
import { type ImageOutcome, ImagePuller } from '../../../../src/kubelet/images/image-puller.ts';
import type { Keyring } from '../../../../src/kubelet/images/keyring.ts';
import { sandboxConfig } from '../../../../src/kubelet/runtime/sandbox-config.ts';
import { Image } from '../../../../src/rpc/cri-api.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import { podWith } from '../pods.ts';

const signal = new AbortController().signal;
const dns = { host: { servers: [], searches: [], options: [] }, clusterDns: [], clusterDomain: '' };

let runtime: FakeRuntime;
let puller: ImagePuller;
let events: string[];
let shown: (string | undefined)[];
let recorded: string[];
let mustPull: boolean;

beforeEach(() => {
  runtime = new FakeRuntime();
  events = [];
  shown = [];
  runtime.pullImage = async (image, _handler, credential) => {
    shown.push(credential?.username);
    return image;
  };
  recorded = [];
  mustPull = false;
  puller = new ImagePuller(runtime, 1, new FakeClock(), {
    mustPull: async (_image, _ref, secrets) => {
      recorded.push(`asked with ${(await secrets()).map(s => s.name)}`);
      return mustPull;
    },
    begin: image => recorded.push(`begin ${image}`),
    succeeded: (_image, ref, by) => recorded.push(`${ref} by ${by === 'anybody' ? by : by.name}`),
    failed: image => recorded.push(`failed ${image}`),
    cutOff: image => recorded.push(`cut off ${image}`),
  });
});

/** What comes of it in the end. */
async function ensure(
  container: string,
  keyring: () => Promise<Keyring> = async () => new Map(),
): Promise<ImageOutcome> {
  const pod = podWith(`containers: [${container}]`);
  const [first] = pod.pod.spec.containers;
  if (first === undefined) throw new Error('the pod has no container');
  const cgroups = { cpuQuotaEnforced: true, cpuPeriodUs: 100_000 };
  const sandbox = sandboxConfig({
    pod,
    attempt: 0,
    logDirectory: '/l',
    cgroupParent: '/k',
    cgroups,
    dns,
    userns: undefined,
  });
  const onEvent = (...event: readonly string[]): void => {
    events.push(event.join(' '));
  };
  const answer = await puller.ensure({ needed: first, sandbox, keyring, onEvent }, signal);
  return answer !== 'cut-off' && 'pull' in answer ? answer.pull : answer;
}

const ABSENT = '{name: main, image: reg.example/absent:1}';
const secret = (name: string) => ({ uid: name, namespace: 'default', name, credentialHash: name });
const keyring = async (): Promise<Keyring> =>
  new Map([
    [
      'reg.example',
      [
        { username: 'old', password: 'p', secret: secret('s-old') },
        { username: 'new', password: 'p', secret: secret('s-new') },
      ],
    ],
  ]);

describe('a pull that was unavailable', () => {
  beforeEach(() => {
    runtime.pullImage = async () => {
      throw new GantryError('unavailable', 'PullImage: no answer: registry r cannot be reached');
    };
  });

  it('failed, when the runtime answers: it is the registry that is down', async () => {
    expect(await ensure(ABSENT)).toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringContaining('registry r'),
    });
  });

  it('was cut off, when the runtime is away: the image is asked for again without a wait', async () => {
    runtime.version = async () => {
      throw new GantryError('unavailable', 'no answer');
    };
    expect(await ensure(ABSENT)).toBe('cut-off');
    const pulling = rememberImage(EMPTY_MEMORY, { name: 'main', image: 'a' }, 'pulling', 0);
    expect(rememberImage(pulling, { name: 'main', image: 'a' }, 'cut-off', 0)).toEqual(EMPTY_MEMORY);
  });
});

describe('what is told of an image', () => {
  it('that it is there', async () => {
    runtime.imageStatus = async () => Image.fromPartial({ id: 'sha256:1' });
    expect(await ensure('{name: main, image: a:1}')).toMatchObject({ ref: 'sha256:1' });
    expect(events).toEqual([
      'Normal Pulled Container image "a:1" already present on machine and can be accessed by the pod',
    ]);
    expect(shown).toEqual([]);
  });

  it('that it was pulled, how long that took and how large it is', async () => {
    expect(await ensure(ABSENT)).toMatchObject({ ref: 'reg.example/absent:1' });
    expect(events).toEqual([
      'Normal Pulling Pulling image "reg.example/absent:1"',
      'Normal Pulled Successfully pulled image "reg.example/absent:1" in 0s (0s including waiting). Image size: 0 bytes.',
    ]);
  });

  it('that it may not be pulled', async () => {
    const message = 'Container image "a:1" is not present with pull policy of Never';
    expect(await ensure('{name: main, image: "a:1", imagePullPolicy: Never}')).toEqual({
      reason: 'ErrImageNeverPull',
      message,
    });
    expect(events).toEqual([`Warning ErrImageNeverPull ${message}`]);
  });

  it('that its name is none', async () => {
    expect(await ensure('{name: main, image: A/B}')).toMatchObject({ reason: 'InvalidImageName' });
    expect(events).toEqual(['Warning InspectFailed Failed to apply default image tag "A/B": invalid reference format']);
  });

  it.each([
    ['internal', ['Warning InspectFailed Failed to inspect image "a:1": the store is broken']],
    ['unavailable', []],
  ] as const)('that the runtime cannot say: %s', async (code, expected) => {
    runtime.imageStatus = async () => {
      throw new GantryError(code, 'the store is broken');
    };
    await expect(ensure('{name: main, image: "a:1"}')).rejects.toThrow('the store is broken');
    expect(events).toEqual(expected);
  });

  it('why its pull failed', async () => {
    runtime.pullImage = async () => {
      throw invalidArgument('no such image');
    };
    await ensure(ABSENT);
    expect(events[1]).toBe('Warning Failed Failed to pull image "reg.example/absent:1": no such image');
  });
});

describe('an image that is there', () => {
  beforeEach(() => {
    runtime.imageStatus = async image => Image.fromPartial({ id: `id of ${image}` });
  });

  it.each([
    ['IfNotPresent', false, []],
    ['IfNotPresent', true, ['old']],
    ['Never', false, []],
    ['Always', false, ['old']],
  ])('with policy %s, to be pulled all the same %s: shown %j', async (policy, must, expected) => {
    mustPull = must;
    const container = `{name: main, image: "reg.example/absent:1", imagePullPolicy: ${policy}}`;
    expect(await ensure(container, keyring)).toMatchObject({ ref: 'id of reg.example/absent:1' });
    expect(shown).toEqual(expected);
  });

  it('is not told of to a pod that may not use it', async () => {
    mustPull = true;
    expect(await ensure('{name: main, image: "a:1", imagePullPolicy: Never}')).toMatchObject({
      reason: 'ErrImageNeverPull',
    });
  });

  it('is asked for with the secrets that are for it', async () => {
    await ensure('{name: main, image: "reg.example/a:1"}', keyring);
    await ensure('{name: main, image: "other.example/a:1"}', keyring);
    expect(recorded).toEqual(['asked with s-old,s-new', 'asked with ']);
  });
});

describe('what is remembered of a pull', () => {
  it.each([
    ['a secret that was taken', keyring, undefined, ['begin reg.example/absent:1', 'reg.example/absent:1 by s-old']],
    [
      'that nobody was asked for one',
      undefined,
      undefined,
      ['begin reg.example/absent:1', 'reg.example/absent:1 by anybody'],
    ],
    ['nothing, where it failed', undefined, 'not-found', ['begin reg.example/absent:1', 'failed reg.example/absent:1']],
    [
      'that it was begun, where nobody knows how it ended',
      undefined,
      'unavailable',
      ['begin reg.example/absent:1', 'cut off reg.example/absent:1'],
    ],
  ] as const)('%s', async (_, secrets, code, expected) => {
    const pull = runtime.pullImage;
    runtime.pullImage = async (...args) => {
      await pull(...args);
      if (code !== undefined) throw new GantryError(code, 'no');
      return args[0];
    };
    await ensure(ABSENT, secrets);
    expect(recorded).toEqual(expected);
  });
});

describe('the credentials of a pull', () => {
  it('are tried one after another until the registry takes one', async () => {
    runtime.pullImage = async (image, _handler, credential) => {
      shown.push(credential?.username);
      if (credential?.username === 'old') throw invalidArgument('no');
      return image;
    };
    expect(await ensure(ABSENT, keyring)).toMatchObject({ ref: 'reg.example/absent:1' });
    expect(shown).toEqual(['old', 'new']);
  });

  it('are all told of when none is taken', async () => {
    runtime.pullImage = async (_image, _handler, credential) => {
      throw invalidArgument(`not ${credential?.username}`);
    };
    expect(await ensure(ABSENT, keyring)).toMatchObject({ message: expect.stringContaining('[not old, not new]') });
  });

  it('are not shown to another registry', async () => {
    await ensure('{name: main, image: other.example/absent:1}', keyring);
    expect(shown).toEqual([undefined]);
  });

  it('keep pulls of one image apart, and the same share one', async () => {
    await Promise.all([ensure(ABSENT), ensure(ABSENT), ensure(ABSENT, keyring)]);
    expect(shown.map(String).sort()).toEqual(['old', 'undefined']);
  });

  it('that cannot be read fail the pull', async () => {
    const broken = async (): Promise<Keyring> => {
      throw invalidArgument('image pull secret "s" cannot be read');
    };
    expect(await ensure(ABSENT, broken)).toMatchObject({ reason: 'ErrImagePull' });
    expect(shown).toEqual([]);
  });
});
