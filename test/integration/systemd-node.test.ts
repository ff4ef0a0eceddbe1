import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MachineSnapshot, machineSnapshot, snapshotDifference } from '../harness/machine-snapshot.ts';
import { NODE_ROOTS, noSystemdMachine, SystemdMachine } from '../harness/systemd-machine.ts';
import { CONTROL_PLANE_UNITS } from '../harness/units.ts';
import { allRenewed, type Machine } from '../harness/vm/certificates.ts';
import { onlyMode } from '../harness/vm/proxy-modes.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Renewed at two thirds: a machine may be slow for a third of it. */
const LIFE_S = 45;
const reason = noSystemdMachine();
if (reason !== undefined) console.info(`skipped: ${reason}`);

/** Asks the API server until it is ended, by a credential that nobody renews; a line for each answer that was none. */
const ASK = `
  i=0
  while [ ! -e /run/asked ]; do
    kubectl --kubeconfig=/run/watcher.conf get nodes -o name >/dev/null 2>/run/asking || { date; cat /run/asking; }
    i=$((i + 1))
  done
  echo "asked $i times"`;

// what test/vm does on two machines with a kernel of their own, on the kernel of this one
describe.skipIf(reason !== undefined)('a node whose daemons are units of systemd', () => {
  let machine: SystemdMachine;
  let bash: Machine;
  let before: MachineSnapshot;
  const list = (): Promise<MachineSnapshot> =>
    machineSnapshot({ run: script => machine.sh(script), roots: NODE_ROOTS });
  const pids = (): Promise<string[]> => Promise.all(CONTROL_PLANE_UNITS.map(unit => machine.property(unit, 'MainPID')));

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    const quoted = (script: string): string => Buffer.from(script).toString('base64');
    bash = { name: 'machine', sh: script => machine.sh(`echo ${quoted(script)} | base64 -d | bash`) };
    // the units want it, and it stays reached
    await machine.sh('systemctl start network-online.target');
    before = await list();
    await machine.sh(
      `gantry init --no-control-plane-taint --ignore-preflight-errors=all --certificate-validity-period=${LIFE_S}s 2>&1`,
    );
    await machine.sh(
      'gantry kubeconfig user --client-name=watcher --org=system:masters --validity-period=1h >/run/watcher.conf',
    );
  });

  afterAll(async () => {
    await machine?.stop();
  });

  it('changes the mode of its proxy by /etc/default, and keeps nothing of the one before', async () => {
    await onlyMode(bash, 'nftables');
    for (const mode of ['iptables', 'nftables'] as const) {
      await machine.sh(
        `echo GANTRY_EXTRA_ARGS=--proxy-mode=${mode} >/etc/default/gantry-node; systemctl restart gantry-node`,
      );
      await onlyMode(bash, mode);
    }
  });

  it('renews every certificate in the running units, and answers all the while', async () => {
    await machine.sh('systemctl start gantry-node');
    const old = await pids();
    const asking = bash.sh(ASK);
    const renewed = await allRenewed(bash);
    await machine.sh('touch /run/asked');
    expect(await asking).toMatch(/^asked \d\d+ times$/);
    expect(renewed).toHaveLength(13);
    expect(await pids()).toEqual(old);
  });

  it('is taken away by reset after all was killed, and the machine is as it was', async () => {
    await machine.sh('rm /run/watcher.conf /run/asked /run/asking /etc/default/gantry-node');
    await machine.sh(
      `systemctl kill --kill-whom=main --signal=KILL ${CONTROL_PLANE_UNITS.join(' ')}; gantry reset --force`,
    );
    await waitFor('no difference', async saw => {
      const difference = snapshotDifference(before, await list());
      saw(difference);
      return difference.length === 0;
    });
  });
});
