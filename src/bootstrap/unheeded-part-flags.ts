import type { ControlPlanePart } from './component-arguments.ts';
import { becauseOf, type FlagReasons } from './configuration/flag-reasons.ts';

/** Why flags of upstream's parts of the control plane mean nothing here. */
interface Reasons {
  readonly logs: string;
  /** That nobody is served by the part. */
  readonly serving: string;
  readonly logins: string;
  readonly apiServer: string;
  readonly rates: string;
  readonly leases: string;
  readonly tokens: string;
}

/** Flags that mean nothing where the three parts are one process, as `init` makes them; and why. */
export const UNHEEDED_TOGETHER: Readonly<Record<ControlPlanePart, FlagReasons>> = unheeded({
  logs: 'the three parts of the control plane are one process, with one log',
  serving:
    'it is in the process of the API server, and has but /healthz and /metrics of its own, on 127.0.0.1 (healthz-port)',
  logins: 'it is in the process of the API server, and nobody logs in to it',
  apiServer: 'it logs in to the API server of its own process by the kubeconfig that init makes',
  rates: 'how it asks the API server of its own process is settled',
  leases: 'a cluster has one control plane, of one process, which settles its leases itself',
  tokens: 'the API server of its process signs tokens (service-account-signing-key-file in apiServer.extraArgs)',
});

/** The same of a part that is run alone. What its command line has is not asked for here. */
export const UNHEEDED_ALONE: Readonly<Record<ControlPlanePart, FlagReasons>> = unheeded({
  logs: 'GANTRY_LOG_LEVEL in the environment says how much is logged, in lines of JSON',
  serving: 'it has but /healthz and /metrics, on 127.0.0.1 (--healthz-port)',
  logins: 'nobody logs in to it',
  apiServer: 'it is in the file of --kubeconfig',
  rates: 'how it asks the API server is settled',
  leases: 'how it leads is settled, but for --leader-elect',
  tokens: 'the API server signs tokens (--service-account-signing-key-file of gantry run apiserver)',
});

function unheeded(why: Reasons): Readonly<Record<ControlPlanePart, FlagReasons>> {
  return {
    apiServer: ofAll(why),
    controllerManager: {
      ...ofClients(why),
      ...becauseOf(why.tokens, 'service-account-private-key-file'),
      ...becauseOf('it is networking.serviceSubnet', 'service-cluster-ip-range'),
      ...becauseOf(
        'all controllers are in one process, and none leads without the others',
        ...['enable-leader-migration', 'leader-migration-config'],
      ),
    },
    scheduler: ofClients(why),
  };
}

function ofAll(why: Reasons): FlagReasons {
  return {
    ...becauseOf('nothing here serves profiles', 'profiling', 'contention-profiling'),
    ...becauseOf(
      why.logs,
      ...['v', 'vmodule', 'logging-format', 'log-flush-frequency', 'log-json-info-buffer-size'],
      ...['log-json-split-stream', 'log-text-info-buffer-size', 'log-text-split-stream'],
    ),
  };
}

/** Of controller manager and scheduler. */
function ofClients(why: Reasons): FlagReasons {
  return {
    ...ofAll(why),
    ...becauseOf(
      why.serving,
      ...['bind-address', 'secure-port', 'cert-dir', 'tls-cert-file', 'tls-private-key-file', 'tls-sni-cert-key'],
      ...['tls-cipher-suites', 'tls-curve-preferences', 'tls-min-version', 'http2-max-streams-per-connection'],
      ...['disable-http2-serving', 'permit-address-sharing', 'permit-port-sharing'],
    ),
    ...becauseOf(
      why.logins,
      ...['client-ca-file', 'authentication-kubeconfig', 'authentication-skip-lookup'],
      ...['authentication-token-webhook-cache-ttl', 'authentication-tolerate-lookup-failure'],
      ...['authorization-kubeconfig', 'authorization-always-allow-paths'],
      ...['authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl'],
      ...['requestheader-allowed-names', 'requestheader-client-ca-file', 'requestheader-extra-headers-prefix'],
      ...['requestheader-group-headers', 'requestheader-uid-headers', 'requestheader-username-headers'],
    ),
    ...becauseOf(why.apiServer, 'kubeconfig', 'master'),
    ...becauseOf(why.rates, 'kube-api-burst', 'kube-api-content-type', 'kube-api-qps'),
    ...becauseOf(
      why.leases,
      ...['leader-elect', 'leader-elect-lease-duration', 'leader-elect-renew-deadline', 'leader-elect-retry-period'],
      ...['leader-elect-resource-lock', 'leader-elect-resource-name', 'leader-elect-resource-namespace'],
    ),
  };
}
