/** Thousands of requests that are nearly right, for every RPC of the CRI: each is answered with a meaning, and nothing is left of it. */
import { readFileSync } from 'node:fs';
import { Client, credentials, status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CriMethod, criMethods, LiveId, type Message, requests, resolved } from '../harness/cri-messages.ts';
import { CriPopulation } from '../harness/cri-population.ts';
import { run } from '../harness/host.ts';
import { BUSYBOX } from '../harness/images.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';

const SOAK = process.env['GANTRY_SOAK'] === '1';
/** The soak looks for what nobody has seen; what every change goes through is the same each time. */
const SEED = Number(process.env['GANTRY_SEED'] ?? (SOAK ? Date.now() % 1_000_000 : 650_368));
const RUNS = Number(process.env['GANTRY_FUZZ_RUNS'] ?? (SOAK ? 10_000 : 200));

/** What a caller can make something of. INTERNAL and UNKNOWN say that the shim did not see it coming. */
const MEANINGFUL = new Set([
  GrpcStatus.OK,
  GrpcStatus.CANCELLED,
  GrpcStatus.INVALID_ARGUMENT,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.NOT_FOUND,
  GrpcStatus.ALREADY_EXISTS,
  GrpcStatus.RESOURCE_EXHAUSTED,
  GrpcStatus.FAILED_PRECONDITION,
  GrpcStatus.UNIMPLEMENTED,
]);

