import type { Taint } from '../../api/types/gen/core-v1.ts';
import type { ClusterConfiguration, InitConfiguration } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { errorMessage, failedPrecondition, GantryError, oneLine } from '../../base/errors.ts';
import { misplacedArguments, withStandingArguments } from '../component-arguments.ts';
import {
  type InitConfigurations,
  initSettings,
  type KnownFlags,
  type MachineDefaults,
} from '../configuration/init-settings.ts';
import { parseConfiguration } from '../configuration/read-documents.ts';
import { settingsWarnings } from '../configuration/settings-warnings.ts';
import type { InitSettings } from '../settings.ts';
import {
  type Documents,
  fieldAt,
  type Given,
  isUnsaid,
  KINDS,
  onStanding,
  type Written,
  wholeDocuments,
} from './documents.ts';
import { fixedFieldProblems, keptFields, type Wanted, withoutSlash } from './fixed-fields.ts';
import { withLive } from './live.ts';
import type { Standing } from './read.ts';
import { recordText, unusableRecord } from './record.ts';

/** What an `init`, or a phase of it, goes by. */
export interface Decision {
  readonly init: InitConfiguration;
  readonly settings: InitSettings;
  readonly pkiDir: string;
  /** Something else is asked for than what stands. */
  readonly changes: boolean;
  readonly taintsSaid: boolean;
  /** Taints of the command before that this one says no more. */
  readonly taintsDropped: readonly Taint[];
  /** What there is to say of it that is no error. */
  readonly warnings: readonly string[];
}

export interface DecideOptions {
  /** Of the flag, which stands above flags and files. */
  readonly nodeName: string | undefined;
  /** Phases that are left out. */
  readonly skip: readonly string[];
  readonly machine: MachineDefaults & { readonly manifestsDir: string; readonly insideHost: boolean };
  readonly known: KnownFlags;
}

/**
 * What is given, on what stands here. Throws `failed-precondition` with a line for each value that a cluster which stands cannot have, and `invalid-argument` with what is wrong. Pure
 * but for what it asks of the machine.
 */
export function decide(
  given: Given,
  standing: Standing | undefined,
  { nodeName, skip, machine, known }: DecideOptions,
): Decision {
  const isSaid = !isUnsaid(fieldAt(given.documents.init ?? {}, ['nodeRegistration', 'taints']));
  const of = (
    documents: Documents,
    more: Pick<DecideOptions, 'nodeName' | 'skip'> & { readonly known?: KnownFlags },
  ) => {
    const { init: read, ...configuration } = configurationOf(documents);
    const init = more.nodeName === undefined ? read : withNodeName(read, more.nodeName);
    const settings = initSettings({ init, ...configuration, skip: more.skip }, machine, more.known);
    return { init, settings, pkiDir: withoutSlash(configuration.cluster.certificatesDir ?? '') };
  };
  const now = { nodeName, skip, known };
  // its flags may be those of an older version
  const before = { nodeName: undefined, skip: [] };
  if (standing === undefined) {
    const wanted = of(given.documents, now);
    const warnings = settingsWarnings(wanted.settings.cluster);
    return { ...wanted, changes: true, taintsSaid: true, taintsDropped: [], warnings };
  }
  const { documents, from, made, live } = standing;
  const ofRecord = (problem: string): Error => unusableRecord(problem, from);
  const ofGivableRecord = (problem: string): Error => unusableRecord(problem, from, true);
  const stands = toldWhere(ofRecord, () => of(documents, before));
  const ground = live === undefined ? documents : withLive(documents, live, stands, machine);
  const ofGround = live === undefined ? ofRecord : unusableConfigMaps;
  const present = toldWhere(ofGround, () => of(ground, before));
  const taken = withStandingArguments(known, stands.settings.cluster);
  // a flag that is none any more may be in any of these
  const alone = (part: Documents) => () => of(part, { ...before, known: taken });
  const asked = toldBy(
    () => of(onStanding(ground, given, keptFields(made)), { ...now, known: taken }),
    [
      { work: alone(given.documents), tell: undefined },
      { work: alone({ init: documents.init }), tell: ofGivableRecord },
      { work: alone(ground), tell: live === undefined ? ofGivableRecord : unusableConfigMaps },
    ],
  );
  const problems = fixedFieldProblems(stands, asked, made);
  if (problems.length > 0) throw failedPrecondition(problems.join('\n'));
  const isWanted = ({ key, effect }: Taint): boolean =>
    asked.settings.taints.some(each => each.key === key && each.effect === effect);
  return {
    ...asked,
    changes: textOf(asked) !== textOf(present),
    taintsSaid: isSaid,
    taintsDropped: isSaid ? stands.settings.taints.filter(taint => !isWanted(taint)) : [],
    warnings: [...settingsWarnings(asked.settings.cluster), ...misplacedArguments(asked.settings.cluster, known)],
  };
}

/** Who is told of a mistake that he has not made in this command has to know where it is. */
function toldWhere<T>(tell: (problem: string) => Error, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw tell(linesOf(error));
  }
}

/** The same where it may be in several places: of the first that has the very same mistake by itself, it is. What is in none, or in what is given (`tell` is undefined), is thrown as it is. */
function toldBy<T>(
  work: () => T,
  places: readonly { readonly work: () => unknown; readonly tell: ((problem: string) => Error) | undefined }[],
): T {
  try {
    return work();
  } catch (error) {
    const problem = linesOf(error);
    const found = places.find(place => withoutIndex(problemOf(place.work)) === withoutIndex(problem));
    throw found?.tell?.(problem) ?? error;
  }
}

function problemOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return linesOf(error);
  }
}

/** What is wrong, a line for each thing. */
function linesOf(error: unknown): string {
  return error instanceof GantryError ? error.message : errorMessage(error);
}

/** An argument may have another place in the list once there are more. */
function withoutIndex(problem: string): string {
  return problem.replace(/\[\d+\]/g, '');
}

function unusableConfigMaps(problem: string): Error {
  return failedPrecondition(
    `what the ConfigMaps kubeadm-config, kubelet-config and kube-proxy in kube-system say by now cannot be used: ${oneLine(problem)}. Mend them with kubectl -n kube-system edit configmap NAME`,
  );
}

function textOf({ settings, pkiDir }: Wanted): string {
  return recordText(settings, { pkiDir });
}

function withNodeName(init: InitConfiguration, name: string): InitConfiguration {
  return { ...init, nodeRegistration: { ...init.nodeRegistration, name } };
}

/** What documents say, with kubeadm's defaults. Throws `invalid-argument` with all that is wrong. */
function configurationOf(documents: Documents): Omit<InitConfigurations, 'skip'> {
  const text = wholeDocuments({ ...documents, init: documents.init ?? {}, cluster: documents.cluster ?? {} })
    .map(document => JSON.stringify(document))
    .join('\n---\n');
  const parsed = parseConfiguration(text, 'configuration', 'fields').documents;
  const of = (kind: string) => parsed.find(document => document.kind === kind)?.object ?? {};
  return {
    init: of(KINDS.init) as InitConfiguration,
    cluster: of(KINDS.cluster) as ClusterConfiguration,
    kubelet: saidBy(documents.kubelet),
    proxy: saidBy(documents.proxy),
  };
}

/** The fields of a document but for those that say what it is. */
function saidBy(document: Written = {}): Written {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== 'apiVersion' && name !== 'kind'));
}
