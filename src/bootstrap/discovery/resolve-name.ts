import { CONNREFUSED, NODATA, NOTFOUND, Resolver, TIMEOUT } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';

/** How long a name server may take, and how often one is asked. */
const TIMEOUT_MS = 500;
const TRIES = 2;

/**
 * The system's own look-up cannot be cut off, and holds a process for half a minute where no name server answers. This asks as it does: the file of hosts first, then the name
 * servers, for the name as it is and within the domains that are searched.
 */
export const lookupName: LookupFunction = (hostname, options, callback) => {
  const answer = (addresses: readonly string[]): void => {
    const { family } = options;
    const wanted = addresses.filter(address => !family || isIP(address) === family);
    const [first] = wanted;
    if (first === undefined) callback(failure('ENOTFOUND', hostname), '', 0);
    else if (options.all !== true) callback(null, first, isIP(first));
    else
      callback(
        null,
        wanted.map(address => ({ address, family: isIP(address) })),
      );
  };
  const known = hostsAddresses(textOf('/etc/hosts'), hostname);
  if (known.length > 0) {
    answer(known);
    return;
  }
  askServers(candidateNames(hostname, textOf('/etc/resolv.conf'))).then(answer, (error: NodeJS.ErrnoException) =>
    callback(failure(error.code === NOTFOUND || error.code === NODATA ? 'ENOTFOUND' : 'EAI_AGAIN', hostname), '', 0),
  );
};

/** Addresses that a file of hosts gives a name. Pure. */
export function hostsAddresses(hosts: string, name: string): readonly string[] {
  return hosts.split('\n').flatMap(line => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return isIP(address) !== 0 && names.some(each => each.toLowerCase() === name.toLowerCase()) ? [address] : [];
  });
}

/** The names to ask for, in the order of the C library: one with dots enough (`ndots`, else one) as it is first, others last; one that ends with a dot only so. Pure. */
export function candidateNames(name: string, resolvConf: string): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const lines = resolvConf.split('\n').map(line => line.trim().split(/\s+/));
  const [, ...domains] = lines.findLast(([word = '']) => word === 'search' || word === 'domain') ?? [];
  const options = lines.filter(([word]) => word === 'options').flat();
  const [, ndots = '1'] = /^ndots:(\d+)$/.exec(options.findLast(word => word.startsWith('ndots:')) ?? '') ?? [];
  // a domain of "." is the top, where the name is what it is
  const within = domains
    .map(domain => domain.replace(/\.$/, ''))
    .map(domain => (domain === '' ? name : `${name}.${domain}`));
  const isLong = name.split('.').length > Number(ndots);
  return [...new Set(isLong ? [name, ...within] : [...within, name])];
}

async function askServers(names: readonly string[]): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  let problem: NodeJS.ErrnoException = failure(NOTFOUND, '');
  for (const name of names) {
    const found = await Promise.allSettled([ask(resolver, 'A', name), ask(resolver, 'AAAA', name)]);
    const addresses = found.flatMap(each => (each.status === 'fulfilled' ? each.value : []));
    if (addresses.length > 0) return addresses;
    for (const each of found) if (each.status === 'rejected') problem = each.reason as NodeJS.ErrnoException;
    // who does not answer for one name does not for another; who fails at one may know the other
    if (problem.code === TIMEOUT || problem.code === CONNREFUSED) break;
  }
  throw problem;
}

function ask(resolver: Resolver, type: 'A' | 'AAAA', name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, addresses: string[]): void =>
      error === null ? resolve(addresses) : reject(error);
    if (type === 'A') resolver.resolve4(name, done);
    else resolver.resolve6(name, done);
  });
}

function failure(code: string, name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code} ${name}`), { code });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
