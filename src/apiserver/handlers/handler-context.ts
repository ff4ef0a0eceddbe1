import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { AdmissionPlugin } from '../admission/plugin.ts';
import type { TokenAuthenticator } from '../authn/authenticator.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { RbacAuthorizer } from '../authz/rbac/rbac-authorizer.ts';
import type { BodyDecoder } from '../body/body-decoder.ts';
import type { ComponentCheck } from '../component-health.ts';
import type { Kubelets } from '../kubelets.ts';
import type { ProxyAgents } from '../proxy/proxy-agents.ts';
import type { QuotaCharger } from './quota-charge.ts';
import type { UsageSource } from './resource-usage.ts';
import type { ServedResource } from './served-resource.ts';
import type { ServiceAllocator } from './service-allocator.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** What the handlers work with. */
export interface HandlerContext {
  /** By `group/version/plural`. */
  readonly resources: ReadonlyMap<string, ServedResource>;
  readonly bodies: BodyDecoder;
  readonly admission: readonly AdmissionPlugin[];
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly allocator: ServiceAllocator;
  readonly quotas: QuotaCharger;
  readonly tokens: TokenIssuer;
  /** For TokenReview. */
  readonly tokenAuthenticator: TokenAuthenticator;
  /** Where logs of pods come from, and streams of their containers. */
  readonly kubelets: Kubelets;
  /** To pods, services and other ports of nodes. */
  readonly proxies: ProxyAgents;
  /** What componentstatuses ask. */
  readonly components: ReadonlyMap<string, ComponentCheck>;
  /** What nodes and pods use. */
  readonly usage: UsageSource;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who writes, and how. */
export interface WriteOptions {
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** The name under which fields are managed; empty for one that said none. */
  readonly fieldManager: string;
  /** As the user is asked for the right to it: `create`, `update` or `patch`. */
  readonly verb: string;
  warn(text: string): void;
}
