import type { Ingress, IngressClass } from '../../api/types/gen/networking-v1.ts';
import { ALLOW, changeTo, type Decision, isAbout, type Lister, type WriteRequest } from './admission.ts';
import { newestFirst } from './newest-first.ts';

const CLASSES = { group: 'networking.k8s.io', resource: 'ingressclasses' };
const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class';
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** An ingress that names no class gets the default one: of several the newest, then the first by name. */
export function decideDefaultIngressClass(request: WriteRequest, lister: Lister): Decision {
  if (request.operation !== 'CREATE' || !isAbout(request, 'networking.k8s.io', 'ingresses')) return ALLOW;
  const ingress = request.object as Ingress;
  if (ingress.spec.ingressClassName !== undefined) return ALLOW;
  if (ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return ALLOW;
  const classes = lister.list(CLASSES, '') as readonly IngressClass[];
  const [chosen] = classes
    .filter(({ metadata }) => metadata.annotations?.[IS_DEFAULT] === 'true')
    .toSorted(newestFirst);
  if (chosen === undefined) return ALLOW;
  return changeTo({ ...ingress, spec: { ...ingress.spec, ingressClassName: chosen.metadata.name } } as Ingress);
}