/** What a thrown mistake of ours says of itself. */
const EXCEPTION = /TypeError|RangeError|is not a function|Cannot read|\[object |undefined/;

/** So much of a request is told. */
const SHOWN = 1_000;

const SANDBOX = new LiveId('sandbox', 0, 64);
const CONTAINER = new LiveId('container', 0, 64);
const POD: Message = {
  metadata: { name: 'fuzz', namespace: 'default', uid: 'uid-fuzz', attempt: 0 },
  hostname: 'fuzz',
  log_directory: '/var/log/pods/fuzz',
  linux: { cgroup_parent: '/kubepods/fuzz', security_context: { namespace_options: { pid: 1 } } },
};

/** A request of each call that is right, from which the others are made. */
const VALID: Readonly<Record<string, Message>> = {
  RunPodSandbox: { config: POD },
  CreateContainer: {
    pod_sandbox_id: SANDBOX,
    config: {
      metadata: { name: 'main', attempt: 0 },
      image: { image: BUSYBOX },
      command: ['/bin/sleep'],
      args: ['100000'],
      log_path: 'main/0.log',
      mounts: [{ container_path: '/data', host_path: '/run/fuzz/dir' }],
      linux: {
        resources: { cpu_shares: 102, memory_limit_in_bytes: 64 << 20 },
        security_context: { run_as_user: { value: 0 } },
      },
    },
    sandbox_config: POD,
  },
  UpdateContainerResources: { container_id: CONTAINER, linux: { cpu_shares: 204 } },
  UpdatePodSandboxResources: { pod_sandbox_id: SANDBOX, resources: { cpu_shares: 204 } },
  ExecSync: { container_id: CONTAINER, cmd: ['/bin/true'], timeout: 1 },
  Exec: { container_id: CONTAINER, cmd: ['/bin/true'], stdout: true },
  Attach: { container_id: CONTAINER, stdout: true },
  PortForward: { pod_sandbox_id: SANDBOX, port: [80] },
  StopContainer: { container_id: CONTAINER, timeout: 0 },
  ImageStatus: { image: { image: BUSYBOX } },
  PullImage: { image: { image: '127.0.0.1:5999/none:1' } },
  RemoveImage: { image: { image: 'localhost/none:1' } },
  UpdateRuntimeConfig: { runtime_config: { network_config: { pod_cidr: '10.244.0.0/24' } } },
};

const METHODS = criMethods();

let target: RuntimeHost;
let raw: Client;
let population: CriPopulation;
let pidBefore: number | undefined;

beforeAll(async () => {
  target = await gantryHost();
  await run(target.host, ['mkdir', '-p', '/run/fuzz/dir']);
  const files =
    'cd /run/fuzz; echo x > file; echo "[]" > odd.json; echo null > null.json; echo "{}" > seccomp.json; ln -s loop loop; mkfifo pipe';
  await run(target.host, ['sh', '-c', files]);
  raw = new Client(target.client.endpoint, credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
  population = new CriPopulation(target.client);
  pidBefore = target.service.pid();
});
afterAll(async () => {
  raw?.close();
  await target?.delete();
});

interface Outcome {
  readonly code: GrpcStatus;
  readonly details: string;
}

let attempts = 0;

/** The same request as another attempt: one that is there would be the answer otherwise, whatever else the request says. */
function another(request: Message): Message {
  const { config } = request as { config?: { metadata?: { attempt?: unknown } } };
  if (config?.metadata?.attempt !== 0) return request;
  attempts += 1;
  return { ...request, config: { ...config, metadata: { ...config.metadata, attempt: attempts } } };
}

/** Longer than any answer takes whose work is not to wait. */
const PATIENCE_MS = 60_000;
/**
 * Calls that wait as long as they are asked to. Streams of events are left at most 25 times a second: before Node 23 a connection is closed on which more than 33 calls a
 * second are cancelled for long.
 */
const WAITS: Readonly<Record<string, number>> = { StopContainer: 300, ExecSync: 1_500, GetContainerEvents: 40 };

function send(method: CriMethod, request: Message): Promise<Outcome> {
  const deadline = Date.now() + (WAITS[method.name] ?? PATIENCE_MS);
  const bytes = method.encode(request);
  const same = (value: Buffer): Buffer => value;
  return new Promise(resolve => {
    const ended = (error: ServiceError | null): void =>
      resolve({ code: error?.code ?? GrpcStatus.OK, details: error?.details ?? '' });
    if (!method.responseStream) {
      raw.makeUnaryRequest(method.path, same, method.decode, bytes, { deadline }, ended);
      return;
    }
    const call = raw.makeServerStreamRequest(method.path, same, method.decode, bytes, { deadline });
    call.on('data', () => {});
    call.on('error', error => ended(error as ServiceError));
    call.on('end', () => ended(null));
  });
}

/** What is wrong with an answer; nothing when it tells a caller what to make of it. */
function trouble(method: CriMethod, { code, details }: Outcome): string[] {
  // a registry that nobody serves: the code and the first word are those from which kubelets take their reason
  if (method.name === 'PullImage' && details.startsWith('RegistryUnavailable: ')) return [];
  // a mount over /proc keeps the runtime out, and nobody can tell from here
  if (method.name === 'ExecSync' && /^(crun|runc) exec failed: /.test(details)) return [];
  if (code === GrpcStatus.DEADLINE_EXCEEDED && WAITS[method.name] === undefined) return ['it took too long'];
  if (!MEANINGFUL.has(code)) return [`${GrpcStatus[code]}: ${details}`];
  if (EXCEPTION.test(details)) return [`the words of an exception: ${details}`];
  return code !== GrpcStatus.OK && details === '' ? [`${GrpcStatus[code]} without a word`] : [];
}

describe('every call of both services', () => {
  it.each(METHODS)('$name is there, and takes a right request', async method => {
    await population.look();
    const request = resolved(VALID[method.name] ?? skeleton(method), live => population.idOf(live)) as Message;
    const outcome = await send(method, request);
    expect(trouble(method, outcome)).toEqual([]);
    expect(outcome.code).not.toBe(GrpcStatus.UNIMPLEMENTED);
  });
});

describe('what such requests have found', () => {
  const pod = (more: Message): Message => ({ config: { ...POD, ...more } });
  const container = (more: Message): Message => {
    const { config, ...rest } = VALID['CreateContainer'] as { config: Message };
    return { ...rest, config: { ...config, metadata: { name: 'found', attempt: 0 }, ...more } };
  };
  const profile = (path: string): Message => ({
    linux: { security_context: { seccomp: { profile_type: 2, localhost_ref: path } } },
  });

  it.each<[string, string, Message, 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION', RegExp]>([
    [
      'a limit of bandwidth that is none, with which no sandbox could be removed',
      'RunPodSandbox',
      pod({ annotations: { 'kubernetes.io/egress-bandwidth': '' } }),
      'INVALID_ARGUMENT',
      /kubernetes\.io\/egress-bandwidth/,
    ],
    [
      'a cgroup above the root, the same',
      'RunPodSandbox',
      pod({ linux: { cgroup_parent: '/kubepods/../../x' } }),
      'INVALID_ARGUMENT',
      /^config\.linux\.cgroup_parent/,
    ],
    [
      'a cgroup that is a file, the same',
      'RunPodSandbox',
      pod({ linux: { cgroup_parent: '/cgroup.procs' } }),
      'INVALID_ARGUMENT',
      /^config\.linux\.cgroup_parent/,
    ],
    [
      'a sysctl that this kernel has not',
      'RunPodSandbox',
      pod({ linux: { cgroup_parent: '/kubepods/fuzz', sysctls: { 'net.nope': '1' } } }),
      'INVALID_ARGUMENT',
      /sysctl net\.nope cannot be set/,
    ],
    [
      'a pipe as a profile, for whose writer the shim waited',
      'CreateContainer',
      container(profile('/run/fuzz/pipe')),
      'FAILED_PRECONDITION',
      /\/run\/fuzz\/pipe is not a regular file/,
    ],
    [
      'a directory as a profile',
      'CreateContainer',
      container(profile('/run/fuzz/dir')),
      'FAILED_PRECONDITION',
      /not a regular/,
    ],
    [
      'a link to itself as the source of a mount',
      'CreateContainer',
      container({ mounts: [{ container_path: '/data', host_path: '/run/fuzz/loop' }] }),
      'INVALID_ARGUMENT',
      /^mount \/data: host path \/run\/fuzz\/loop/,
    ],
    [
      'processors that the machine has not',
      'UpdateContainerResources',
      { container_id: CONTAINER, linux: { cpuset_cpus: '9999' } },
      'INVALID_ARGUMENT',
      /the kernel refuses the value of cpuset\.cpus/,
    ],
    [
      'a directory as a command',
      'ExecSync',
      { container_id: CONTAINER, cmd: ['/etc'], timeout: 1 },
      'INVALID_ARGUMENT',
      /exec: /,
    ],
    [
      'a token that no header can carry',
      'PullImage',
      { image: { image: '127.0.0.1:5999/none:1' }, auth: { registry_token: 'a\nb' } },
      'INVALID_ARGUMENT',
      /^auth\.registry_token/,
    ],
  ])('%s: %s', async (_what, name, message, code, words) => {
    await population.look();
    const method = METHODS.find(each => each.name === name) as CriMethod;
    const request = another(resolved(message, live => population.idOf(live)) as Message);
    const outcome = await send(method, request);
    expect([GrpcStatus[outcome.code], outcome.details]).toEqual([code, expect.stringMatching(words)]);
  });
});

/** Made up so many at a time: they take memory. */
const BATCH = 200;

describe(`requests that are nearly right, seed ${SEED}`, () => {
  const title = `$name: ${RUNS} are answered with a meaning`;
  it.concurrent.each(METHODS)(title, { timeout: 60_000 + RUNS * 1_000 }, async method => {
    const valid = VALID[method.name] ?? skeleton(method);
    const ignored = method.name === 'CreateContainer' ? ['CreateContainerRequest.sandbox_config'] : [];
    const made = requests(method.request, valid, ignored);
    const troubles: string[] = [];
    for (let done = 0; done < RUNS; done += BATCH)
      for (const message of fc.sample(made, { seed: SEED + done, numRuns: Math.min(BATCH, RUNS - done) })) {
        await population.tend();
        const request = another(resolved(message, live => population.idOf(live)) as Message);
        const found = trouble(method, await send(method, request));
        troubles.push(...found.map(what => `${what} <- ${JSON.stringify(request).slice(0, SHOWN)}`));
      }
    expect(troubles.slice(0, 5)).toEqual([]);
  });
});

describe('afterwards', () => {
  it('the same shim serves, has logged no error, and nothing is left', async () => {
    expect(target.service.pid()).toBe(pidBefore);
    await population.removeAll();
    await expectNoLeftovers(target);
    const errors = readFileSync(target.service.logFile, 'utf8')
      .split('\n')
      .filter(line => line.includes('"level":"error"') && !/"msg":"(crun|runc) exec failed: /.test(line));
    expect(errors.slice(0, 5)).toEqual([]);
  });
});

/** The ids that a call asks for, and nothing else. */
function skeleton({ request }: CriMethod): Message {
  const ids = request.fields.flatMap(({ name }) =>
    name === 'container_id' ? [[name, CONTAINER]] : name === 'pod_sandbox_id' ? [[name, SANDBOX]] : [],
  );
  return Object.fromEntries(ids) as Message;
}
