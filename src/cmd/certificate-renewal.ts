import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Node } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import { joinedSignal, sleep } from '../base/signals.ts';
import { AUTHORITIES, managedAuthorities, managedCertificates } from '../bootstrap/certificates/renewal/inventory.ts';
import { type RenewalResult, renewDueCertificates } from '../bootstrap/certificates/renewal/renew-due.ts';
import type { Files } from '../bootstrap/files.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { Counter, Gauge, type Registry } from '../daemon/metrics.ts';
import { fileStamps } from '../linux/file-stamps.ts';
import { WatchedFiles } from '../linux/watched-files.ts';

export interface CertificateRenewalOptions {
  readonly files: Files;
  /** Certificates that the process uses and that are not among those in `files`: their ends are told, and warned of in time. */
  readonly others: readonly string[];
  /** How long new certificates hold. */
  readonly lifeMs: number;
  /** Whether a directory can be read. */
  readonly answers: (directory: string) => Promise<boolean>;
  /** Where events are told, and of which Node. */
  readonly events: EventRecorder;
  readonly nodeName: string;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Timers hold no longer times, and a clock may be set meanwhile: it is looked at again after this. */
const LONGEST_SLEEP_MS = 3_600_000;
const RETRY_MS = 60_000;
/** What is due again at once, whatever was done about it, must not become a loop without a pause; what changes is looked at no more often. */
const PAUSE_MS = 1000;

/**
 * Keeps the certificates of a control plane new in their files, for as long as it runs, and looks at those that others put there when they do. Whoever uses them sees that the
 * files changed: etcd at each handshake, the others by inotify. It does not fail: what cannot be renewed is told in the log, as an event of the Node and as a metric.
 */
export function certificateRenewal(options: CertificateRenewalOptions): Component {
  const { files, others, lifeMs, clock, log } = options;
  const paths = (): readonly string[] => watchedPaths(files, others);
  const metrics = renewalMetrics(options.registry);
  return {
    name: 'certificate-renewal',
    async run(signal, ready) {
      // the kubelet's are looked at seldom: whoever does so at each change of others meets a disk that hangs
      let kubeletAt = clock.now();
      let changed = new AbortController();
      let seen = fileStamps(paths());
      // a write that fails makes and removes a file in the same directory: that is no reason to try again at once
      const look = (): void => {
        if (fileStamps(paths()) !== seen) changed.abort();
      };
      const watched = new WatchedFiles({ paths, onChange: look, clock });
      for (const path of others)
        log.warn({ certificate: path, kept: files.pkiDir }, 'a certificate of this process is not renewed by it');
      ready();
      let told: readonly string[] = [];
      while (!signal.aborted) {
        changed = new AbortController();
        seen = fileStamps(paths());
        const answers = clock.now() >= kubeletAt && options.answers;
        const result = await renewDueCertificates(files, { now: clock.now(), lifeMs, others, answers });
        if (answers !== false) kubeletAt = clock.now() + kubeletPause(files, result, clock.now());
        tellRenewals(result, log);
        tellEvents(options, result);
        for (const [name, end] of result.ends) metrics.expiration.set({ name }, end / 1000);
        metrics.failures.inc(result.failed.length);
        for (const warning of result.warnings) if (!told.includes(warning)) warn(options, warning);
        told = result.warnings;
        const waitMs = waitAfter(result, clock.now(), lifeMs);
        await sleep(PAUSE_MS, signal, clock).catch(() => undefined);
        await sleep(waitMs - PAUSE_MS, joinedSignal(changed.signal, signal), clock).catch(() => undefined);
        changed.abort();
      }
      watched.close();
    },
  };
}

/**
 * Of what others may replace, keys and CAs too; a directory that is not there is not waited for. Not the kubelet's own, which asks for its next one itself: a disk of its own that hangs
 * must not hold up a control plane.
 */
function watchedPaths(files: Files, others: readonly string[]): readonly string[] {
  const authorities = managedAuthorities(files).map(name => `${files.pkiDir}/${AUTHORITIES[name]}`);
  return [
    ...managedCertificates(files).flatMap(({ at }) => {
      if (at.form === 'pair') return [at.certificate, at.key];
      return at.form === 'kubeconfig' ? [at.path] : [];
    }),
    ...authorities.flatMap(base => [`${base}.crt`, `${base}.key`]),
    ...others,
  ].filter(path => existsSync(dirname(path)));
}

/** Until the kubelet's are looked at again, in ms: when one ends, which it may have failed to replace, or the try to replace it here has failed; after an hour otherwise. */
function kubeletPause(files: Files, { ends, failed }: RenewalResult, now: number): number {
  const names = managedCertificates(files)
    .filter(({ ofKubelet }) => ofKubelet)
    .map(({ name }) => name);
  if (failed.some(({ name }) => names.includes(name))) return RETRY_MS;
  const left = names.flatMap(name => ends.get(name) ?? []).map(end => Math.max(PAUSE_MS, end - now));
  return Math.min(LONGEST_SLEEP_MS, ...left);
}

/** Says what was renewed and until when it holds, and what was not. */
export function tellRenewals({ renewed, failed }: Pick<RenewalResult, 'renewed' | 'failed'>, log: Logger): void {
  for (const { name, because, notAfter } of renewed)
    log.info({ certificate: name, because, until: new Date(notAfter).toISOString() }, 'renewed a certificate');
  for (const { name, because } of failed)
    log.error({ certificate: name, because }, 'a certificate could not be renewed; trying again');
}

/** What was renewed is looked at again at once, for when it is due next. */
function waitAfter({ renewed, failed, nextAt }: RenewalResult, now: number, lifeMs: number): number {
  if (renewed.length > 0) return PAUSE_MS;
  const next = Math.max(PAUSE_MS, (nextAt ?? Number.POSITIVE_INFINITY) - now);
  return Math.min(next, LONGEST_SLEEP_MS, failed.length === 0 ? LONGEST_SLEEP_MS : Math.min(RETRY_MS, lifeMs / 20));
}

function tellEvents({ events, nodeName }: CertificateRenewalOptions, { renewed, failed }: RenewalResult): void {
  const target = nodeTarget(nodeName);
  for (const { name, notAfter } of renewed)
    events.record(target, 'Normal', 'CertificateRenewed', `Renewed ${name}: it holds until ${iso(notAfter)}`);
  for (const { name, because } of failed)
    events.record(target, 'Warning', 'CertificateRenewalFailed', `${name} was not renewed: ${because}`);
}

function warn({ events, nodeName, log }: CertificateRenewalOptions, warning: string): void {
  log.warn(warning);
  events.record(nodeTarget(nodeName), 'Warning', 'CertificateExpirationWarning', warning);
}

/** Events of a node have its name for its UID, as the kubelet's. */
function nodeTarget(name: string) {
  const object: Node = { metadata: { name, uid: name } } as Node;
  return { apiVersion: 'v1', kind: 'Node', object };
}

function renewalMetrics(registry: Registry) {
  const registers = [registry];
  return {
    expiration: new Gauge({
      name: 'gantry_certificate_expiration_timestamp_seconds',
      help: 'When a certificate of this control plane expires, in seconds since the epoch.',
      labelNames: ['name'],
      registers,
    }),
    failures: new Counter({
      name: 'gantry_certificate_renewal_failures_total',
      help: 'Renewals of certificates of this control plane that failed.',
      registers,
    }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
