import { labelValue } from './names.ts';

/** Labels of nodes that are on their way out, each with what upstream says of it. */
const DEPRECATED = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ['failure-domain.beta.kubernetes.io/region', 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ['failure-domain.beta.kubernetes.io/zone', 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ['beta.kubernetes.io/instance-type', 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
  ['app.kubernetes.io/created-by', 'deprecated since v1.9'],
  ['scheduler.alpha.kubernetes.io/preferAvoidPods', 'deprecated since v1.22; use Taints and Tolerations instead'],
  ['node-role.kubernetes.io/master', 'use "node-role.kubernetes.io/control-plane" instead'],
]);

/** What is said of a label; undefined where it is in use. */
export function labelDeprecation(key: string): string | undefined {
  return DEPRECATED.get(key);
}

/** Of a selector of nodes, or of labels of nodes. */
interface Term {
  readonly matchExpressions?:
    | readonly { readonly key: string; readonly values?: readonly string[] | undefined }[]
    | undefined;
}

/** `checkValues`: values that no label can have are told as well. */
export function termWarnings(term: Term, checkValues: boolean, path: string): string[] {
  return (term.matchExpressions ?? []).flatMap(({ key, values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const said = labelDeprecation(key);
    return [
      ...(said === undefined ? [] : [`${at}.key: ${key} is ${said}`]),
      ...(checkValues
        ? values.flatMap((value, place) =>
            labelValue(value).map(reason => `${at}.values[${place}]: ${value} is invalid, ${reason}`),
          )
        : []),
    ];
  });
}
