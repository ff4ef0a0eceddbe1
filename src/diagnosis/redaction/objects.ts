import { LEFT_OUT, REDACTED } from './redacted.ts';
import { isAboutSecret, isSecretName } from './secret-names.ts';
import { redactText } from './text.ts';

/** Who has written which field, which fills pages. */
const DROPPED = new Set(['managedFields']);
/** What an author writes as he likes, and nobody needs to find out what is wrong with a node: words of programs and settings of drivers. */
const FREE = new Set(['args', 'command', 'volumeattributes']);
/** The same where it is a map: settings of drivers. The options of a resolver are a list. */
const FREE_MAPS = new Set(['options', 'parameters']);
/** Annotations of Kubernetes itself, whose values are numbers, names and states. */
const KEPT_ANNOTATION =
  /^(?:deployment\.kubernetes\.io\/[\w-]+|kubernetes\.io\/config\.(?:source|hash|seen|mirror)|node\.alpha\.kubernetes\.io\/ttl|volumes\.kubernetes\.io\/controller-managed-attach-detach|(?:pv|volume)\.(?:beta\.)?kubernetes\.io\/[\w.-]+|batch\.kubernetes\.io\/[\w-]+|endpoints\.kubernetes\.io\/[\w-]+|kubectl\.kubernetes\.io\/restartedAt|rbac\.authorization\.kubernetes\.io\/autoupdate|storageclass\.kubernetes\.io\/is-default-class|scheduler\.alpha\.kubernetes\.io\/[\w-]+|io\.kubernetes\.container\.(?:hash|restartCount|terminationMessagePath|terminationMessagePolicy|ports)|io\.kubernetes\.pod\.terminationGracePeriod|gantry\.io\/(?:container-resources|manifest-file)|kubeadm\.kubernetes\.io\/[\w.-]+)$/;
/** Lists or maps of names with values that an author chose freely: variables of containers, headers of probes and of registries (`header` in hosts.toml). */
const VALUE_LISTS = new Set(['env', 'envs', 'environment', 'environmentvariables', 'header', 'headers', 'httpheaders']);
/** Of a variable: where its value comes from. */
const VALUE_FROM = new Set(['valuefrom', 'valuefromref']);
/** `Liveness probe failed: ` and `PostStartHook of main failed: `, behind which there is what the program said. */
const SAID =
  /^(.{0,80}?(?: probe (?:failed|errored and resulted in unknown state|warning)|(?:PostStart|PreStop)Hook(?: of \S{1,80})? failed)): (.*)$/s;
