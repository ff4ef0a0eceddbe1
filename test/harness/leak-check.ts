import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll } from 'vitest';
import { detectCgroups } from '../../src/linux/cgroup-layout.ts';
import { runCommand } from '../../src/linux/command.ts';
import { listProcesses } from '../../src/linux/procfs.ts';
import { RUN_DIR, RUN_ID, removeDeadRuns, removeRunDirectory } from './run-id.ts';
import { waitFor } from './wait-for.ts';

/**
 * Set-up file of the integration project: compares the machine before and after every test file and fails the file with the list of what it left.
 * Two kinds of things count: whatever carries this run's random id, and, machine-wide, names that only this project uses. Tests side by side
 * do not disturb each other: their hosts are namespaces, and their ids differ.
 */
const before: { items: ReadonlySet<string> } = { items: new Set() };

beforeAll(async () => {
  await removeDeadRuns();
  before.items = await inventory();
});

afterAll(async () => {
  try {
    await waitFor(
      'everything that this file made to be gone',
      async saw => {
        const left = [...(await inventory())].filter(item => !before.items.has(item)).sort();
        saw(left);
        return left.length === 0;
      },
      { timeoutMs: 5_000 },
    );
  } finally {
    removeRunDirectory();
  }
});

async function inventory(): Promise<Set<string>> {
  return new Set([
    ...processes(),
    ...mounts(),
    ...cgroups(),
    ...dataDirectories(),
    ...namedNetns(),
    ...links(),
    ...addresses(),
    ...namespaceFds(),
    ...(await nftTables()),
    ...(await iptablesRules()),
  ]);
}

/** Processes below this one, and any that stands in a group of this run's hosts. */
function processes(): string[] {
  const rows = listProcesses();
  const own = new Set([process.pid]);
  const found: string[] = [];
  // parents come before children in nearly every case; a second pass catches pids that wrapped around
  for (let pass = 0; pass < 2; pass += 1) for (const row of rows) if (own.has(row.ppid)) own.add(row.pid);
  for (const row of rows) {
    if (row.cmdline.length === 0 || row.pid === process.pid || isOfTheRunner(row.cmdline[0] ?? '')) continue;
    if (own.has(row.pid) || groupsOf(row.pid).includes(RUN_ID))
      found.push(`process ${row.pid} ${row.cmdline.join(' ')}`);
  }
  return found;
}

/** Programs that the test runner keeps for itself as children of this process. */
function isOfTheRunner(program: string): boolean {
  return /(^|\/)esbuild$/.test(program) || program.startsWith('node (vitest');
}

function groupsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return '';
  }
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(target => target.includes(RUN_ID) || /^\/(run|var\/lib)\/(gantry|netns|cni)(\/|$)/.test(target))
    .map(target => `mount ${target}`);
}

function cgroups(): string[] {
  const { hierarchies, hybridUnified } = detectCgroups();
  return [...hierarchies.map(({ mountPoint }) => mountPoint), ...(hybridUnified === undefined ? [] : [hybridUnified])]
    .flatMap(mountPoint => [...names(`${mountPoint}/gantry-hosts`), ...names(`${mountPoint}/kubepods`)])
    .filter(path => path.includes(RUN_ID) || path.includes('/kubepods/'))
    .map(path => `cgroup ${path}`);
}

function dataDirectories(): string[] {
  return names(`${RUN_DIR}/hosts`).map(path => `directory ${path}`);
}

function namedNetns(): string[] {
  return names('/run/netns')
    .filter(path => /gantry|cni-/.test(path) || path.includes(RUN_ID))
    .map(path => `netns ${path}`);
}

function links(): string[] {
  return names('/sys/class/net')
    .filter(path => /\/(gantry|cni)/.test(path) || path.includes(RUN_ID))
    .map(path => `link ${path}`);
}

/** Of pods or their bridge, on whatever link: nothing else of the machine is in that subnet. */
function addresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([link, all]) =>
    (all ?? [])
      .map(({ cidr, address }) => cidr ?? address)
      .filter(address => address.startsWith('10.244.') || /^(gantry|cni)/.test(link) || link.includes(RUN_ID))
      .map(address => `address ${address} on ${link}`),
  );
}

/** Namespaces that this process holds open live as long as it does. */
function namespaceFds(): string[] {
  const found: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (/^(net|mnt|pid):\[/.test(target)) found.push(`open namespace fd ${fd} ${target}`);
    } catch {
      // closed between the listing and the look: the directory's own handle is one of these
    }
  }
  return found;
}

async function nftTables(): Promise<string[]> {
  const { stdout } = await runCommand('nft', ['list', 'tables']);
  return stdout
    .toString('utf8')
    .split('\n')
    .filter(line => /gantry|cni/i.test(line) || line.includes(RUN_ID))
    .map(line => `nft ${line}`);
}

/** Chains and rules of both families that carry a name of ours or of the reference plugins. Packet counts are left out. */
async function iptablesRules(): Promise<string[]> {
  const tools = ['iptables-save', 'ip6tables-save'];
  const saved = await Promise.all(tools.map(async tool => (await runCommand(tool, [])).stdout.toString('utf8')));
  return saved
    .flatMap((text, i) => text.split('\n').map(line => `${tools[i]} ${line.replace(/\[\d+:\d+\]/, '').trim()}`))
    .filter(line => /gantry|\bcni/i.test(line) || line.includes(RUN_ID));
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter(e => e.isDirectory() || e.isSymbolicLink() || directory === '/run/netns')
      .map(e => `${directory}/${e.name}`);
  } catch {
    return [];
  }
}
