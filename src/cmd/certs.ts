import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { systemClock } from '../base/clock.ts';
import { errorMessage, failedPrecondition, GantryError, invalidArgument } from '../base/errors.ts';
import { randomHex } from '../base/hash.ts';
import { expirationDocument, expirations, expirationTables } from '../bootstrap/certificates/renewal/expiration.ts';
import {
  authorityOf,
  isIssuedBy,
  type ManagedCertificate,
  managedCertificates,
  readManaged,
} from '../bootstrap/certificates/renewal/inventory.ts';
import { renewCertificate } from '../bootstrap/certificates/renewal/renew.ts';
import type { Files } from '../bootstrap/files.ts';
import { readMarker, standingFiles } from '../bootstrap/marker.ts';
import { placeNames } from '../linux/real-place.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { type Hold, holdingNode, NoLock } from './hold-node.ts';
import { type InitFile, readInitFile } from './init-file.ts';
import { lifeFlag } from './life-flag.ts';

/** Flags of `gantry certs …`, named as kubeadm's. */
export interface CertsFlags {
  readonly certDir?: string;
  readonly config?: string;
}

type RenewFlags = CertsFlags & { readonly certificateValidityPeriod?: string };

const YEAR = '8760h0m0s';

/** `gantry certs check-expiration`. Returns the exit code. */
export async function checkExpirationCommand(flags: CertsFlags & { readonly output: string }): Promise<number> {
  if (flags.output !== 'text' && flags.output !== 'json')
    throw invalidArgument(`-o: "${flags.output}" is neither text nor json`);
  const now = systemClock.now();
  const found = expirations(placesOf(flags).files);
  if (flags.output === 'text') process.stdout.write(expirationTables(found, now));
  else console.log(JSON.stringify(expirationDocument(found, now), undefined, 4));
  return 0;
}

/**
 * `gantry certs renew NAME|all`. Each is replaced in one step, and who uses it sees that: nothing has to be started anew. The node is held but where all that is chosen is certainly not its own: what is in
 * another directory may be renewed on any machine.
 */
export function renewCommand(name: string, flags: RenewFlags): Promise<number> {
  return holdingNode('gantry certs renew', async hold => {
    await holdFor(ownOf(chosenOf(name, placesOf(flags).files), nodePlaces()), hold);
    return renew(name, flags);
  });
}

/** Takes the node for those of its certificates. Where there can be no lock, no other command has the node: those that are not there yet are told as missing then. */
export async function holdFor(own: readonly ManagedCertificate[], hold: Hold): Promise<void> {
  if (own.length === 0) return;
  try {
    await hold();
  } catch (error) {
    if (!(error instanceof NoLock) || own.some(each => existsSync(fileOf(each)))) throw error;
  }
}

/** Throws `invalid-argument` where there is none of that name. */
function chosenOf(name: string, files: Files): readonly ManagedCertificate[] {
  const all = managedCertificates(files);
  const chosen = name === 'all' ? all.filter(({ ofKubelet }) => !ofKubelet) : all.filter(each => each.name === name);
  if (chosen.length === 0)
    throw invalidArgument(`there is no certificate "${name}"; there are all, ${all.map(each => each.name).join(', ')}`);
  return chosen;
}

/** Those of the chosen that are the node's, there or not: a kubeconfig and what the kubelet has are so wherever the CAs are, a pair where its certificate has its place in one of the node's directories. */
export function ownOf(chosen: readonly ManagedCertificate[], ofNode: readonly Files[]): readonly ManagedCertificate[] {
  const pairs = ofNode.flatMap(files => managedCertificates(files, true)).filter(({ at }) => at.form === 'pair');
  const names = new Set(pairs.flatMap(pair => placeNames(fileOf(pair))));
  return chosen.filter(each => each.at.form !== 'pair' || placeNames(fileOf(each)).some(name => names.has(name)));
}

/** The file that is replaced. */
function fileOf({ at }: ManagedCertificate): string {
  return at.form === 'pair' ? at.certificate : at.path;
}

/** Where this node has its files, and where commands before had them, which a reset takes, too. */
function nodePlaces(): readonly Files[] {
  const files = standingFiles();
  const earlier = readMarker(files)?.earlier?.pkiDirs ?? [];
  return [files, ...earlier.map(pkiDir => ({ ...files, pkiDir }))];
}

function renew(name: string, flags: RenewFlags): number {
  const { files, said } = placesOf(flags);
  const chosen = chosenOf(name, files);
  const lifeMs = lifeFlag(flags.certificateValidityPeriod ?? said?.certificateValidityPeriod ?? validityOf(files));
  const results = chosen.map(managed => renewOne(managed, files, lifeMs));
  if (results.includes('renewed'))
    console.log(
      '\nDone renewing certificates. The running daemons take them up by themselves: nothing has to be restarted. Copies of kubeconfigs elsewhere have to be made anew.',
    );
  return results.includes('failed') || (name !== 'all' && !results.includes('renewed')) ? 1 : 0;
}

/** `gantry certs generate-csr`: kubeadm's for a CA whose key is elsewhere. Throws `unimplemented`. */
export async function generateCsrCommand(): Promise<never> {
  throw new GantryError(
    'unimplemented',
    'certificates are signed on this machine alone, by CAs that have their keys here: put a CA of your own with its key into the directory of certificates before "gantry init", or let it make one',
  );
}

/** `gantry certs certificate-key`. */
export async function certificateKeyCommand(): Promise<number> {
  console.log(randomHex(32));
  return 0;
}

function renewOne(managed: ManagedCertificate, files: Files, lifeMs: number): 'renewed' | 'left' | 'failed' {
  const { name, longName, authority } = managed;
  try {
    const found = readManaged(managed);
    if (found.state === 'missing') {
      console.log(`MISSING! ${longName}`);
      return 'left';
    }
    if (found.state === 'unreadable') throw failedPrecondition(found.because);
    const issuer = authorityOf(files, authority);
    if (issuer === undefined || !isIssuedBy(found.pem, issuer)) {
      console.log(`Detected external ${authority}, ${longName} can't be renewed`);
      return 'left';
    }
    const cert = renewCertificate(managed, found.pem, issuer, { now: systemClock.now(), lifeMs });
    console.log(`${longName} renewed: it holds until ${new Date(parseCertificate(cert).validTo).toISOString()}`);
    return 'renewed';
  } catch (error) {
    process.stderr.write(`gantry: ${name}: ${errorMessage(error)}\n`);
    return 'failed';
  }
}

/** Where they are, and what a file of --config says. */
function placesOf({ certDir, config }: CertsFlags): { readonly files: Files; readonly said: InitFile | undefined } {
  const said = config === undefined ? undefined : readInitFile(config);
  const directory = certDir ?? said?.certificatesDir;
  const files = standingFiles();
  return { files: directory === undefined ? files : { ...files, pkiDir: directory.replace(/\/$/, '') }, said };
}

/** What the cluster was made with, where this machine knows. */
function validityOf({ clusterConfiguration }: Files): string {
  try {
    const config = parse(readFileSync(clusterConfiguration, 'utf8')) as { readonly certificateValidityPeriod?: string };
    return config.certificateValidityPeriod ?? YEAR;
  } catch {
    return YEAR;
  }
}
