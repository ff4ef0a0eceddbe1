import { readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, normalize } from 'node:path';
import { parse } from 'yaml';
import { errorMessage, failedPrecondition, isNotFound } from '../base/errors.ts';
import { flagValue } from '../bootstrap/daemons/command-words.ts';
import type { Configured } from '../bootstrap/reset/elsewhere/look.ts';
import type { OtherPlace } from '../bootstrap/reset/elsewhere/plan.ts';
import { keptConfigurations } from '../bootstrap/reset/kept-configuration.ts';
import { ANSWER_PATIENCE_MS, isSilent } from '../bootstrap/reset/silence.ts';
import { CRI_SERVICE, NODE_SERVICE, type Services } from '../bootstrap/services.ts';
import { type CriConfig, DEFAULT_CRI_CONFIG } from '../cri/config.ts';
import { DEFAULT_CRI_CONFIG_FILE, readCriConfig } from '../cri/config-file.ts';
import { ROOT_CONTENTS, STATE_CONTENTS } from '../cri/paths.ts';
import { CERT_DIR_CONTENTS, POD_LOGS_CONTENTS, ROOT_DIR_CONTENTS } from '../kubelet/pod-paths.ts';
import { silentDirectories } from '../linux/directory-answers.ts';
import { CONFLIST_FILE } from '../network/conflist.ts';

/** Upstream's, which reset knows whole. */
const DEFAULT_ROOT_DIR = '/var/lib/kubelet';
const DEFAULT_POD_LOGS = '/var/log/pods';
const CONFIG_DIR = dirname(DEFAULT_CRI_CONFIG_FILE);
const DEFAULT_CNI_CONF = '/etc/cni/net.d';

/** Where runtime and kubelet of this node were told to have their things: by their files of configuration, and by the flags of their units, whoever gave them. Changes nothing. `silent` are directories that are known not to answer. */
export async function configuredPlaces(
  services: Services | undefined,
  silent: readonly string[],
  signal: AbortSignal,
): Promise<Configured> {
  const problems: string[] = [];
  const read = async <T>(what: string, look: () => T | Promise<T>, nothing: T): Promise<T> => {
    try {
      return await look();
    } catch (error) {
      signal.throwIfAborted();
      // a reset that was killed may have removed it
      if (!isNotFound(error)) problems.push(`${what} cannot be read: ${errorMessage(error)}`);
      return nothing;
    }
  };
  const wordsOf = (name: string): Promise<readonly string[]> =>
    read(`the command line of ${name}`, () => services?.words(name, signal) ?? [], []);
  const [cri, node] = await Promise.all([wordsOf(CRI_SERVICE), wordsOf(NODE_SERVICE)]);
  // a file that is read where nobody answers never comes back
  const answering = async (path: string): Promise<string> => {
    const asked = [dirname(path), path];
    const isKnown = asked.some(each => isSilent(each, silent));
    if (!isKnown && (await silentDirectories(asked, ANSWER_PATIENCE_MS, signal)).length === 0) return path;
    throw failedPrecondition(`${path} does not answer within ${ANSWER_PATIENCE_MS / 1000} s`);
  };
  const runtime = await read(
    'the configuration of the runtime',
    async () => {
      await answering(flagValue(cri, 'config') ?? DEFAULT_CRI_CONFIG_FILE);
      return runtimeConfig(cri);
    },
    DEFAULT_CRI_CONFIG,
  );
  const kept = await read('what is kept of configurations', () => keptConfigurations(CONFIG_DIR), []);
  const earlier = await Promise.all(
    kept.map(file => read(`the configuration of the runtime (${file})`, () => runtimeConfig(cri, file), runtime)),
  );
  const file = flagValue(node, 'config');
  const kubelet =
    file === undefined
      ? {}
      : await read(`the configuration of the kubelet (${file})`, async () => mapping(await answering(file)), {});
  const { runtimeEndpoint, places } = runtimePlaces(runtime);
  const { cgroupRoots, places: more } = nodePlaces(node, kubelet);
  const before = earlier.flatMap(config => runtimePlaces(config).places);
  return { runtimeEndpoint, cgroupRoots, places: distinct([...more, ...places, ...before]), problems };
}

