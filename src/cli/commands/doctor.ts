import type { Command } from '../command.ts'
import { checkBrowser, checkCacheFolder, checkDisk, checkNode } from '../doctor/machine.ts'
import { checkPython } from '../doctor/python.ts'
import { checkWeights } from '../doctor/weights.ts'
import { exitCodes } from '../exit-codes.ts'

const marks = { ok: 'ok      ', missing: 'missing ', problem: 'PROBLEM ' } as const

/** `phalanx doctor`: looks at everything a lab needs and says what to do about what is wrong. */
export const doctor: Command = {
  name: 'doctor',
  summary: 'look at everything a lab needs, with a remedy for each problem',
  positionals: [],
  options: {},
  example: 'phalanx doctor --json',
  run: async (_given, { terminal, signal }) => {
    terminal.status('Looking at Node, Python, torch, a worker, disk and weights')
    const checks = [
      checkNode(),
      await checkCacheFolder(),
      await checkDisk(),
      ...(await checkWeights()),
      await checkBrowser(),
      ...(await checkPython(signal)),
    ]
    const healthy = checks.every(({ status }) => status !== 'problem')
    terminal.result({ healthy, checks }, () =>
      checks
        .map(({ name, status, found, remedy }) =>
          [
            `${marks[status]} ${name}: ${found}`,
            ...(remedy === null || remedy === found ? [] : [`         → ${remedy}`]),
          ].join('\n'),
        )
        .join('\n'),
    )
    return healthy ? exitCodes.success : exitCodes.failure
  },
}