const KNOWN_OUTPUT = /^(?:HTTP probe failed with statuscode: \d{3}|dial tcp [\w.:[\]]{1,64}: [\w .:/]{1,80})$/;
/** Before it stand the words of the command, with the values of variables in them. */
const TIMED_OUT = /^command timed out: .* timed out after ((?:\d{1,9}(?:\.\d{1,9})?(?:h|ms?|s)){1,3})$/s;
/** Where upstream's kubelets begin to tell of a hook: its words and what it said follow. */
const UPSTREAM_HOOK = /^(.{0,80}?(?:Exec|HTTP|Http) lifecycle hook) \(/s;

/**
 * A document (an object of the API, a configuration, a list of either) without what is or may be a secret. Of what an author writes as he likes (arguments, variables, headers, annotations, what a container,
 * a probe or a hook said last) only the names stay, of Secrets that there is one; values under names of secrets and below them are taken out, and in every other text what `redactText` takes out. Numbers,
 * flags and names stay. Pure.
 */
export function redactDocument(document: unknown): unknown {
  return redactValue(document, '');
}

function redactValue(value: unknown, name: string): unknown {
  if (typeof value === 'string') return isSecretName(name) && !isHarmless(value) ? REDACTED : redactString(value);
  if (typeof value === 'number' || typeof value === 'bigint') return isSecretName(name) ? REDACTED : value;
  if (Array.isArray(value)) return redactList(value, name);
  if (typeof value !== 'object' || value === null) return value;
  if (!isPlain(value)) return LEFT_OUT;
  const object = value as Readonly<Record<string, unknown>>;
  if (isSecretObject(object)) return { apiVersion: object['apiVersion'], kind: object['kind'], metadata: REDACTED };
  // a name beside its value, as in lists of variables wherever they are
  const named = Object.entries(object).find(([key]) => /^(?:name|key)$/i.test(key))?.[1];
  const namesSecret = typeof named === 'string' && isSecretName(named);
  return Object.fromEntries(
    Object.entries(object)
      .filter(([key]) => !DROPPED.has(key))
      .map(([key, inner]) => {
        const small = key.toLowerCase();
        if (/^values?$/.test(small) && namesSecret) return [key, withoutValues(inner)];
        if (key === 'annotations') return [key, redactAnnotations(inner)];
        if (VALUE_LISTS.has(small)) return [key, redactVariables(inner)];
        if (isFree(small, inner)) return [key, LEFT_OUT];
        if (key === 'terminated') return [key, redactValue(withoutMessage(inner), key)];
        const shown = key === 'message' ? withoutOutput(inner) : inner;
        return [redactText(key), redactValue(shown, isSecretName(name) && !isAbout(key, object) ? name : key)];
      }),
  );
}

function isFree(key: string, value: unknown): boolean {
  return FREE.has(key) ? typeof value !== 'number' : FREE_MAPS.has(key) && isPlain(value);
}

function withoutMessage(state: unknown): unknown {
  return isPlain(state) && 'message' in state ? { ...state, message: LEFT_OUT } : state;
}

/** Of what is told of a probe or a hook (in events, and where a container waits) only what says nothing of the program's own. */
function withoutOutput(message: unknown): unknown {
  if (typeof message !== 'string') return message;
  const [, hook] = UPSTREAM_HOOK.exec(message) ?? [];
  if (hook !== undefined) return `${hook}: ${LEFT_OUT}`;
  const [, head, said = ''] = SAID.exec(message) ?? [];
  if (head === undefined || KNOWN_OUTPUT.test(said)) return message;
  const [, after] = TIMED_OUT.exec(said) ?? [];
  return after === undefined
    ? `${head}: ${LEFT_OUT}`
    : `${head}: command timed out: ${LEFT_OUT} timed out after ${after}`;
}

/** Bytes, dates and the like are none. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Below the name of a secret: what is no secret there. The key of an item of a Secret stands beside the path of its file. */
function isAbout(key: string, object: Readonly<Record<string, unknown>>): boolean {
  return isSecretName(key) || isAboutSecret(key) || (key === 'key' && 'path' in object) || key === 'items';
}

/** A text that is JSON itself is redacted as what it says, where that changes anything; of `NAME=value` the whole value is one. */
function redactString(text: string): string {
  const [head = '', name = ''] = /^([\w.-]{1,256})=/.exec(text) ?? [];
  if (isSecretName(name)) return isHarmless(text.slice(head.length)) ? text : `${head}${REDACTED}`;
  if (!/^\s{0,64}[{[]/.test(text)) return redactText(text);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return redactText(text);
  }
  try {
    const left = JSON.stringify(redactDocument(parsed));
    return left === JSON.stringify(parsed) ? redactText(text) : left;
  } catch {
    // deeper than there is a stack for
    return REDACTED;
  }
}

function redactAnnotations(annotations: unknown): unknown {
  if (!isPlain(annotations)) return annotations === undefined || annotations === null ? annotations : LEFT_OUT;
  return Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [
      redactText(key),
      KEPT_ANNOTATION.test(key) ? redactValue(value, key) : LEFT_OUT,
    ]),
  );
}

function redactList(list: readonly unknown[], name: string): unknown {
  return list.map((item, at) => {
    const before = list[at - 1];
    // the word behind a flag without its own
    const flag = typeof item === 'string' && typeof before === 'string' && /^--?[\w.-]+$/.test(before) ? before : '';
    return isSecretName(flag) && !/^--[a-z]/i.test(String(item)) ? REDACTED : redactValue(item, name);
  });
}

function redactVariables(variables: unknown): unknown {
  if (Array.isArray(variables)) return variables.map(redactVariable);
  if (!isPlain(variables)) return REDACTED;
  return Object.fromEntries(
    Object.entries(variables).map(([key, value]) => [
      redactText(key),
      isPlain(value) ? redactVariable(value) : withoutValues(value),
    ]),
  );
}

/** A variable keeps its name and where its value comes from, never the value. */
function redactVariable(variable: unknown): unknown {
  if (typeof variable === 'string') return `${/^[\w.-]*/.exec(variable)?.[0] ?? ''}=${REDACTED}`;
  if (!isPlain(variable)) return withoutValues(variable);
  return Object.fromEntries(
    Object.entries(variable).map(([key, value]) => {
      const small = key.toLowerCase();
      return [
        redactText(key),
        VALUE_FROM.has(small) || (small === 'name' && typeof value === 'string')
          ? redactValue(value, key)
          : withoutValues(value),
      ];
    }),
  );
}

/** The shape of what is there, without anything that is. */
function withoutValues(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutValues);
  if (isPlain(value))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [redactText(key), withoutValues(inner)]));
  return value === null || value === undefined ? value : REDACTED;
}

function isSecretObject(object: Readonly<Record<string, unknown>>): boolean {
  return object['kind'] === 'Secret' && ('data' in object || 'stringData' in object || 'metadata' in object);
}

function isHarmless(value: string): boolean {
  return value === '' || value === 'true' || value === 'false' || value === REDACTED;
}