/** What several configurations say counts once. */
function distinct(places: readonly OtherPlace[]): readonly OtherPlace[] {
  const keyOf = ({ directory, what, made }: OtherPlace): string =>
    JSON.stringify([directory, what, made.map(({ path, holds }) => [path, holds?.source])]);
  return [...new Map(places.toReversed().map(place => [keyOf(place), place])).values()].toReversed();
}

/** Flags win, as in src/cmd/run-cri.ts. */
function runtimeConfig(words: readonly string[], file = flagValue(words, 'config')): CriConfig {
  const config = readCriConfig(file ?? DEFAULT_CRI_CONFIG_FILE, file !== undefined);
  return {
    ...config,
    socket: flagValue(words, 'socket') ?? config.socket,
    root: flagValue(words, 'root') ?? config.root,
    state: flagValue(words, 'state') ?? config.state,
  };
}

function runtimePlaces({
  socket,
  root,
  state,
}: CriConfig): Pick<Configured, 'runtimeEndpoint'> & { readonly places: readonly OtherPlace[] } {
  const usual = DEFAULT_CRI_CONFIG;
  const names = [basename(socket), 'cni.sock', 'cni.sock.lock'].map(name => name.replaceAll(/[^\w-]/g, '\\$&'));
  const sockets = { marks: [], made: [{ path: '.', holds: new RegExp(`^(${names.join('|')})$`) }] };
  return {
    runtimeEndpoint: socket === usual.socket ? undefined : `unix://${socket}`,
    places: [
      ...placeOf(root, usual.root, "the runtime's images and records", ROOT_CONTENTS),
      ...placeOf(state, usual.state, "the runtime's state", STATE_CONTENTS),
      ...placeOf(dirname(socket), dirname(usual.socket), 'sockets of the runtime', sockets),
    ],
  };
}

function nodePlaces(
  words: readonly string[],
  config: Plain,
): { readonly places: readonly OtherPlace[]; readonly cgroupRoots: readonly string[] } {
  const rootDir = flagValue(words, 'root-dir');
  const podLogs = flagValue(words, 'pod-log-dir') ?? textOf(config['podLogsDir']);
  const cgroupRoot = textOf(config['cgroupRoot'])?.replace(/\/+$/, '');
  return {
    cgroupRoots: cgroupRoot === undefined ? [] : [cgroupRoot],
    places: [
      // before the directory that may hold the configuration which names it
      ...placeOf(podLogs, DEFAULT_POD_LOGS, 'logs of a pod', POD_LOGS_CONTENTS),
      ...placeOf(rootDir, DEFAULT_ROOT_DIR, "the kubelet's data", ROOT_DIR_CONTENTS),
      ...placeOf(
        flagValue(words, 'cert-dir'),
        `${DEFAULT_ROOT_DIR}/pki`,
        "the kubelet's certificates",
        CERT_DIR_CONTENTS,
      ),
      ...placeOf(flagValue(words, 'cni-conf-dir'), DEFAULT_CNI_CONF, 'the pod network', {
        marks: [],
        made: [{ path: '.', holds: new RegExp(`^${CONFLIST_FILE.replaceAll('.', '\\.')}$`) }],
      }),
    ],
  };
}

type Plain = Readonly<Record<string, unknown>>;

/** None where it is the usual one, which reset knows whole; what is no absolute path no daemon takes either. */
function placeOf(
  directory: string | undefined,
  usual: string,
  what: string,
  contents: Pick<OtherPlace, 'marks' | 'made'>,
): readonly OtherPlace[] {
  if (directory === undefined || !isAbsolute(directory)) return [];
  const path = normalize(directory).replace(/(?<=.)\/$/, '');
  return path === usual ? [] : [{ directory: path, what, ...contents }];
}

/** Leniently: the kubelet itself says what is wrong with it. */
function mapping(file: string): Plain {
  const document: unknown = parse(readFileSync(file, 'utf8'));
  return typeof document === 'object' && document !== null ? (document as Plain) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
