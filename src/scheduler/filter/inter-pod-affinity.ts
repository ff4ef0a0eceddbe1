import type { Pod } from '../../api/types/gen/core-v1.ts';
import { type AffinityTerm, affinityTermsOf, allTermsMatch, NO_TERMS, termMatches } from '../affinity-term.ts';
import type { ClusterChange } from '../cluster-change.ts';
import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Steps } from '../steps.ts';
import { TopologyCounts } from '../topology-counts.ts';
import { differs, type Filter, type NodeCheck, type Prepared, type Refusal } from './filter.ts';

const NAME = 'InterPodAffinity';
const refused = (isFinal: boolean, reason: string): Refusal => ({ plugin: NAME, isFinal, reasons: [reason] });
const NO_COMPANY = refused(true, "node(s) didn't match pod affinity rules");
const BAD_COMPANY = refused(false, "node(s) didn't match pod anti-affinity rules");
const UNWELCOME = refused(false, "node(s) didn't satisfy existing pods anti-affinity rules");

/** Required affinity and anti-affinity between pods, that of pods which are there included. */
export const interPodAffinity: Filter = {
  name: NAME,
  *prepare(pod, picture): Steps<Prepared> {
    if (pod.unreadable !== undefined) return refused(true, `parsing pod: ${pod.unreadable}`);
    const check = new AffinityCheck(pod, picture);
    for (const node of picture.nodesWithAntiAffinity) {
      for (const other of node.withRequiredAntiAffinity.values()) check.countTermsOf(other, node, 1);
      yield;
    }
    const { affinity, antiAffinity } = pod.terms;
    if (affinity.length > 0 || antiAffinity.length > 0)
      for (const node of picture.nodes) {
        for (const other of node.pods.values()) check.countOther(other, node, 1);
        yield;
      }
    return check.isIdle ? undefined : check;
  },
  changes: ['pod', 'node', 'self', 'namespace'],
  mayHelp(change, pod, picture) {
    switch (change.kind) {
      case 'self':
        return differs(change.before.metadata.labels, change.after.metadata.labels);
      case 'pod':
        return podMayHelp(change.before, change.after, pod, picture);
      case 'node':
        return nodeMayHelp(change, pod);
      case 'namespace':
        return differs(change.before?.metadata.labels, change.after?.metadata.labels);
      default:
        return false;
    }
  },
};

class AffinityCheck implements NodeCheck {
  readonly #pod: PodInfo;
  readonly #picture: Picture;
  /** Pods by which the pod is kept away, those that it wants, those that it keeps away from. */
  #unwelcome = new TopologyCounts();
  #wanted = new TopologyCounts();
  #unwanted = new TopologyCounts();

  constructor(pod: PodInfo, picture: Picture) {
    this.#pod = pod;
    this.#picture = picture;
  }

  get isIdle(): boolean {
    const { affinity, antiAffinity } = this.#pod.terms;
    return affinity.length === 0 && antiAffinity.length === 0 && this.#unwelcome.isEmpty;
  }

  check(node: NodeInfo): Refusal | undefined {
    if (!this.#hasCompany(node)) return NO_COMPANY;
    const { antiAffinity } = this.#pod.terms;
    if (antiAffinity.some(({ topologyKey }) => this.#unwanted.of(node, topologyKey) > 0)) return BAD_COMPANY;
    for (const key of this.#unwelcome.keys) if (this.#unwelcome.of(node, key) > 0) return UNWELCOME;
    return undefined;
  }

  copy(): AffinityCheck {
    const copy = new AffinityCheck(this.#pod, this.#picture);
    copy.#unwelcome = this.#unwelcome.copy();
    copy.#wanted = this.#wanted.copy();
    copy.#unwanted = this.#unwanted.copy();
    return copy;
  }

  count(other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    this.countTermsOf(other, node, sign);
    this.countOther(other, node, sign);
  }

  /** The anti-affinity of another pod, held against this one. */
  countTermsOf(other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    if (other.terms.antiAffinity.length === 0) return;
    const labels = this.#picture.namespaceLabels(this.#pod.namespace) ?? {};
    for (const term of other.terms.antiAffinity)
      if (termMatches(term, this.#pod.pod, labels)) this.#unwelcome.add(node, term.topologyKey, sign);
  }

  /** The terms of this pod, held against another one. */
  countOther(other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    const { affinity, antiAffinity } = this.#pod.terms;
    const labels = this.#picture.namespaceLabels(other.namespace);
    if (allTermsMatch(affinity, other.pod, labels))
      for (const { topologyKey } of affinity) this.#wanted.add(node, topologyKey, sign);
    for (const term of antiAffinity)
      if (termMatches(term, other.pod, labels)) this.#unwanted.add(node, term.topologyKey, sign);
  }

  /** The first pod of a group that wants its own company finds none: it may be anywhere that has the labels. */
  #hasCompany(node: NodeInfo): boolean {
    const { affinity } = this.#pod.terms;
    if (affinity.some(({ topologyKey }) => node.label(topologyKey) === undefined)) return false;
    if (affinity.every(({ topologyKey }) => this.#wanted.of(node, topologyKey) > 0)) return true;
    const labels = this.#picture.namespaceLabels(this.#pod.namespace);
    return this.#wanted.isEmpty && allTermsMatch(affinity, this.#pod.pod, labels);
  }
}

/** Company that comes helps affinity, company that goes helps anti-affinity, of either. */
function podMayHelp(before: Pod | undefined, after: Pod | undefined, pod: PodInfo, picture: Picture): boolean {
  const { affinity, antiAffinity } = pod.terms;
  const isWanted = (other: Pod | undefined): boolean => other !== undefined && matches(affinity, other, picture);
  const isUnwanted = (other: Pod | undefined): boolean =>
    other !== undefined && (matches(antiAffinity, other, picture) || matches(antiTermsOf(other), pod.pod, picture));
  return (isWanted(after) && !isWanted(before)) || (isUnwanted(before) && !isUnwanted(after));
}

function matches(terms: readonly AffinityTerm[], pod: Pod, picture: Picture): boolean {
  const labels = picture.namespaceLabels(pod.metadata.namespace ?? '');
  return terms.some(term => termMatches(term, pod, labels));
}

function antiTermsOf(pod: Pod): readonly AffinityTerm[] {
  try {
    return affinityTermsOf(pod).antiAffinity;
  } catch {
    return NO_TERMS.antiAffinity;
  }
}

/** A node that is new in a group, or has left one. Pods on a node that is gone count no more. */
function nodeMayHelp({ before, after }: Extract<ClusterChange, { kind: 'node' }>, { terms }: PodInfo): boolean {
  if (before === undefined || after === undefined) return true;
  const isMoved = ({ topologyKey }: AffinityTerm): boolean =>
    before.metadata.labels?.[topologyKey] !== after.metadata.labels?.[topologyKey];
  // where others keep the pod away, it is not known by which label
  return (
    [...terms.affinity, ...terms.antiAffinity].some(isMoved) || differs(before.metadata.labels, after.metadata.labels)
  );
}
