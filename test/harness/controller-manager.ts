import { ControlPlanePart } from './control-plane-part.ts';

/** The built controller manager against some API server; it can be killed and started again. */
export class TestControllerManager extends ControlPlanePart {
  static async start(kubeconfig: string, args: readonly string[] = []): Promise<TestControllerManager> {
    const manager = new TestControllerManager('controller-manager', kubeconfig, args);
    await manager.start();
    return manager;
  }
}
