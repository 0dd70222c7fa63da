// `postern doctor`: one look at everything that can be wrong around an office, each with what to do about it.

import { availableParallelism, totalmem } from 'node:os';
import type { Command } from 'commander';
import { formatSize } from '../base/text.ts';
import { systemClock } from '../base/time.ts';
import { AlreadySaid, makeCommand, type OfficeOptions, withDataOption, withJsonOption } from './command.ts';
import { facts, print, printJson } from './output.ts';

const MARKS = { ok: 'ok     ', warning: 'WARNING', fault: 'FAULT  ' } as const;

export function doctorCommand(): Command {
  const about =
    'Examine the office: folder, configuration, certificate, what listens, disk, clock, speed of cryptography.';
  const command = makeCommand('doctor', about, ['postern doctor', 'postern doctor --json']);
  return withJsonOption(withDataOption(command)).action(examineOffice);
}

async function examineOffice({ data, json }: OfficeOptions): Promise<void> {
  const [{ examine }, { measureCrypto }, { dataFolderAt }, { counters }] = await Promise.all([
    import('../office/doctor.ts'),
    import('../office/crypto-speed.ts'),
    import('../office/data-folder.ts'),
    import('../office/counters.ts'),
  ]);
  const findings = await examine(dataFolderAt(data), counters, systemClock);
  const speed = measureCrypto();
  const machine = { node: process.versions.node, cores: availableParallelism(), memory: totalmem() };
  const ok = findings.every(({ state }) => state !== 'fault');
  if (json) printJson({ ok, findings, machine, speed });
  else {
    for (const { name, state, says, remedy } of findings) {
      print(`${MARKS[state]}  ${name}: ${says}`);
      if (remedy !== undefined) print(`         what to do: ${remedy}`);
    }
    print('');
    print(
      facts([
        ['machine', `Node ${machine.node}, ${machine.cores} cores, ${formatSize(machine.memory)} of memory`],
        ...speed.map(({ name, value, unit }) => [name, `${value.toLocaleString('en')} ${unit}`] as const),
      ]),
    );
  }
  if (!ok) throw new AlreadySaid();
}
